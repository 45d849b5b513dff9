package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

func TestLinkIsReadAsItWasInserted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		want := storetest.InsertLink(t, database, 1)
		discovery := &lockstep.Discovery{Branch: "main", Names: map[string]string{"a.yaml": "a"}}
		for _, want.Discovery = range []*lockstep.Discovery{discovery, nil} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				return store.SetDiscovery(tx, want.ID, want.Discovery)
			})
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.Link(tx, account, region, want.ID)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("link (-want +got):\n%s", diff)
				}
				return err
			})
		}
	})
}

func TestRepositoryIsLinkedOncePerConnection(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		again := storetest.InsertLink(t, database, 1)
		again.ID, again.ARN = storetest.NewLink(2, "").ID, storetest.NewLink(2, "").ARN
		storetest.RequireKind(t, database, lockstep.Exists, func(tx *db.Tx) error {
			return store.InsertLink(tx, &again)
		})
		again.RepositoryName = "another"
		storetest.Update(t, database, func(tx *db.Tx) error { return store.InsertLink(tx, &again) })
	})
}

func TestLinkNeedsItsConnection(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := storetest.NewLink(1, "arn:aws:codeconnections:eu-central-1:111122223333:connection/none")
		storetest.RequireKind(t, d, lockstep.NotFound, func(tx *db.Tx) error { return store.InsertLink(tx, &l) })
	})
}

func TestDeleteLinkRefusesWhileConfigured(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		c := storetest.InsertConfiguration(t, database, storetest.NewConfiguration("web", link.ID))
		remove := func(tx *db.Tx) error { return store.DeleteLink(tx, account, region, link.ID) }
		storetest.RequireKind(t, database, lockstep.InUse, remove)
		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, c.ID) })
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			return store.DeleteLink(tx, other, region, link.ID)
		})
		storetest.Update(t, database, remove)
		storetest.RequireKind(t, database, lockstep.NotFound, remove)
	})
}

// A change of a link requests syncs of its branches in the same transaction. If a
// transaction that holds one of the branches had to wait for the link, there would be a
// deadlock.
func TestASyncBeginsWhileItsLinkIsChanged(t *testing.T) {
	database := dbtest.OpenOn(t, db.Postgres, db.Schema())
	link := storetest.InsertLink(t, database, 1)
	begin := func(tx *db.Tx) error {
		if _, err := tx.Exec(`SET LOCAL lock_timeout = '1s'`); err != nil {
			return err
		}
		if _, err := syncstate.LockBranch(tx, link.ID, "main"); err != nil {
			return err
		}

		_, err := syncstate.InsertRepositoryAttempt(tx, link.ID, "main", lockstep.RepositoryQueued)
		return err
	}
	storetest.Update(t, database, func(tx *db.Tx) error {
		if _, err := store.LockLinkToDelete(tx, account, region, link.ID); err != nil {
			return err
		}

		if err := database.Update(t.Context(), begin); err == nil {
			t.Error("one begins while its link is deleted")
		}

		return nil
	})
	storetest.Update(t, database, func(tx *db.Tx) error {
		if _, err := store.LockLink(tx, account, region, link.ID); err != nil {
			return err
		}
		return database.Update(t.Context(), begin)
	})
}

func TestTrackedBranchesAreThoseOfConfigurationsAndDiscovery(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		follow := func(want []string) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.TrackedBranches(tx, link.ID)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("branches (-want +got):\n%s", diff)
				}
				return err
			})
		}

		follow(nil)
		storetest.InsertConfiguration(t, database, storetest.NewConfiguration("web", link.ID))
		storetest.InsertConfiguration(t, database, storetest.NewConfiguration("api", link.ID))
		follow([]string{"main"})
		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.SetDiscovery(tx, link.ID,
				&lockstep.Discovery{Branch: "dev"})
		})
		follow([]string{"dev", "main"})
	})
}

func TestConfigurationKnowsItsLink(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		l := storetest.InsertLink(t, database, 1)
		cfg := storetest.NewConfiguration("web", l.ID)
		cfg.TriggerResourceUpdateOn = lockstep.AnyChange
		cfg.PublishDeploymentStatus = "ENABLED"
		cfg.PullRequestComment = "DISABLED"
		want := storetest.InsertConfiguration(t, database, cfg)
		if want.ID == 0 {
			t.Error("the sync configuration has no ID")
		}
		if want.OwnerID != "acme" {
			t.Errorf("OwnerID is %q, want %q", want.OwnerID, "acme")
		}
		if want.RepositoryName != "infra1" {
			t.Errorf("RepositoryName is %q, want %q", want.RepositoryName, "infra1")
		}
		if want.ProviderType != "Git" {
			t.Errorf("ProviderType is %q, want %q", want.ProviderType, "Git")
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			got, err := store.Configuration(tx, account, region, "CFN_STACK_SYNC", "web")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			return err
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			got, err := store.ConfigurationByID(tx, want.ID)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration by id (-want +got):\n%s", diff)
			}
			return err
		})
	})
}

func TestConfigurationNeedsALinkOfTheSameAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		l := storetest.InsertLink(t, database, 1)
		cfg := storetest.NewConfiguration("web", l.ID)
		cfg.Account = other
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			return store.InsertConfiguration(tx, &cfg)
		})
	})
}

func TestResourceHasOneConfigurationAndIDsAreNeverReused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		l := storetest.InsertLink(t, database, 1)
		first := storetest.InsertConfiguration(t, database, storetest.NewConfiguration("web", l.ID))
		again := storetest.NewConfiguration("web", l.ID)
		storetest.RequireKind(t, database, lockstep.Exists, func(tx *db.Tx) error {
			return store.InsertConfiguration(tx, &again)
		})
		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, first.ID) })
		if second := storetest.InsertConfiguration(t, database, again); second.ID <= first.ID {
			t.Errorf("the id %d came after %d", second.ID, first.ID)
		}
	})
}

func version(t testing.TB, d *db.DB, id int64) (version int64) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT version FROM sync_configuration WHERE id = $1`, id).Scan(&version)
	})
	return version
}

func TestEveryUpdateMakesANewVersion(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		l, moved := storetest.InsertLink(t, database, 1), storetest.InsertLink(t, database, 2)
		want := storetest.InsertConfiguration(t, database, storetest.NewConfiguration("web", l.ID))
		storetest.Update(t, database, func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &want) })

		if got := version(t, database, want.ID); got != 2 {
			t.Errorf("version %d after an update that changed nothing, want 2", got)
		}

		want.LinkID, want.Branch, want.ConfigFile, want.RoleARN = moved.ID, "dev", "b.yaml",
			"arn:aws:iam::111122223333:role/b"
		want.TriggerResourceUpdateOn, want.PublishDeploymentStatus, want.PullRequestComment = lockstep.FileChange,
			"DISABLED", "ENABLED"
		storetest.Update(t, database, func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &want) })
		storetest.Update(t, database, func(tx *db.Tx) error { return store.TouchConfiguration(tx, want.ID) })

		if got := version(t, database, want.ID); got != 4 {
			t.Errorf("version %d after another update and a touch, want 4", got)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			got, err := store.Configuration(tx, account, region, want.SyncType, "web")
			if diff := cmp.Diff(want, got); diff != "" || got.RepositoryName != "infra2" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			return err
		})
	})
}

func TestConfigurationsAreListedByLinkAndBranch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link, elsewhere := storetest.InsertLink(t, database, 1), storetest.InsertLink(t, database, 2)
		for _, name := range []string{"c", "a", "b"} {
			storetest.InsertConfiguration(t, database, storetest.NewConfiguration(name, link.ID))
		}

		dev := storetest.NewConfiguration("dev", link.ID)
		dev.Branch = "dev"
		storetest.InsertConfiguration(t, database, dev)
		storetest.InsertConfiguration(t, database, storetest.NewConfiguration("elsewhere", elsewhere.ID))
		storetest.Update(t, database, func(tx *db.Tx) error {
			tracked, err := store.ConfigurationsOfBranch(tx, link.ID, "main")
			var all []lockstep.SyncConfiguration
			for _, cfg := range tracked {
				all = append(all, cfg.SyncConfiguration)
			}
			if diff := cmp.Diff([]string{"c", "a", "b"}, names(all)); diff != "" {
				t.Errorf("of the branch (-want +got):\n%s", diff)
			}
			return err
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			filter := store.ConfigurationFilter{SyncType: "CFN_STACK_SYNC", LinkID: link.ID}
			first, next, err := store.Configurations(tx, account, region, filter, db.Page{Limit: 3})
			if err != nil {
				return err
			}

			second, end, err := store.Configurations(tx, account, region, filter, db.Page{Limit: 3, After: next})
			if diff := cmp.Diff([]string{"c", "a", "b", "dev"}, names(append(first, second...))); diff != "" {
				t.Errorf("of the link (-want +got):\n%s", diff)
			}

			if end != (db.Cursor{}) {
				t.Errorf("the list goes on at %v", end)
			}

			return err
		})
	})
}

func names(list []lockstep.SyncConfiguration) []string {
	var all []string
	for _, c := range list {
		all = append(all, c.ResourceName)
	}
	return all
}
