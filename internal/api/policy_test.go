package api_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

func (w *world) putPolicy(name, document string) error {
	return w.Call("PutPolicy", wire.PutPolicyInput{Name: name, Document: document}, &wire.PutPolicyOutput{})
}

func TestAPolicyTakesEffectAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		they := w.as(w.CreatePrincipal("they", identity.None))
		get := func() error {
			_, err := they.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: &host})
			return err
		}
		apitest.ExpectError(t, get(), "AccessDeniedException",
			"User: arn:aws:iam::111122223333:user/they is not authorized to perform: codeconnections:GetHost on "+
				"resource: * because no policy allows the action")
		put := func(name, document string) {
			t.Helper()
			if err := w.putPolicy(name, document); err != nil {
				t.Fatal(err)
			}
		}

		put("reads", `permit (principal == User::"they", action == Action::"codeconnections:GetHost", resource);`)
		if err := get(); err != nil {
			t.Error(err)
		}

		put("never", `forbid (principal, action == Action::"codeconnections:GetHost", resource)
			unless { principal in Role::"admin" };`)
		if err := get(); err == nil {
			t.Error("what is forbidden was answered")
		}

		var out wire.GetPolicyOutput
		if err := w.Call("GetPolicy", wire.GetPolicyInput{Name: "reads"}, &out); err != nil {
			t.Fatal(err)
		}

		if got := out.Policy.Name; got != "reads" {
			t.Errorf("Name = %q, want reads", got)
		}

		if out.Policy.CreatedAt.IsZero() {
			t.Error("CreatedAt is zero")
		}

		var all wire.ListPoliciesOutput
		if err := w.Call("ListPolicies", wire.ListPoliciesInput{}, &all); err != nil {
			t.Fatal(err)
		}

		if len(all.Policies) != 2 {
			t.Fatalf("listed %+v, want two policies", all.Policies)
		}

		if got := all.Policies[0].Name; got != "never" {
			t.Errorf("the first policy = %q, want never", got)
		}

		if err := w.Call("DeletePolicy", wire.DeletePolicyInput{Name: "never"},
			&wire.DeletePolicyOutput{}); err != nil {
			t.Fatal(err)
		}

		if err := get(); err != nil {
			t.Error(err)
		}

		for _, operation := range []string{"GetPolicy", "DeletePolicy"} {
			apitest.ExpectError(t, w.Call(operation, wire.GetPolicyInput{Name: "never"}, nil),
				"ResourceNotFoundException", "never")
			apitest.ExpectError(t,
				w.as(w.CreateKey(other, identity.Admin)).Call(operation, wire.GetPolicyInput{Name: "reads"},
					nil), "ResourceNotFoundException", "reads")
		}
	})
}

func TestInvalidPolicyIsRefusedWithItsPosition(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for _, tc := range []struct{ document, says string }{
		{"permit (principal, action, resource)", "line 1, column 37"},
		{"permit (principal, action, resource);\n  permit (principal, action, resource) when { nonsense };",
			"line 2, column"},
		{"permit (principal, action == Action::\"codeconnections:Fly\", resource);", "line 1, column"},
		{"\n\npermit (principal, action, resource) when { resource.colour == \"red\" };", "line 3, column"},
		{"# permit", "line 1, column 1"},
	} {
		apitest.ExpectError(t, w.putPolicy("bad", tc.document), "InvalidInputException", tc.says)
	}

	apitest.ExpectError(t, w.putPolicy("no name", "permit (principal, action, resource);"), "ValidationException",
		"'name'")
	var all wire.ListPoliciesOutput
	if err := w.Call("ListPolicies", wire.ListPoliciesInput{}, &all); err != nil || len(all.Policies) != 0 {
		t.Errorf("kept %+v, %v", all, err)
	}
}

// A policy of one account says nothing in another, not even of everybody.
func TestPolicyAppliesToItsAccountOnly(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	stranger := w.as(w.CreateKey(other, identity.Admin))
	if err := stranger.putPolicy("all", `permit (principal, action, resource);`); err != nil {
		t.Fatal(err)
	}

	they := w.as(w.CreatePrincipal("they", identity.None))
	apitest.ExpectError(t, they.Call("ListPolicies", wire.ListPoliciesInput{}, nil), "AccessDeniedException",
		"no policy allows")
	if err := stranger.putPolicy("none",
		fmt.Sprintf(`forbid (principal, action, resource == Account::%q);`, account)); err != nil {
		t.Fatal(err)
	}

	if err := w.Call("ListPolicies", wire.ListPoliciesInput{}, &wire.ListPoliciesOutput{}); err != nil {
		t.Error(err)
	}
}
