package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// WaitForRepositorySyncOf waits for the repository sync of a head to succeed, and then for
// the resource syncs that it started.
func (w *World) WaitForRepositorySyncOf(sha lockstep.SHA) {
	w.T.Helper()
	w.WaitUntil("the repository sync of "+sha.Short(), func() bool {
		a := w.LatestRepositorySync()
		return a.SHA == sha && a.Status == lockstep.RepositorySucceeded
	})
	time.Sleep(5 * time.Second)
}

// WaitForIntent waits for an attempt that has declared its intent to execute.
func (w *World) WaitForIntent(cfg lockstep.SyncConfiguration) {
	w.T.Helper()
	w.WaitUntil("the intent", func() bool {
		a, running := w.RunningAttempt(cfg)
		return running && a.Intent != ""
	})
}

// EnableDiscovery makes the link discover deployment files on main.
func (w *World) EnableDiscovery() {
	w.T.Helper()
	w.Link.Discovery = &lockstep.Discovery{Branch: "main", RoleARN: "arn:role"}
	w.Update(func(tx *db.Tx) error { return store.SetDiscovery(tx, w.Link.ID, w.Link.Discovery) })
}

// Configurations returns "name file" for every configuration of main.
func (w *World) Configurations() (list []string) {
	w.T.Helper()
	w.Must(w.DB.View(w.T.Context(), func(tx *db.Tx) error {
		cfgs, err := store.ConfigurationsOfBranch(tx, w.Link.ID, "main")
		list = nil
		for _, cfg := range cfgs {
			list = append(list, cfg.ResourceName+" "+cfg.ConfigFile)
		}
		return err
	}))
	return list
}

// ConfigurationNamed returns the configuration of a resource.
func (w *World) ConfigurationNamed(name string) (cfg lockstep.SyncConfiguration) {
	w.T.Helper()
	w.Must(w.DB.View(w.T.Context(), func(tx *db.Tx) (err error) {
		cfg, err = store.Configuration(tx, w.Link.Account, w.Link.Region, "TEST_SYNC", name)
		return err
	}))
	return cfg
}

// RepositoryEvents returns the messages of the latest repository sync's events of a type.
func (w *World) RepositoryEvents(eventType string) (list []string) {
	w.T.Helper()
	for _, ev := range w.LatestRepositorySync().Events {
		if ev.Type == eventType {
			list = append(list, ev.Message)
		}
	}
	return list
}

// AcquireLease takes the lease on a resource, as another node would.
func (w *World) AcquireLease(cfg lockstep.SyncConfiguration) {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error {
		resource, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		_, err = syncstate.AcquireLease(tx, resource.ID)
		return err
	})
}

// Sweep runs the sweeps of the engine and the reporter until the test ends.
func (w *World) Sweep() { w.T.Cleanup(w.StartSweeps()) }

// StartSweeps runs the sweeps until stop is called.
func (w *World) StartSweeps() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var sweeps sync.WaitGroup
	engine, reporter := w.Engine, w.Reporter
	sweeps.Go(func() { engine.Sweep(ctx) })
	sweeps.Go(func() { reporter.Sweep(ctx) })
	return func() { cancel(); sweeps.Wait() }
}

// DeleteJobs deletes all jobs that are not running.
func (w *World) DeleteJobs() {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM river_job WHERE state <> 'running'`)
		return err
	})
}

// ExpectRevisionStatus fails the test if the status of a commit is not want.
func (w *World) ExpectRevisionStatus(cfg lockstep.SyncConfiguration, sha lockstep.SHA, want engine.RevisionStatus) {
	w.T.Helper()
	want.SHA = sha
	if diff := cmp.Diff(want, w.RevisionStatus(cfg, sha)); diff != "" {
		w.T.Errorf("%s: %s", cfg.ResourceName, diff)
	}
}

// CreateConfiguration creates a configuration that tracks main with a file of its name.
func (w *World) CreateConfiguration(
	name string, change ...func(*lockstep.SyncConfiguration),
) lockstep.SyncConfiguration {
	w.T.Helper()
	cfg := w.newConfiguration(name, change)
	w.Update(func(tx *db.Tx) error { return w.attach(tx, &cfg) })
	return cfg
}

func (w *World) newConfiguration(name string, change []func(*lockstep.SyncConfiguration)) lockstep.SyncConfiguration {
	cfg := lockstep.SyncConfiguration{
		Account:      w.Link.Account,
		Region:       w.Link.Region,
		SyncType:     "TEST_SYNC",
		ResourceName: name,
		LinkID:       w.Link.ID,
		Branch:       "main",
		ConfigFile:   name + ".yaml",
		RoleARN:      "arn:role",
	}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

func (w *World) attach(tx *db.Tx, cfg *lockstep.SyncConfiguration) error {
	if err := store.InsertConfiguration(tx, cfg); err != nil {
		return err
	}
	return w.Engine.AttachConfiguration(tx, *cfg)
}

// Push commits files to main and records the head, as a poll would.
func (w *World) Push(files map[string]string) lockstep.SHA {
	w.T.Helper()
	sha := w.Host.Push("main", files)
	w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", sha) })
	return sha
}

// Status returns the stored status of a configuration's resource.
func (w *World) Status(cfg lockstep.SyncConfiguration) (status lockstep.ResourceSync) {
	w.T.Helper()
	w.Must(w.DB.View(context.Background(), func(tx *db.Tx) error {
		document, err := syncstate.StatusDocument(tx, cfg.Resource())
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		if err != nil {
			return err
		}

		return json.Unmarshal(document, &status)
	}))

	return status
}

// WaitForStatus waits until the latest sync of a resource has a status, for a commit.
func (w *World) WaitForStatus(
	cfg lockstep.SyncConfiguration, want lockstep.ResourceSyncStatus, sha lockstep.SHA,
) lockstep.ResourceSync {
	w.T.Helper()
	var status lockstep.ResourceSync
	w.WaitUntil(fmt.Sprintf("%s %s at %s", cfg.ResourceName, want, sha.Short()), func() bool {
		status = w.Status(cfg)
		return status.LatestSync != nil && status.LatestSync.Status == want &&
			status.LatestSync.TargetRevision.SHA == sha
	})
	return status
}

// LatestRepositorySync returns the latest repository sync of main, zero if there is none.
func (w *World) LatestRepositorySync() lockstep.RepositorySyncAttempt {
	w.T.Helper()
	var attempt lockstep.RepositorySyncAttempt
	w.Must(w.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		attempt, err = syncstate.LatestRepositorySync(tx, w.Link.ID, "main")
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		return err
	}))
	return attempt
}

// Retry retries the latest commit of a configuration.
func (w *World) Retry(cfg lockstep.SyncConfiguration) {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error { return w.Engine.Retry(tx, cfg) })
}

// DeleteConfiguration deletes a configuration.
func (w *World) DeleteConfiguration(cfg lockstep.SyncConfiguration) {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error {
		return errors.Join(w.Engine.DetachConfiguration(tx, cfg), store.DeleteConfiguration(tx, cfg.ID))
	})
}

// UpdateConfiguration saves a configuration as f has changed it.
func (w *World) UpdateConfiguration(cfg *lockstep.SyncConfiguration, f func(*lockstep.SyncConfiguration)) {
	w.T.Helper()
	f(cfg)
	w.Update(func(tx *db.Tx) error {
		return errors.Join(store.UpdateConfiguration(tx, cfg), w.Engine.AttachConfiguration(tx, *cfg))
	})
}

// RevisionStatus returns the status of a commit.
func (w *World) RevisionStatus(cfg lockstep.SyncConfiguration, sha lockstep.SHA) engine.RevisionStatus {
	w.T.Helper()
	h, err := w.Engine.RevisionStatus(w.T.Context(), cfg, sha)
	w.Must(err)
	return h
}

// ActiveBlocker returns the active blocker of a configuration's resource.
func (w *World) ActiveBlocker(cfg lockstep.SyncConfiguration) (b lockstep.Blocker, blocked bool) {
	w.T.Helper()
	w.Must(w.DB.View(context.Background(), func(tx *db.Tx) error {
		resource, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		b, blocked, err = syncstate.ActiveBlocker(tx, resource.ID)
		return err
	}))
	return b, blocked
}

// RunningAttempt returns the running attempt of a configuration's resource.
func (w *World) RunningAttempt(cfg lockstep.SyncConfiguration) (attempt syncstate.ResourceAttempt, running bool) {
	w.T.Helper()
	w.Must(w.DB.View(context.Background(), func(tx *db.Tx) error {
		resource, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		attempt, running, err = syncstate.RunningAttempt(tx, resource.ID)
		return err
	}))
	return attempt, running
}

// EventTypes returns the types of events, in order.
func EventTypes(events []lockstep.Event) []string {
	var list []string
	for _, ev := range events {
		list = append(list, ev.Type)
	}
	return list
}

// CreateStacks pushes a commit of n stacks whose status is published, creates their
// configurations, and returns the commit.
func (w *World) CreateStacks(count int, change ...func(*lockstep.SyncConfiguration)) lockstep.SHA {
	w.T.Helper()
	files := map[string]string{}
	for i := range count {
		files[fmt.Sprintf("s%03d.yaml", i)] = "1"
	}

	change = append([]func(*lockstep.SyncConfiguration){PublishStatus}, change...)
	sha := w.Host.Push("main", files)
	w.Update(func(tx *db.Tx) error {
		for i := range count {
			cfg := w.newConfiguration(fmt.Sprintf("s%03d", i), change)
			if err := w.attach(tx, &cfg); err != nil {
				return err
			}
		}

		return nil
	})

	return sha
}

// AcquireReportStreamLeases takes the leases on all report streams, as another node would.
func (w *World) AcquireReportStreamLeases() {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE report_stream SET epoch = epoch + 1`)
		return err
	})
}

// ShowStatuses makes the Git host show commit statuses. At its end the test fails if the
// reporter has broken a promise to drivers.
func (w *World) ShowStatuses() *StatusRecorder {
	recorder := &StatusRecorder{busy: map[string]int{}}
	w.Host.Mu.Lock()
	w.Host.Statuses = recorder
	w.Host.Mu.Unlock()
	w.T.Cleanup(func() {
		recorder.Mu.Lock()
		defer recorder.Mu.Unlock()
		for _, complaint := range recorder.Violations {
			w.T.Error(complaint)
		}
	})

	return recorder
}

// PublishStatus makes a configuration publish its status.
func PublishStatus(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "ENABLED" }

// ReportedStatuses returns the statuses of a commit in Environment, as "state: summary".
func (w *World) ReportedStatuses(recorder *StatusRecorder, sha lockstep.SHA) []string {
	recorder.Mu.Lock()
	defer recorder.Mu.Unlock()
	var list []string
	for _, one := range recorder.AcceptedOf(sha, Environment) {
		list = append(list, string(one.State)+": "+one.Summary)
	}
	return list
}

// WaitForReport waits until the last status of a commit is want.
func (w *World) WaitForReport(s *StatusRecorder, sha lockstep.SHA, want string) {
	w.T.Helper()
	w.WaitUntil(want+" of "+sha.Short(), func() bool {
		list := w.ReportedStatuses(s, sha)
		return len(list) > 0 && list[len(list)-1] == want
	})
}

// StatusReport returns the report of a commit in Environment.
func (w *World) StatusReport(sha lockstep.SHA) (report syncstate.EnvironmentReport) {
	w.T.Helper()
	w.Must(w.DB.View(context.Background(), func(tx *db.Tx) error {
		list, _, err := syncstate.StatusReports(tx, w.Link.ID, db.Page{Limit: 1000})
		for _, candidate := range list {
			if candidate.SHA == sha && candidate.Environment == Environment {
				report = candidate
			}
		}
		return err
	}))
	return report
}

// OpenClient returns the client of a link and its release function.
func (w *World) OpenClient(linkID string) (provider.Client, func()) {
	w.T.Helper()
	repo, err := w.Repositories.Open(w.T.Context(), linkID)
	w.Must(err)
	return repo.Client, repo.Release
}

// ExpectClients fails the test unless so many clients were opened and closed.
func (w *World) ExpectClients(opened, closed int) {
	w.T.Helper()
	if o, c := w.Host.ClientCounts(); o != opened || c != closed {
		w.T.Errorf("%d clients opened and %d closed, want %d and %d", o, c, opened, closed)
	}
}

// RequestSync requests a repository sync of main.
func (w *World) RequestSync() {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error { return w.Engine.RequestSync(tx, w.Link.ID, "main") })
}

// WaitForRepositorySync waits until the latest repository sync of main has a status.
func (w *World) WaitForRepositorySync(want lockstep.RepositorySyncStatus) lockstep.RepositorySyncAttempt {
	w.T.Helper()
	w.WaitUntil("the repository sync is "+string(want), func() bool { return w.LatestRepositorySync().Status == want })
	return w.LatestRepositorySync()
}

// Outage returns why the repository is unreachable, "" if it is not known to be.
func (w *World) Outage() (cause string) {
	w.T.Helper()
	w.Must(w.DB.View(w.T.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT outage FROM repository_link WHERE id = $1`, w.Link.ID).Scan(&cause)
	}))
	return cause
}

// RetryCommit requests a sync of a commit by its id.
func (w *World) RetryCommit(cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	w.T.Helper()
	w.Must(w.Engine.RetryCommit(context.Background(), cfg, sha))
}

// ExpectStaysDesired waits until a resource is synced to a commit, syncs the branch twice,
// and fails the test if the commit is no longer the desired revision.
func (w *World) ExpectStaysDesired(cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	w.T.Helper()
	w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
	for range 2 {
		w.RequestSync()
		w.WaitForRepositorySync(lockstep.RepositorySucceeded)
		time.Sleep(10 * time.Second)
	}
	s := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
	if s.DesiredState.SHA != sha {
		w.T.Errorf("desired is %s, want %s", s.DesiredState.SHA, sha)
	}
}

// CreateBlocker blocks a resource with BlockedError.
func (w *World) CreateBlocker(cfg lockstep.SyncConfiguration) lockstep.Blocker {
	w.T.Helper()
	w.StepsFail(&BlockedError)
	w.Retry(cfg)
	w.WaitUntil("a blocker", func() bool { _, blocked := w.ActiveBlocker(cfg); return blocked })
	w.StepsSucceed()
	b, _ := w.ActiveBlocker(cfg)
	return b
}

// ResolveBlocker resolves the active blocker.
func (w *World) ResolveBlocker(cfg lockstep.SyncConfiguration) (resolved lockstep.Blocker) {
	w.T.Helper()
	b, _ := w.ActiveBlocker(cfg)
	w.Update(func(tx *db.Tx) (err error) {
		resolved, err = w.Engine.ResolveBlocker(tx, cfg, b.ID, "mended")
		return err
	})
	return resolved
}

// ReadSignatureFile returns a file that git and ssh-keygen have signed. Its signature is also
// valid at the time of a bubble.
func ReadSignatureFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../signature/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// SignCommits stores the commits that follow with the given raw text.
func (w *World) SignCommits(raw string) {
	w.Host.Mu.Lock()
	defer w.Host.Mu.Unlock()
	w.Host.rawCommit = []byte(raw)
}

// SetAllowedSigners sets the signature policy of a configuration.
func (w *World) SetAllowedSigners(cfg lockstep.SyncConfiguration, allowed string) {
	w.Update(func(tx *db.Tx) error {
		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: allowed})
	})
}
