package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

// allowed is an allowed_signers file with one key.
const allowed = "ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAN8A/adNAqkOlGUORB5V5qC3fp01J4QGafqZc8qBjpl\n"

func TestASignaturePolicyIsPutShownAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra"))
		const kind = "CFN_STACK_SYNC"
		var got wire.GetSignaturePolicyOutput
		get := func() error {
			got = wire.GetSignaturePolicyOutput{}
			return w.Call("GetSignaturePolicy", wire.GetSignaturePolicyInput{SyncType: kind, ResourceName: "web"}, &got)
		}
		put := func(name, text string) error {
			return w.Call("PutSignaturePolicy", wire.PutSignaturePolicyInput{
				SyncType:       kind,
				ResourceName:   name,
				AllowedSigners: text,
			}, &wire.PutSignaturePolicyOutput{})
		}

		if err := get(); err == nil || !strings.Contains(err.Error(), "Could not find a signature policy") {
			t.Errorf("before: %v", err)
		}

		for _, text := range []string{allowed, "# again\n" + allowed} {
			if err := put("web", text); err != nil {
				t.Fatal(err)
			}
			if err := get(); err != nil {
				t.Fatal(err)
			}

			if got.AllowedSigners != text {
				t.Errorf("AllowedSigners = %q, want %q", got.AllowedSigners, text)
			}

			if got.PublicKeys != "" {
				t.Errorf("PublicKeys = %q, want none", got.PublicKeys)
			}

			if got.UpdatedAt.IsZero() {
				t.Error("UpdatedAt is zero")
			}
		}

		if err := put("web", "ann ssh-ed25519 nonsense"); err == nil ||
			!strings.Contains(err.Error(), "Allowed signers, line 1") {
			t.Errorf("nonsense: %v", err)
		}

		if err := put("api", allowed); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
			t.Errorf("of a resource that is not synced: %v", err)
		}

		for range 2 {
			err := w.Call("DeleteSignaturePolicy", wire.DeleteSignaturePolicyInput{
				SyncType:     kind,
				ResourceName: "web",
			}, &wire.DeleteSignaturePolicyOutput{})
			if err != nil {
				t.Errorf("deleted: %v", err)
			}
		}

		if err := get(); err == nil {
			t.Errorf("after: %+v", got)
		}
	})
}

// listSigners returns the signature policies that the caller may read, in pages of a
// size.
func (w *world) listSigners(size int) (all []wire.ResourceSignaturePolicy) {
	w.Helper()
	input := wire.ListSignaturePoliciesInput{MaxResults: &size}
	for more := true; more; more = input.NextToken != "" {
		var out wire.ListSignaturePoliciesOutput
		if err := w.Call("ListSignaturePolicies", input, &out); err != nil {
			w.Fatal(err)
		}

		if len(out.SignaturePolicies) == 0 && out.NextToken != "" {
			w.Error("an empty page goes on")
		}

		all, input.NextToken = append(all, out.SignaturePolicies...), out.NextToken
	}

	return all
}

func resourcesOf(all []wire.ResourceSignaturePolicy) (names []string) {
	for _, p := range all {
		names = append(names, p.ResourceName)
	}
	return names
}

// putSigners lets Ann alone sign for resources.
func (w *world) putSigners(names ...string) {
	w.Helper()
	for _, name := range names {
		input := wire.PutSignaturePolicyInput{
			SyncType:       "CFN_STACK_SYNC",
			ResourceName:   name,
			AllowedSigners: "# " + name + "\n" + allowed,
		}
		if err := w.Call("PutSignaturePolicy", input, &wire.PutSignaturePolicyOutput{}); err != nil {
			w.Fatal(err)
		}
	}
}

func TestSignaturePoliciesAreListedByNameAsTheyWerePut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		for _, name := range []string{"web", "open", "Api", "db"} {
			w.createConfiguration(name, link)
		}

		w.putSigners("web", "db", "Api")
		for _, size := range []int{1, 2, 3, 100} {
			got := w.listSigners(size)
			if diff := cmp.Diff([]string{"Api", "db", "web"}, resourcesOf(got)); diff != "" {
				t.Fatalf("%d at a time (-want +got):\n%s", size, diff)
			}

			for _, shown := range got {
				var one wire.GetSignaturePolicyOutput
				if err := w.Call("GetSignaturePolicy",
					wire.GetSignaturePolicyInput{
						SyncType:     shown.SyncType,
						ResourceName: shown.ResourceName,
					}, &one); err != nil {
					t.Fatal(err)
				}

				if diff := cmp.Diff(one,
					wire.GetSignaturePolicyOutput{
						AllowedSigners: shown.AllowedSigners,
						PublicKeys:     shown.PublicKeys,
						UpdatedAt:      shown.UpdatedAt,
					}); diff != "" {
					t.Errorf("%s (-got alone +listed):\n%s", shown.ResourceName, diff)
				}
			}
		}

		if got := w.as(w.CreateKey(other, identity.Admin)).listSigners(100); got != nil {
			t.Errorf("another account sees %v", resourcesOf(got))
		}

		apitest.ExpectError(t, w.Call("ListSignaturePolicies", wire.ListSignaturePoliciesInput{NextToken: "x"}, nil),
			"InvalidInputException", "NextToken")
	})
}

// Reading a signature policy needs its own action: permission to read the resource
// is not enough.
func TestSignaturePoliciesAreListedIfTheCallerMayGetThem(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		var names []string
		for n := range 9 {
			names = append(names, fmt.Sprintf("r%d", n))
			w.createConfiguration(names[n], link)
		}

		w.putSigners(names...)
		n := 0
		for policy, want := range map[string][]string{
			`permit (principal == User::"WHO", action in Action::"Read", resource)
			 when { resource is Account ||
				(resource has resourceName && ["r1", "r4", "r5", "r8"].contains(resource.resourceName)) };`: {
				"r1", "r4", "r5", "r8",
			},
			`permit (principal == User::"WHO", action in Action::"Read", resource)
			 unless { action == Action::"lockstep:GetSignaturePolicy" };`: nil,
			`permit (principal == User::"WHO", action in Action::"Read", resource);
			 forbid (principal == User::"WHO", action == Action::"lockstep:GetSignaturePolicy", resource)
			 when { resource.resourceName == "r7" };`: append(slices.Clone(names[:7]), "r8"),
			`permit (principal == User::"WHO",
				action in [Action::"lockstep:ListSignaturePolicies", Action::"lockstep:GetSignaturePolicy"],
				resource);`: names,
		} {
			n++
			name := fmt.Sprintf("who%d", n)
			they := w.as(w.CreatePrincipal(name, identity.None, strings.ReplaceAll(policy, "WHO", name)))
			for _, size := range []int{1, 2, 4, 100} {
				if diff := cmp.Diff(want, resourcesOf(they.listSigners(size))); diff != "" {
					t.Errorf("%s, %d at a time (-want +got):\n%s", policy, size, diff)
				}
			}
		}

		they := w.as(w.CreatePrincipal("lone", identity.None,
			`permit (principal == User::"lone", action == Action::"lockstep:GetSignaturePolicy", resource);`))
		apitest.ExpectError(t, they.Call("ListSignaturePolicies", wire.ListSignaturePoliciesInput{}, nil),
			"AccessDeniedException", "lockstep:ListSignaturePolicies")
	})
}

func TestPagesOfSignaturePoliciesAreStableUnderChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		for _, name := range []string{"a", "b", "c", "d", "f", "h", "j"} {
			w.createConfiguration(name, link)
		}

		w.putSigners("b", "d", "f", "h")
		between := []func(){
			func() { w.putSigners("a", "c"); w.deleteConfiguration("b") },
			func() { w.deleteConfiguration("c"); w.deleteConfiguration("f") },
			func() { w.putSigners("j", "d") },
		}

		one := 1
		var seen []string
		input := wire.ListSignaturePoliciesInput{MaxResults: &one}
		for page := 0; page == 0 || input.NextToken != ""; page++ {
			var out wire.ListSignaturePoliciesOutput
			if err := w.Call("ListSignaturePolicies", input, &out); err != nil {
				t.Fatal(err)
			}

			seen = append(seen, resourcesOf(out.SignaturePolicies)...)
			if input.NextToken = out.NextToken; page < len(between) {
				between[page]()
			}
		}

		if want := []string{"b", "c", "d", "h", "j"}; !slices.Equal(seen, want) {
			t.Errorf("listed %v, want %v", seen, want)
		}
	})
}

func TestSignedConfigurationIsCreatedWithItsPolicyOrNotAtAll(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		input := wire.CreateSignedSyncConfigurationInput{SyncType: "CFN_STACK_SYNC", ResourceName: "web",
			RepositoryLinkId:        link,
			Branch:                  "main",
			ConfigFile:              "a.yaml",
			RoleArn:                 role,
			TriggerResourceUpdateOn: "ANY_CHANGE",
			PublishDeploymentStatus: "DISABLED",
			PullRequestComment:      "ENABLED",
		}
		create := func() (out wire.CreateSignedSyncConfigurationOutput, err error) {
			return out, w.Call("CreateSignedSyncConfiguration", input, &out)
		}
		_, err := create()
		apitest.ExpectError(t, err, "InvalidInputException", "The lists of allowed signers contain no key")
		input.AllowedSigners = "ann ssh-ed25519 nonsense"
		_, err = create()
		apitest.ExpectError(t, err, "InvalidInputException", "Allowed signers, line 1")
		input.AllowedSigners = allowed
		input.Branch = "a..b"
		_, err = create()
		apitest.ExpectError(t, err, "InvalidInputException", "is not a valid branch name")
		input.Branch = "main"
		input.RepositoryLinkId = noLink
		_, err = create()
		apitest.ExpectError(t, err, "ResourceNotFoundException", noLink)

		if noted := w.Syncs.Take(); noted != nil || w.listSigners(100) != nil {
			t.Errorf("refused, and yet the engine was made to do %v", noted)
		}

		input.RepositoryLinkId = link
		made, err := create()
		if err != nil {
			t.Fatal(err)
		}

		var read wire.GetSyncConfigurationOutput
		raw := w.NewRequest("codeconnections", newPrefix+".GetSyncConfiguration",
			`{"SyncType":"CFN_STACK_SYNC","ResourceName":"web"}`)
		_, body := w.Send(raw)
		if err := json.Unmarshal(body, &read); err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(read.SyncConfiguration, made.SyncConfiguration); diff != "" ||
			read.SyncConfiguration.PullRequestComment != "ENABLED" {
			t.Errorf("the configuration (-read +made):\n%s", diff)
		}

		if noted := w.Syncs.Take(); len(noted) != 1 {
			t.Errorf("the engine was made to do %v", noted)
		}

		if got := w.listSigners(100); len(got) != 1 || got[0].AllowedSigners != allowed {
			t.Errorf("signers %+v", got)
		}

		_, err = create()
		apitest.ExpectError(t, err, "ResourceAlreadyExistsException", "web")
	})
}
