package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

// discovers makes the link look for deployment files on main.
func (w *world) discovers(rename bool) {
	w.t.Helper()
	w.link.Discovery = &lockstep.Discovery{Branch: "main", Rename: rename, RoleARN: "arn:role"}
	w.update(func(tx *db.Tx) error { return store.SetDiscovery(tx, w.link.ID, w.link.Discovery) })
}

// configurations gives "name file" of every configuration of main.
func (w *world) configurations() (list []string) {
	w.t.Helper()
	w.must(w.db.View(w.t.Context(), func(tx *db.Tx) error {
		cfgs, err := store.ConfigurationsOfBranch(tx, w.link.ID, "main")
		list = nil
		for _, cfg := range cfgs {
			list = append(list, cfg.ResourceName+" "+cfg.ConfigFile)
		}
		return err
	}))
	return list
}

// found gives the configuration that a discovery made.
func (w *world) found(name string) (cfg lockstep.SyncConfiguration) {
	w.t.Helper()
	w.must(w.db.View(w.t.Context(), func(tx *db.Tx) (err error) {
		cfg, err = store.Configuration(tx, w.link.Account, w.link.Region, "TEST_SYNC", name)
		return err
	}))
	return cfg
}

// told gives the messages of the latest repository sync's events of a type.
func (w *world) told(eventType string) (list []string) {
	w.t.Helper()
	for _, ev := range w.repository().Events {
		if ev.Type == eventType {
			list = append(list, ev.Message)
		}
	}
	return list
}

// needsItsFile fails every attempt whose file is not there.
func (w *world) needsItsFile() {
	w.target.script(func(a target.Attempt) (target.Step, error) {
		files, err := a.OpenTree(w.t.Context())
		if err != nil {
			return target.Step{}, err
		}
		if _, err := files.ObjectID(a.Configuration.ConfigFile); err != nil {
			return target.Step{}, lockstep.Errorf(lockstep.NotFound, "%s is not there.", a.Configuration.ConfigFile)
		}
		return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
	})
}

func TestANewDeploymentFileAddsAndARemovedOneFailsAndStays(t *testing.T) {
	inBubble(t, func(w *world) {
		w.needsItsFile()
		w.discovers(false)
		first := w.push(map[string]string{"web.yaml": "1"})
		w.settle(first)
		web := w.found("web")
		w.untilStatus(web, lockstep.ResourceSucceeded, first)

		if diff := cmp.Diff([]string{"Found deployment file web.yaml: it is synced as web."}, w.told("DEPLOYMENT_FILE_FOUND")); diff != "" {
			t.Error(diff)
		}

		second := w.push(map[string]string{"web.yaml": "1", "api.yaml": "1"})
		w.settle(second)
		w.untilStatus(w.found("api"), lockstep.ResourceSucceeded, second)

		if got := w.told("DEPLOYMENT_FILE_FOUND"); len(got) != 1 {
			t.Errorf("told again: %v", got)
		}

		third := w.push(map[string]string{"api.yaml": "1"})
		s := w.untilStatus(web, lockstep.ResourceFailed, third)
		if got := s.LatestSync.Events[0].Message; got != "web.yaml is not there." {
			t.Errorf("the reason is %q", got)
		}

		if diff := cmp.Diff([]string{"web web.yaml", "api api.yaml"}, w.configurations()); diff != "" {
			t.Error(diff)
		}

		if s := w.status(w.found("api")); s.LatestSync.TargetRevision.SHA != second {
			t.Error("the other file was synced again")
		}
	})
}

func TestAConfigurationThatSomebodyDeletedIsNotMadeAgain(t *testing.T) {
	inBubble(t, func(w *world) {
		w.discovers(true)
		w.push(map[string]string{"web.yaml": "1", "api.yaml": "1"})
		w.until("both are found", func() bool { return len(w.configurations()) == 2 })
		web := w.found("web")
		w.update(func(tx *db.Tx) error {
			if err := w.engine.DetachConfiguration(tx, web); err != nil {
				return err
			}
			return store.DeleteConfiguration(tx, web.ID)
		})

		sha := w.push(map[string]string{"web.yaml": "2", "api.yaml": "2", "new.yaml": "1"})
		w.untilStatus(w.found("api"), lockstep.ResourceSucceeded, sha)
		w.until("the new one is found", func() bool { return len(w.configurations()) == 2 })

		if diff := cmp.Diff([]string{"api api.yaml", "new new.yaml"}, w.configurations()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestANameThatIsTakenRenamesTheNewcomerAloneAndForGood(t *testing.T) {
	inBubble(t, func(w *world) {
		w.discovers(true)
		first := w.push(map[string]string{"b/web.yaml": "1"})
		w.settle(first)
		second := w.push(map[string]string{"a/web.yaml": "1", "b/web.yaml": "1", "c/web.yaml": "1"})
		w.settle(second)
		want := []string{"web b/web.yaml", "web-2 a/web.yaml", "web-3 c/web.yaml"}
		if diff := cmp.Diff(want, w.configurations()); diff != "" {
			t.Fatal(diff)
		}

		if got := strings.Join(w.told("DEPLOYMENT_FILE_FOUND"), "\n"); got != "Found deployment file a/web.yaml: it is synced as web-2, because web is taken.\n"+
			"Found deployment file c/web.yaml: it is synced as web-3, because web is taken." {
			t.Errorf("told:\n%s", got)
		}

		// The first goes, the others stay what they are called, whatever comes back.
		w.settle(w.push(map[string]string{"a/web.yaml": "1", "c/web.yaml": "1"}))
		w.settle(w.push(map[string]string{"a/web.yaml": "1", "b/web.yaml": "1", "c/web.yaml": "2"}))
		if diff := cmp.Diff(want, w.configurations()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestANameThatIsTakenIsToldWhereNothingMayBeRenamed(t *testing.T) {
	inBubble(t, func(w *world) {
		w.discovers(false)
		first := w.push(map[string]string{"a/web.yaml": "1", "b/web.yaml": "1", "c/api.yaml": "1"})
		w.settle(first)

		if diff := cmp.Diff([]string{"web a/web.yaml", "api c/api.yaml"}, w.configurations()); diff != "" {
			t.Error(diff)
		}

		want := "Deployment file b/web.yaml is not synced: the name web is taken. Give it another one with --name b/web.yaml=NAME."
		if diff := cmp.Diff([]string{want}, w.told("RESOURCE_NAME_TAKEN")); diff != "" {
			t.Error(diff)
		}

		if a := w.repository(); a.Status != lockstep.RepositorySucceeded {
			t.Errorf("the repository sync is %s", a.Status)
		}

		w.untilStatus(w.found("api"), lockstep.ResourceSucceeded, first)
	})
}

func TestOtherBranchesAreNotLookedThrough(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.discovers(true)
		w.host.push("dev", map[string]string{"web.yaml": "1"})
		w.update(func(tx *db.Tx) error { return w.engine.RequestSync(tx, w.link.ID, "dev") })
		time.Sleep(5 * time.Second)

		if n := w.count(`SELECT count(*) FROM sync_configuration`); n != 0 {
			t.Errorf("%d configurations were made of another branch", n)
		}

		if n := w.count(`SELECT count(*) FROM repository_sync_attempt WHERE branch = 'dev' AND status = 'SUCCEEDED'`); n != 1 {
			t.Error("the repository sync did not succeed")
		}
	})
}

func TestWhatOneSyncTypeFindsIsToldBesideAnother(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.stop()
		other := newScripted()
		other.syncType = "OTHER_SYNC"
		w.others = []target.Driver{other}
		w.start()
		w.discovers(false)
		first := w.push(map[string]string{"web.yaml": "1"})
		w.settle(first)

		if got := w.told("DEPLOYMENT_FILE_FOUND"); len(got) != 1 {
			t.Errorf("told: %q, want the one file that was found", got)
		}
	})
}
