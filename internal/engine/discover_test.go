package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestANewDeploymentFileAddsAndARemovedOneFailsAndStays(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsRequireTheFile()
		w.EnableDiscovery()
		first := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForRepositorySyncOf(first)
		web := w.ConfigurationNamed("web")
		w.WaitForStatus(web, lockstep.ResourceSucceeded, first)

		diff := cmp.Diff([]string{"Found deployment file web.yaml: it is synced as web."},
			w.RepositoryEvents("DEPLOYMENT_FILE_FOUND"))
		if diff != "" {
			t.Error(diff)
		}

		second := w.Push(map[string]string{"web.yaml": "1", "api.yaml": "1"})
		w.WaitForRepositorySyncOf(second)
		w.WaitForStatus(w.ConfigurationNamed("api"), lockstep.ResourceSucceeded, second)

		if got := w.RepositoryEvents("DEPLOYMENT_FILE_FOUND"); len(got) != 1 {
			t.Errorf("told again: %v", got)
		}

		third := w.Push(map[string]string{"api.yaml": "1"})
		status := w.WaitForStatus(web, lockstep.ResourceFailed, third)
		if got := status.LatestSync.Events[0].Message; got != "web.yaml is not there." {
			t.Errorf("the reason is %q", got)
		}

		if diff := cmp.Diff([]string{"web web.yaml", "api api.yaml"}, w.Configurations()); diff != "" {
			t.Error(diff)
		}

		if status := w.Status(w.ConfigurationNamed("api")); status.LatestSync.TargetRevision.SHA != second {
			t.Error("the other file was synced again")
		}
	})
}

func TestADeletedConfigurationIsNotDiscoveredAgain(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.EnableDiscovery()
		w.Push(map[string]string{"web.yaml": "1", "api.yaml": "1"})
		w.WaitUntil("both are found", func() bool { return len(w.Configurations()) == 2 })
		web := w.ConfigurationNamed("web")
		w.Update(func(tx *db.Tx) error {
			if err := w.Engine.DetachConfiguration(tx, web); err != nil {
				return err
			}
			return store.DeleteConfiguration(tx, web.ID)
		})

		sha := w.Push(map[string]string{"web.yaml": "2", "api.yaml": "2", "new.yaml": "1"})
		w.WaitForStatus(w.ConfigurationNamed("api"), lockstep.ResourceSucceeded, sha)
		w.WaitUntil("the new one is found", func() bool { return len(w.Configurations()) == 2 })

		if diff := cmp.Diff([]string{"api api.yaml", "new new.yaml"}, w.Configurations()); diff != "" {
			t.Error(diff)
		}
		want := "Deployment file web.yaml is not synced: its sync configuration was deleted. To sync it again, run " +
			"`lockstep sync create --resource web --link " + w.Link.ID + " --branch main --file web.yaml --role-arn arn:role`."
		if diff := cmp.Diff([]string{want}, w.RepositoryEvents("DEPLOYMENT_FILE_IGNORED")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}

		w.CreateConfiguration("web")
		w.WaitForStatus(w.ConfigurationNamed("web"), lockstep.ResourceSucceeded, sha)
		w.WaitForRepositorySyncOf(w.Push(map[string]string{"web.yaml": "3", "api.yaml": "2", "new.yaml": "1"}))
		if got := w.RepositoryEvents("DEPLOYMENT_FILE_IGNORED"); len(got) != 0 {
			t.Errorf("after it was created again: %v, want no such event", got)
		}
	})
}

func TestOfTwoFilesThatAskForOneNameNeitherGetsIt(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.EnableDiscovery()
		first := w.Push(map[string]string{"a/web.yaml": "1", "b/web.yaml": "1", "c/api.yaml": "1"})
		w.WaitForRepositorySyncOf(first)

		if diff := cmp.Diff([]string{"api c/api.yaml"}, w.Configurations()); diff != "" {
			t.Errorf("configurations (-want +got):\n%s", diff)
		}

		const remedy = "Name one of them under its key lockstep (\"lockstep: {name: NAME}\"), or with --name "
		want := []string{
			"Deployment file a/web.yaml is not synced: b/web.yaml asks for the name web too. " + remedy + "a/web.yaml=NAME.",
			"Deployment file b/web.yaml is not synced: a/web.yaml asks for the name web too. " + remedy + "b/web.yaml=NAME.",
		}
		if diff := cmp.Diff(want, w.RepositoryEvents("RESOURCE_NAME_TAKEN")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestANameThatIsTakenStaysWithItsFile(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.EnableDiscovery()
		w.WaitForRepositorySyncOf(w.Push(map[string]string{"b/web.yaml": "1"}))
		w.WaitForRepositorySyncOf(w.Push(map[string]string{"a/web.yaml": "1", "b/web.yaml": "1"}))
		if diff := cmp.Diff([]string{"web b/web.yaml"}, w.Configurations()); diff != "" {
			t.Errorf("configurations (-want +got):\n%s", diff)
		}
		if got := w.RepositoryEvents("RESOURCE_NAME_TAKEN"); len(got) != 1 {
			t.Errorf("events %v, want one about a/web.yaml", got)
		}
	})
}

func TestOtherBranchesAreNotDiscovered(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.EnableDiscovery()
		w.Host.Push("dev", map[string]string{"web.yaml": "1"})
		w.Update(func(tx *db.Tx) error { return w.Engine.RequestSync(tx, w.Link.ID, "dev") })
		time.Sleep(5 * time.Second)

		if count := w.Count(`SELECT count(*) FROM sync_configuration`); count != 0 {
			t.Errorf("%d configurations were made of another branch", count)
		}

		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE branch = 'dev'
			AND status = 'SUCCEEDED'`); count != 1 {
			t.Error("the repository sync did not succeed")
		}
	})
}

func TestDiscoveriesOfTwoSyncTypesAreBothReported(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Stop()
		other := enginetest.NewScriptedTarget()
		other.SyncType = "OTHER_SYNC"
		w.OtherTargets = []target.Driver{other}
		w.Start()
		w.EnableDiscovery()
		first := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForRepositorySyncOf(first)

		if got := w.RepositoryEvents("DEPLOYMENT_FILE_FOUND"); len(got) != 1 {
			t.Errorf("told: %q, want the one file that was found", got)
		}
	})
}
