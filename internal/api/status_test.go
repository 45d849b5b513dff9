package api_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	sha1 = lockstep.SHA("1111111111111111111111111111111111111111")
	sha2 = lockstep.SHA("2222222222222222222222222222222222222222")
)

// attempt records what the engine would: that the resource's commit was tried,
// with one event, and how it ended ("" for not yet).
func (w *world) attempt(name string, sha lockstep.SHA, outcome lockstep.Outcome) (attempt syncstate.ResourceAttempt) {
	w.Helper()
	w.Update(func(tx *db.Tx) error {
		cfg, err := store.Configuration(tx, account, region, "CFN_STACK_SYNC", name)
		if err != nil {
			return err
		}

		state, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}

		if state.ConfigurationID != cfg.ID {
			if err := syncstate.BindResource(tx, state.ID, cfg.ID); err != nil {
				return err
			}
		}

		if _, err := syncstate.SetDesiredRevision(tx, state.ID, cfg.Revision(sha), "fingerprint"); err != nil {
			return err
		}
		if state, err = syncstate.LockResource(tx, state.ID); err != nil {
			return err
		}
		if attempt, err = syncstate.BeginAttempt(tx, state, cfg, name); err != nil {
			return err
		}

		if err := syncstate.AddResourceEvents(tx, attempt.ID,
			lockstep.Event{
				Type:       "TEMPLATE_BUNDLED",
				Message:    "Uploaded <the> template.",
				ExternalID: "x",
			}); err != nil {
			return err
		}

		if outcome != "" {
			if err := syncstate.FinishAttempt(tx, attempt.ID, outcome); err != nil {
				return err
			}
		}

		return w.saveDocument(tx, state)
	})

	return attempt
}

func (w *world) saveDocument(tx *db.Tx, state syncstate.ResourceState) error {
	status, err := syncstate.ResourceStatus(tx, state)
	if err != nil {
		return err
	}
	document, err := api.EncodeStatus(status)
	if err != nil {
		return err
	}
	return syncstate.SaveStatusDocument(tx, state.ID, document)
}

func (w *world) status(name string) (*codeconnections.GetResourceSyncStatusOutput, error) {
	return w.SDK().GetResourceSyncStatus(w.Context(), &codeconnections.GetResourceSyncStatusInput{
		ResourceName: &name,
		SyncType:     "CFN_STACK_SYNC",
	})
}

func revisionOf(sha lockstep.SHA) *types.Revision {
	return &types.Revision{
		Branch:         aws.String("main"),
		Directory:      aws.String("stacks/web.yaml"),
		OwnerId:        aws.String("acme"),
		ProviderType:   "Git",
		RepositoryName: aws.String("infra"),
		Sha:            aws.String(string(sha)),
	}
}

func TestResourceSyncStatusShowsTheLatestAndTheLastGoodAttempt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		_, err := w.status("web")
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find a sync status for resource: web")
		good := w.attempt("web", sha1, lockstep.Applied)
		bad := w.attempt("web", sha2, lockstep.Failed)
		got := apitest.Must[*codeconnections.GetResourceSyncStatusOutput](t)(w.status("web"))
		event := func(attempt syncstate.ResourceAttempt) []types.ResourceSyncEvent {
			return []types.ResourceSyncEvent{{
				Event:      aws.String("Uploaded <the> template."),
				ExternalId: aws.String("x"),
				Time:       &attempt.StartedAt,
				Type:       aws.String("TEMPLATE_BUNDLED"),
			}}
		}
		want := codeconnections.GetResourceSyncStatusOutput{
			DesiredState: revisionOf(sha2),
			LatestSync: &types.ResourceSyncAttempt{
				Events:          event(bad),
				InitialRevision: revisionOf(sha1),
				StartedAt:       &bad.StartedAt,
				Status:          "FAILED",
				Target:          aws.String("web"),
				TargetRevision:  revisionOf(sha2),
			},
			LatestSuccessfulSync: &types.ResourceSyncAttempt{
				Events:          event(good),
				InitialRevision: revisionOf(sha1),
				StartedAt:       &good.StartedAt,
				Status:          "SUCCEEDED",
				Target:          aws.String("web"),
				TargetRevision:  revisionOf(sha1),
			},
		}

		got.ResultMetadata = want.ResultMetadata
		if diff := cmp.Diff(want.DesiredState, got.DesiredState, ignore); diff != "" {
			t.Errorf("desired state (-want +got):\n%s", diff)
		}

		if diff := cmp.Diff(want.LatestSync, got.LatestSync, ignore); diff != "" {
			t.Errorf("latest sync (-want +got):\n%s", diff)
		}

		if diff := cmp.Diff(want.LatestSuccessfulSync, got.LatestSuccessfulSync, ignore); diff != "" {
			t.Errorf("latest successful sync (-want +got):\n%s", diff)
		}
	})
}

func TestEncodedStatusHasTimesInSecondsAndMilliseconds(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 7_000_000, time.UTC)
	rev := lockstep.Revision{
		Branch:         "main",
		Directory:      "a.yaml",
		OwnerID:        "o",
		RepositoryName: "r",
		ProviderType:   "Git",
		SHA:            sha1,
	}
	got, err := api.EncodeStatus(lockstep.ResourceSync{LatestSync: &lockstep.ResourceSyncAttempt{
		InitialRevision: rev,
		TargetRevision:  rev,
		Target:          "web",
		Status:          lockstep.ResourceInProgress,
		StartedAt:       at,
	}})
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Contains(got, []byte(`"StartedAt":1795341600.007`)) || !bytes.Contains(got, []byte(`"Events":[]`)) {
		t.Errorf("encoded: %s", got)
	}

	if bytes.Contains(got, []byte("DesiredState")) || bytes.Contains(got, []byte("LatestSuccessfulSync")) {
		t.Errorf("what is not there is shown: %s", got)
	}
}

func TestStatusWithoutAnAttemptIsNotEncoded(t *testing.T) {
	if got, err := api.EncodeStatus(lockstep.ResourceSync{DesiredState: &lockstep.Revision{}}); err == nil {
		t.Errorf("encoded: %s", got)
	}
}

func TestRepositorySyncStatusShowsTheLatestAttempt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		read := func(link, branch string) (*codeconnections.GetRepositorySyncStatusOutput, error) {
			return w.SDK().GetRepositorySyncStatus(t.Context(), &codeconnections.GetRepositorySyncStatusInput{
				Branch:           &branch,
				RepositoryLinkId: &link,
				SyncType:         "CFN_STACK_SYNC",
			})
		}

		_, err := read(link, "main")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync status for repository link:"+link)
		_, err = read(noLink, "main")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync status for repository link:"+noLink)

		var started time.Time
		w.Update(func(tx *db.Tx) error {
			attempt, err := syncstate.InsertRepositoryAttempt(tx, link, "main", lockstep.RepositoryInitiated)
			if err != nil {
				return err
			}

			started = attempt.StartedAt
			return syncstate.AddRepositoryEvents(tx, attempt.ID,
				lockstep.Event{Type: "CLONE_STARTED", Message: "Clone started"},
				lockstep.Event{
					Type:       "STARTING_SYNC",
					Message:    "Starting syncs for commit " + string(sha1),
					ExternalID: string(sha1),
				})
		})

		got := apitest.Must[*codeconnections.GetRepositorySyncStatusOutput](t)(read(link, "main"))
		want := &types.RepositorySyncAttempt{
			StartedAt: &started,
			Status:    "INITIATED",
			Events: []types.RepositorySyncEvent{
				{Event: aws.String("Clone started"), Time: &started, Type: aws.String("CLONE_STARTED")},
				{
					Event:      aws.String("Starting syncs for commit " + string(sha1)),
					ExternalId: aws.String(string(sha1)),
					Time:       &started,
					Type:       aws.String("STARTING_SYNC"),
				},
			},
		}
		if diff := cmp.Diff(want, got.LatestSync, ignore); diff != "" {
			t.Errorf("latest sync (-want +got):\n%s", diff)
		}

		_, err = read(link, "dev")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync status for repository link:"+link)
	})
}

func TestStartingSyncsCallsTheEngine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		dev := newConfiguration("dev", link)
		dev.Branch = aws.String("dev")
		apitest.Must[*codeconnections.CreateSyncConfigurationOutput](t)(
			w.SDK().CreateSyncConfiguration(t.Context(), dev),
		)
		w.Syncs.Take()

		if err := w.Call("StartResourceSync",
			wire.StartResourceSyncInput{ResourceName: "web", SyncType: "CFN_STACK_SYNC"}, &struct{}{}); err != nil {
			t.Error(err)
		}

		if err := w.Call("StartRepositorySync", wire.StartRepositorySyncInput{RepositoryLinkId: link, Branch: "dev"},
			&struct{}{}); err != nil {
			t.Error(err)
		}

		if err := w.Call("StartRepositorySync", wire.StartRepositorySyncInput{RepositoryLinkId: link},
			&struct{}{}); err != nil {
			t.Error(err)
		}

		if diff := cmp.Diff([]string{"retry web", "request dev", "request dev", "request main"},
			w.Syncs.Take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}

		apitest.ExpectError(t, w.Call("StartResourceSync", wire.StartResourceSyncInput{
			ResourceName: "api",
			SyncType:     "CFN_STACK_SYNC",
		}, nil), "ResourceNotFoundException", "resource: api")
		apitest.ExpectError(t,
			w.Call("StartRepositorySync", wire.StartRepositorySyncInput{RepositoryLinkId: noLink}, nil),
			"ResourceNotFoundException", "repository link:"+noLink)
		apitest.ExpectError(t, w.Call("StartRepositorySync", wire.StartRepositorySyncInput{
			RepositoryLinkId: link,
			Branch:           "gone",
		}, nil), "InvalidInputException", "tracks branch gone")
		w.Syncs.Err = lockstep.Errorf(lockstep.Unavailable, "Not now.")
		apitest.ExpectError(t, w.Call("StartResourceSync", wire.StartResourceSyncInput{
			ResourceName: "web",
			SyncType:     "CFN_STACK_SYNC",
		}, nil), "RetryLatestCommitFailedException", "Not now.")
	})
}

func TestRevisionSyncReturnsTheStatusOfACommit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.Syncs.Head = sha2
		w.Syncs.Status = engine.RevisionStatus{State: engine.Failed, Reason: "The bucket exists."}
		ask := func(sha lockstep.SHA) (out wire.GetRevisionSyncOutput, err error) {
			err = w.Call("GetRevisionSync", wire.GetRevisionSyncInput{
				ResourceName: "web",
				SyncType:     "CFN_STACK_SYNC",
				Sha:          string(sha),
			}, &out)
			return out, err
		}
		want := wire.GetRevisionSyncOutput{Sha: string(sha1), Status: "FAILED", Reason: "The bucket exists."}
		if diff := cmp.Diff(want, apitest.Must[wire.GetRevisionSyncOutput](t)(ask(sha1))); diff != "" {
			t.Errorf("before an attempt (-want +got):\n%s", diff)
		}

		w.attempt("web", sha2, lockstep.Failed)
		w.Update(func(tx *db.Tx) error {
			if _, err := syncstate.LockBranch(tx, link, "main"); err != nil {
				return err
			}
			return syncstate.SetBranchHead(tx, link, "main", sha2)
		})

		got := apitest.Must[wire.GetRevisionSyncOutput](t)(ask(""))
		if got.Sha != string(sha2) {
			t.Errorf("Sha = %q, want %q", got.Sha, sha2)
		}

		if got.Head != string(sha2) {
			t.Errorf("Head = %q, want %q", got.Head, sha2)
		}

		if got.ResourceSync == nil {
			t.Fatal("ResourceSync is missing")
		}

		if status := got.ResourceSync.LatestSync.Status; status != "FAILED" {
			t.Errorf("Status = %q, want FAILED", status)
		}

		_, err := ask("abc")
		apitest.ExpectError(t, err, "InvalidInputException", "full commit id")
		w.Syncs.HeadErr = lockstep.Errorf(lockstep.Unavailable, "git.example.com does not answer.")
		_, err = ask("")
		apitest.ExpectError(t, err, "ResourceUnavailableException", "git.example.com does not answer.")
		apitest.ExpectError(t, w.Call("GetRevisionSync", wire.GetRevisionSyncInput{
			ResourceName: "api",
			SyncType:     "CFN_STACK_SYNC",
		}, nil), "ResourceNotFoundException", "resource: api")
	})
}
