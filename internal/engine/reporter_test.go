package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// statuses is the part of a Git host that shows what became of commits.
type statuses struct {
	mu     sync.Mutex
	told   []provider.CommitStatus // that were taken
	calls  []time.Time
	answer func(ctx context.Context, s provider.CommitStatus) error // of every call, if not nil
	busy   map[string]int                                           // calls under way, by environment
	broken []string                                                 // what a driver must never see
}

type reportingClient struct {
	*gitClient
	*statuses
}

// ReportStatus takes a status and remembers how many of its commit it took.
func (s *statuses) ReportStatus(ctx context.Context, status provider.CommitStatus, memory []byte) ([]byte, error) {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	if s.busy[status.Environment]++; s.busy[status.Environment] > 1 {
		s.broken = append(s.broken, "two calls at once for "+status.Environment)
	}

	taken, _ := strconv.Atoi(string(memory))
	if n := len(s.of(status.SHA, status.Environment)); n != taken {
		s.broken = append(s.broken, fmt.Sprintf("%d statuses of %s were taken, and remembered are %d", n, status.SHA.Short(), taken))
	}

	answer := s.answer
	s.mu.Unlock()
	var err error
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy[status.Environment]--
	}()

	if answer != nil {
		err = answer(ctx, status)
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	if err != nil {
		return memory, err
	}

	s.told = append(s.told, status)
	return []byte(strconv.Itoa(taken + 1)), nil
}

// of gives what was told of a commit in an environment. The caller holds the lock.
func (s *statuses) of(sha lockstep.SHA, environment string) []provider.CommitStatus {
	var list []provider.CommitStatus
	for _, one := range s.told {
		if one.SHA == sha && one.Environment == environment {
			list = append(list, one)
		}
	}
	return list
}

// answers says what becomes of calls from now on; nil takes them all.
func (s *statuses) answers(f func(ctx context.Context, s provider.CommitStatus) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// refuse makes every call end in an error; nil mends it.
func (s *statuses) refuse(err error) {
	s.answers(func(context.Context, provider.CommitStatus) error { return err })
}

func (s *statuses) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// home is the environment of what configure makes.
const home = "123456789012/us-east-1"

// reports lets the Git host show statuses, and complains at the end of what no
// driver must ever see.
func (w *world) reports() *statuses {
	s := &statuses{busy: map[string]int{}}
	w.host.mu.Lock()
	w.host.told = s
	w.host.mu.Unlock()
	w.t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, complaint := range s.broken {
			w.t.Error(complaint)
		}
	})

	return s
}

// publishes makes a configuration publish its status.
func publishes(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "ENABLED" }

// heard gives what was told of a commit in the home environment, as
// "state: summary".
func (w *world) heard(s *statuses, sha lockstep.SHA) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, one := range s.of(sha, home) {
		list = append(list, string(one.State)+": "+one.Summary)
	}
	return list
}

// untilTold waits until the last that was told of a commit is the given.
func (w *world) untilTold(s *statuses, sha lockstep.SHA, want string) {
	w.t.Helper()
	w.until(want+" of "+sha.Short(), func() bool {
		list := w.heard(s, sha)
		return len(list) > 0 && list[len(list)-1] == want
	})
}

// row gives the report of a commit in the home environment.
func (w *world) row(sha lockstep.SHA) (r syncstate.EnvironmentReport) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error {
		list, _, err := syncstate.StatusReports(tx, w.link.ID, db.Page{Limit: 1000})
		if i := slices.IndexFunc(list, func(r syncstate.EnvironmentReport) bool { return r.SHA == sha && r.Environment == home }); i >= 0 {
			r = list[i]
		}
		return err
	}))
	return r
}
