package api_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

func TestFleetShowsEachResourceWithItsLatestStatus(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		for _, name := range []string{"web", "api", "new"} {
			w.createConfiguration(name, link)
		}

		w.attempt("web", sha1, lockstep.Applied)
		running := w.attempt("web", sha2, "")
		failed := w.attempt("api", sha1, lockstep.Failed)
		w.Update(func(tx *db.Tx) error { return syncstate.InsertBlocker(tx, failed.ResourceID, "Somebody did.", nil) })
		entry := func(name string) wire.ResourceSyncSummary {
			return wire.ResourceSyncSummary{
				ResourceName:     name,
				SyncType:         "CFN_STACK_SYNC",
				RepositoryLinkId: link,
				RepositoryName:   "infra",
				AccountId:        account,
				OwnerId:          "acme",
				Branch:           "main",
				ConfigFile:       "stacks/" + name + ".yaml",
			}
		}

		web, api, fresh := entry("web"), entry("api"), entry("new")
		web.Status = "INITIATED"
		web.TargetSha = string(sha2)
		web.DesiredSha = string(sha2)
		web.StartedAt.Time = running.StartedAt
		api.Status = "FAILED"
		api.TargetSha = string(sha1)
		api.DesiredSha = string(sha1)
		api.StartedAt.Time = failed.StartedAt
		api.Blocked = true
		web.TargetBranch, api.TargetBranch = "main", "main"
		web.Health = wire.ResourceHealth{Status: "SYNCING"}
		api.Health = wire.ResourceHealth{Status: "BLOCKED", Reason: "Somebody did."}
		fresh.Health = wire.ResourceHealth{Status: "BEHIND", Reason: "No commit of the branch has been read yet."}
		list := func(input wire.ListResourceSyncsInput) []wire.ResourceSyncSummary {
			var all []wire.ResourceSyncSummary
			for more := true; more; more = input.NextToken != "" {
				var out wire.ListResourceSyncsOutput
				if err := w.Call("ListResourceSyncs", input, &out); err != nil {
					t.Fatal(err)
				}

				all, input.NextToken = append(all, out.ResourceSyncs...), out.NextToken
			}

			return all
		}

		one := 1
		for _, tc := range []struct {
			in   wire.ListResourceSyncsInput
			want []wire.ResourceSyncSummary
		}{
			{wire.ListResourceSyncsInput{}, []wire.ResourceSyncSummary{api, fresh, web}},
			{wire.ListResourceSyncsInput{MaxResults: &one}, []wire.ResourceSyncSummary{api, fresh, web}},
			{wire.ListResourceSyncsInput{Status: "FAILED"}, []wire.ResourceSyncSummary{api}},
			{wire.ListResourceSyncsInput{RepositoryLinkId: noLink}, nil},
		} {
			// The time of a blocker is not known here.
			ignored := cmpopts.IgnoreFields(wire.ResourceHealth{}, "Since")
			if diff := cmp.Diff(tc.want, list(tc.in), ignored); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", tc.in, diff)
			}
		}

		apitest.ExpectError(t, w.Call("ListResourceSyncs", wire.ListResourceSyncsInput{NextToken: "x"}, nil),
			"InvalidInputException", "NextToken")
	})
}

func (w *world) listEvents(in wire.ListSyncEventsInput) (types []string, next string) {
	w.Helper()
	var out wire.ListSyncEventsOutput
	if err := w.Call("ListSyncEvents", in, &out); err != nil {
		w.Fatal(err)
	}
	for _, ev := range out.Events {
		types = append(types, ev.Type)
	}
	return types, out.NextCursor
}

func (w *world) addEvents(attempt string, from, to int) {
	w.Helper()
	w.Update(func(tx *db.Tx) error {
		for n := from; n <= to; n++ {
			if err := syncstate.AddResourceEvents(tx, attempt,
				lockstep.Event{Type: fmt.Sprint("E", n), Message: "m"}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestWatcherSeesEachEventOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		got, cursor := w.listEvents(wire.ListSyncEventsInput{})
		if got != nil || cursor == "" {
			t.Errorf("before anything happened: %v, go on at %q", got, cursor)
		}

		attempt := w.attempt("web", sha1, "")
		w.addEvents(attempt.ID, 2, 5)
		two := 2
		got, _ = w.listEvents(wire.ListSyncEventsInput{MaxResults: &two})
		if diff := cmp.Diff([]string{"E4", "E5"}, got); diff != "" {
			t.Errorf("the newest (-want +got):\n%s", diff)
		}

		var all []string
		for range 3 {
			got, cursor = w.listEvents(wire.ListSyncEventsInput{MaxResults: &two, After: cursor})
			all = append(all, got...)
		}

		if diff := cmp.Diff([]string{"TEMPLATE_BUNDLED", "E2", "E3", "E4", "E5"}, all); diff != "" {
			t.Errorf("in pages of two (-want +got):\n%s", diff)
		}

		if got, again := w.listEvents(wire.ListSyncEventsInput{After: cursor}); got != nil || again != cursor {
			t.Errorf("nothing happened: %v, go on at %q", got, again)
		}

		for _, cursor := range []string{"x", "-1", "1"} {
			apitest.ExpectError(t, w.Call("ListSyncEvents", wire.ListSyncEventsInput{After: cursor}, nil),
				"InvalidInputException", "cursor")
		}
	})
}

func TestEventsNameTheirResource(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.createConfiguration("api", link)
		var repository syncstate.RepositoryAttempt
		w.Update(func(tx *db.Tx) (err error) {
			if repository, err = syncstate.InsertRepositoryAttempt(tx, link, "main",
				lockstep.RepositoryInitiated); err != nil {
				return err
			}
			return syncstate.AddRepositoryEvents(tx, repository.ID, lockstep.Event{
				Type:    "CLONE_STARTED",
				Message: "Clone started",
			})
		})

		resource := w.attempt("web", sha1, lockstep.Applied)
		w.attempt("api", sha1, lockstep.Applied)
		var all, web wire.ListSyncEventsOutput
		if err := w.Call("ListSyncEvents", wire.ListSyncEventsInput{}, &all); err != nil {
			t.Fatal(err)
		}

		if err := w.Call("ListSyncEvents", wire.ListSyncEventsInput{ResourceName: "web", SyncType: "CFN_STACK_SYNC"},
			&web); err != nil {
			t.Fatal(err)
		}

		ofLink := wire.SyncEvent{
			Time:             wire.Time{Time: repository.StartedAt},
			Event:            "Clone started",
			Type:             "CLONE_STARTED",
			RepositoryLinkId: link,
			Branch:           "main",
			AttemptId:        repository.ID,
			Status:           "INITIATED",
		}
		ofWeb := wire.SyncEvent{
			Time:         wire.Time{Time: resource.StartedAt},
			Event:        "Uploaded <the> template.",
			Type:         "TEMPLATE_BUNDLED",
			ExternalId:   "x",
			ResourceName: "web",
			SyncType:     "CFN_STACK_SYNC",
			Branch:       "main",
			Sha:          string(sha1),
			AttemptId:    resource.ID,
			Status:       "SUCCEEDED",
		}
		if len(all.Events) != 3 {
			t.Fatalf("%d events: %+v", len(all.Events), all.Events)
		}

		if diff := cmp.Diff([]wire.SyncEvent{ofLink, ofWeb}, all.Events[:2]); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}

		if diff := cmp.Diff([]wire.SyncEvent{ofWeb}, web.Events); diff != "" {
			t.Errorf("web's (-want +got):\n%s", diff)
		}
	})
}

func TestTheHealthOfOneResourceNeedsPermissionForThatResourceOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.createConfiguration("db", link)
		caller := w.CreatePrincipal("jo", identity.None, `permit (principal == User::"jo", action, resource)
			when { resource is SyncConfiguration && resource.resourceName == "web" };`)

		var out wire.GetResourceHealthOutput
		in := wire.GetResourceHealthInput{ResourceName: "web", SyncType: "CFN_STACK_SYNC"}
		if err := w.as(caller).Call("GetResourceHealth", in, &out); err != nil {
			t.Fatal(err)
		}
		if out.Health.Status != wire.HealthBehind {
			t.Errorf("the health of web is %q, want BEHIND", out.Health.Status)
		}

		in.ResourceName = "db"
		apitest.ExpectError(t, w.as(caller).Call("GetResourceHealth", in, &out), "ResourceNotFoundException", "db")
	})
}
