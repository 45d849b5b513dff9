package api_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// listAttempts returns the ids of a resource's attempts, read in pages of a size.
func (w *world) listAttempts(name string, size int) (ids []string, err error) {
	w.Helper()
	input := wire.ListResourceSyncAttemptsInput{ResourceName: name, SyncType: "CFN_STACK_SYNC", MaxResults: &size}
	for more := true; more; more = input.NextToken != "" {
		var out wire.ListResourceSyncAttemptsOutput
		if err := w.Call("ListResourceSyncAttempts", input, &out); err != nil {
			return nil, err
		}

		for _, a := range out.Attempts {
			ids = append(ids, a.AttemptId)
		}

		input.NextToken = out.NextToken
	}

	return ids, nil
}

func (w *world) getAttempt(id string) (out wire.GetResourceSyncAttemptOutput, err error) {
	w.Helper()
	err = w.Call("GetResourceSyncAttempt", wire.GetResourceSyncAttemptInput{AttemptId: id}, &out)
	return out, err
}

func (w *world) deleteConfiguration(name string) {
	w.Helper()
	apitest.Must[*codeconnections.DeleteSyncConfigurationOutput](w)(
		w.SDK().DeleteSyncConfiguration(w.Context(),
			&codeconnections.DeleteSyncConfigurationInput{ResourceName: &name, SyncType: "CFN_STACK_SYNC"}),
	)
}

func TestHistoryIsReadNewestFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		if got, err := w.listAttempts("web", 1); got != nil || err != nil {
			t.Errorf("before any: %v, %v", got, err)
		}

		var want []string
		for _, outcome := range []lockstep.Outcome{lockstep.Applied, lockstep.Failed, lockstep.Superseded, ""} {
			want = append([]string{w.attempt("web", sha1, outcome).ID}, want...)
		}

		for _, size := range []int{0, 1, 2, 100} {
			got := apitest.Must[[]string](t)(w.listAttempts("web", size))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("in pages of %d (-want +got):\n%s", size, diff)
			}
		}

		_, err := w.listAttempts("nothing", 1)
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: nothing")
		last := apitest.Must[wire.GetResourceSyncAttemptOutput](t)(w.getAttempt(want[1]))
		if got := last.ResourceName; got != "web" {
			t.Errorf("ResourceName = %q, want web", got)
		}

		if got := last.Outcome; got != "SUPERSEDED" {
			t.Errorf("Outcome = %q, want SUPERSEDED", got)
		}

		if got := last.Attempt.Status; got != "FAILED" {
			t.Errorf("Status = %q, want FAILED", got)
		}

		if last.EndedAt.IsZero() {
			t.Error("EndedAt is zero")
		}

		if len(last.Attempt.Events) != 1 {
			t.Fatalf("%d events, want 1", len(last.Attempt.Events))
		}

		if got := last.Attempt.Events[0].Type; got != "TEMPLATE_BUNDLED" {
			t.Errorf("event type = %q, want TEMPLATE_BUNDLED", got)
		}

		if got := last.Attempt.TargetRevision.Sha; got != string(sha1) {
			t.Errorf("Sha = %q, want %q", got, string(sha1))
		}

		running := apitest.Must[wire.GetResourceSyncAttemptOutput](t)(w.getAttempt(want[0]))
		if got := running.Outcome; got != "" {
			t.Errorf("a running attempt has Outcome = %q, want none", got)
		}

		if !running.EndedAt.IsZero() {
			t.Errorf("a running attempt ended at %v", running.EndedAt)
		}

		if got := running.Attempt.Status; got != "INITIATED" {
			t.Errorf("a running attempt has Status = %q, want INITIATED", got)
		}

		_, err = w.getAttempt("no-such-attempt")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find resource sync attempt: no-such-attempt")
		_, err = w.as(w.CreateKey(other, identity.Admin)).getAttempt(want[0])
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find resource sync attempt: "+want[0])
	})
}

// A resource that now follows one repository may have followed another, which is
// none of the business of those who may see the one.
func TestAttemptIsAuthorizedByItsConfiguration(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.createConnection("acme", w.createHost("h"))
		secret, public := w.createRepositoryLink(connection, "secret"), w.createRepositoryLink(connection, "public")
		w.createConfiguration("web", secret)
		before := w.attempt("web", sha1, lockstep.Applied).ID
		w.deleteConfiguration("web")
		w.createConfiguration("web", public)
		now := w.attempt("web", sha2, lockstep.Applied).ID
		they := w.as(w.CreatePrincipal("they", identity.None, `permit (principal == User::"they", action, resource)
			when { resource is Account || resource has repository && resource.repository == "public" };`))
		all := w.as(w.CreatePrincipal("all", identity.Reader))
		check := func(who *world, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, apitest.Must[[]string](t)(who.listAttempts("web", 1))); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}

			var out wire.ListSyncEventsOutput
			if err := who.Call("ListSyncEvents", wire.ListSyncEventsInput{}, &out); err != nil {
				t.Fatal(err)
			}

			if len(out.Events) != len(want) {
				t.Errorf("events: %+v", out.Events)
			}
		}

		check(all, now, before)
		check(they, now)
		if _, err := they.getAttempt(now); err != nil {
			t.Error(err)
		}

		_, err := they.getAttempt(before)
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find resource sync attempt: "+before)

		// A policy cannot be evaluated for a deleted resource.
		they = w.as(w.CreatePrincipal("careful", identity.Reader,
			`forbid (principal == User::"careful", action, resource) when { resource.hasTag("secret") };`))
		check(they, now, before)
		if err := w.tag(linkARN(secret), "secret=yes"); err != nil {
			t.Fatal(err)
		}

		check(they, now)
		apitest.Must[*codeconnections.DeleteRepositoryLinkOutput](t)(
			w.SDK().DeleteRepositoryLink(t.Context(),
				&codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: aws.String(secret)}),
		)
		check(they, now)
		_, err = they.getAttempt(before)
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find resource sync attempt: "+before)
		check(all, now, before)
	})
}

func TestAnAttemptShowsWhatItProposed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		attempt := w.attempt("web", sha1, "")
		w.Update(func(tx *db.Tx) error {
			return syncstate.SavePlan(tx, attempt.ID, lockstep.Plan{ID: "arn:change-set", Name: "c",
				Changes: []lockstep.ProposedChange{{
					Action:       "Modify",
					LogicalID:    "Queue",
					ResourceType: "AWS::SQS::Queue",
					Details:      []lockstep.ChangeDetail{{Attribute: "Properties", CausingEntity: "Size"}},
				}},
				Parameters: []lockstep.ValueChange{
					{Name: "Password", Masked: true},
					{Name: "Size", Before: "1", After: "2"},
				},
				Tags: []lockstep.ValueChange{{Name: "team", After: "web"}}})
		})
		want := &wire.SyncPlan{ChangeSetId: "arn:change-set", ChangeSetName: "c",
			Changes: []wire.ProposedChange{{
				Action:            "Modify",
				LogicalResourceId: "Queue",
				ResourceType:      "AWS::SQS::Queue",
				Details:           []wire.ChangeDetail{{Attribute: "Properties", CausingEntity: "Size"}},
			}},
			Parameters: []wire.ValueChange{{Name: "Password", Masked: true}, {Name: "Size", Before: "1", After: "2"}},
			Tags:       []wire.ValueChange{{Name: "team", After: "web"}}}

		got := apitest.Must[wire.GetResourceSyncAttemptOutput](t)(w.getAttempt(attempt.ID))
		if diff := cmp.Diff(want, got.Plan); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
