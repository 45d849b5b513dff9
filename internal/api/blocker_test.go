package api_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// createBlocker creates a blocker and returns its id.
func (w *world) createBlocker(name, reason string) string {
	w.Helper()
	a := w.attempt(name, sha1, lockstep.Failed)
	w.Update(func(tx *db.Tx) error {
		return syncstate.InsertBlocker(tx, a.ResourceID, reason, []lockstep.Context{{Key: "StackName", Value: name}})
	})
	return w.activeBlocker(name)
}

func (w *world) summary(name string) (*codeconnections.GetSyncBlockerSummaryOutput, error) {
	return w.SDK().GetSyncBlockerSummary(w.Context(), &codeconnections.GetSyncBlockerSummaryInput{
		ResourceName: &name,
		SyncType:     "CFN_STACK_SYNC",
	})
}

func (w *world) resolve(name, id string) (*codeconnections.UpdateSyncBlockerOutput, error) {
	return w.SDK().UpdateSyncBlocker(w.Context(), &codeconnections.UpdateSyncBlockerInput{
		ResourceName:   &name,
		SyncType:       "CFN_STACK_SYNC",
		Id:             &id,
		ResolvedReason: aws.String("It is fine."),
	})
}

func TestBlockerSummaryListsLatestBlockers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		empty := apitest.Must[*codeconnections.GetSyncBlockerSummaryOutput](t)(w.summary("web"))
		if got := *empty.SyncBlockerSummary.ResourceName; got != "web" {
			t.Errorf("ResourceName = %q, want web", got)
		}

		if got := empty.SyncBlockerSummary.LatestBlockers; len(got) != 0 {
			t.Errorf("LatestBlockers = %+v, want none", got)
		}

		if got := empty.SyncBlockerSummary.ParentResourceName; got != nil {
			t.Errorf("ParentResourceName = %q, want none", *got)
		}

		_, err := w.summary("nothing")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: nothing")
		first := w.createBlocker("web", "Somebody did.")
		w.Update(func(tx *db.Tx) error {
			state, err := syncstate.LockResourceByName(tx, lockstep.Resource{
				Account:  account,
				Region:   region,
				SyncType: "CFN_STACK_SYNC",
				Name:     "web",
			})
			if err == nil {
				_, err = syncstate.ResolveBlockerByID(tx, state.ID, first, "It is fine.")
			}
			return err
		})

		second := w.createBlocker("web", "Again.")
		type seen struct{ id, status, created, resolved, context string }
		var got []seen
		summary := apitest.Must[*codeconnections.GetSyncBlockerSummaryOutput](t)(w.summary("web")).SyncBlockerSummary
		for _, b := range summary.LatestBlockers {
			got = append(got, seen{
				*b.Id,
				string(b.Status),
				*b.CreatedReason,
				aws.ToString(b.ResolvedReason),
				*b.Contexts[0].Key + "=" + *b.Contexts[0].Value,
			})
			if (b.ResolvedAt != nil) != (b.Status == "RESOLVED") {
				t.Errorf("ResolvedAt = %v of a blocker with status %s", b.ResolvedAt, b.Status)
			}

			if b.CreatedAt == nil {
				t.Error("CreatedAt is missing")
			}

			if got := b.Type; got != "AUTOMATED" {
				t.Errorf("Type = %q, want AUTOMATED", got)
			}
		}

		want := []seen{
			{second, "ACTIVE", "Again.", "", "StackName=web"},
			{first, "RESOLVED", "Somebody did.", "It is fine.", "StackName=web"},
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); diff != "" {
			t.Errorf("newest first (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateSyncBlockerResolvesAndRetries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.createConfiguration("api", link)
		id, others := w.createBlocker("web", "Somebody did."), w.createBlocker("api", "Somebody did.")
		w.Syncs.Take()
		out := apitest.Must[*codeconnections.UpdateSyncBlockerOutput](t)(w.resolve("web", id))
		if got := *out.ResourceName; got != "web" {
			t.Errorf("ResourceName = %q, want web", got)
		}

		if got := *out.SyncBlocker.Id; got != id {
			t.Errorf("Id = %q, want %q", got, id)
		}

		if got := out.ParentResourceName; got != nil {
			t.Errorf("ParentResourceName = %q, want none", *got)
		}

		if diff := cmp.Diff([]string{"resolve web It is fine."}, w.Syncs.Take()); diff != "" {
			t.Errorf("the engine was asked for (-want +got):\n%s", diff)
		}

		for _, unknown := range []string{"no-such-blocker", others} {
			_, err := w.resolve("web", unknown)
			apitest.ExpectError(t, err, "SyncBlockerDoesNotExistException", "Could not find sync blocker: "+unknown)
		}

		_, err := w.resolve("nothing", id)
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: nothing")
		w.Syncs.Err = lockstep.Wrapf(lockstep.Unavailable, engine.ErrNotRetried, "There is no driver.")
		_, err = w.resolve("web", id)
		apitest.ExpectError(t, err, "RetryLatestCommitFailedException", "There is no driver.")
	})
}

// The blockers of a resource that the caller may not read are not found.
func TestABlockerIsHiddenWithItsResource(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.createConfiguration("api", link)
		id := w.createBlocker("web", "Somebody did.")
		w.createBlocker("api", "Somebody did.")
		they := w.as(w.CreatePrincipal("they", identity.None, `permit (principal == User::"they", action, resource)
			when { resource is Account || (resource has resourceName && resource.resourceName == "api") };`))
		w.Syncs.Take()
		_, err := they.resolve("web", id)
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: web")
		_, err = they.resolve("api", id)
		apitest.ExpectError(t, err, "SyncBlockerDoesNotExistException", id)
		_, err = they.summary("web")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: web")

		if noted := w.Syncs.Take(); noted != nil {
			t.Errorf("the engine was asked for %v", noted)
		}

		var out wire.ListSyncBlockersOutput
		one := 1
		if err := they.Call("ListSyncBlockers", wire.ListSyncBlockersInput{MaxResults: &one}, &out); err != nil {
			t.Fatal(err)
		}

		if len(out.ResourceSyncBlockers) != 1 {
			t.Fatalf("listed %+v, want one blocker", out.ResourceSyncBlockers)
		}

		if got := out.ResourceSyncBlockers[0].ResourceName; got != "api" {
			t.Errorf("ResourceName = %q, want api", got)
		}

		if got := out.NextToken; got != "" {
			t.Errorf("NextToken = %q, want none", got)
		}
	})
}
