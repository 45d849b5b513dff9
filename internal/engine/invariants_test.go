package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// checkAttempts: one attempt of a resource runs, an end is final, no event
// comes after it, and desires only grow.
func (h *history) checkAttempts(tx *db.Tx) error {
	rows, err := tx.Query(`SELECT a.id, r.name, r.id, r.desired_seq, r.attempted_seq, coalesce(a.outcome, ''), a.intent, a.tries,
		(SELECT count(*) FROM sync_event e WHERE e.resource_attempt_id = a.id),
		(SELECT count(*) FROM sync_event e WHERE e.resource_attempt_id = a.id AND e.at > a.ended_at)
		FROM resource_sync_attempt a JOIN resource r ON r.id = a.resource_id ORDER BY a.seq`)
	if err != nil {
		return err
	}
	defer rows.Close()

	running := map[string]string{}
	for rows.Next() {
		var id, name, outcome, intent string
		var resource, desired, attempted, tries, events, late int64
		err := rows.Scan(&id, &name, &resource, &desired, &attempted, &outcome, &intent, &tries, &events, &late)
		if err != nil {
			return err
		}

		if late > 0 {
			h.errorf("%d events of %s after its end", late, name)
		}

		if attempted > desired || desired < h.seqs[resource] {
			h.errorf("%s: desire %d after %d, attempted %d", name, desired, h.seqs[resource], attempted)
		}

		h.seqs[resource] = desired
		if outcome == "" {
			if other, two := running[name]; two {
				h.errorf("%s: attempts %s and %s run", name, other, id)
			}

			running[name] = id
			continue
		}

		end := fmt.Sprint(outcome, intent, tries, events)
		if was, known := h.ended[id]; known && was != end {
			h.errorf("the ended attempt %s of %s changed from %s to %s", id, name, was, end)
		}

		h.ended[id] = end
	}

	return rows.Err()
}

// checkDocuments: what a status read answers is what is the case.
func (h *history) checkDocuments(tx *db.Tx) error {
	for _, name := range h.names {
		resource := lockstep.Resource{Account: h.Link.Account, Region: h.Link.Region, SyncType: "TEST_SYNC", Name: name}
		state, err := syncstate.ResourceByName(tx, resource)
		if err != nil {
			return err
		}

		document, err := syncstate.StatusDocument(tx, resource)
		if lockstep.KindOf(err) == lockstep.NotFound {
			document = nil
		} else if err != nil {
			return err
		}

		want := []byte(nil)
		if state.ConfigurationID != 0 {
			sync, err := syncstate.ResourceStatus(tx, state)
			if err != nil {
				return err
			}

			if sync.LatestSync != nil {
				if want, err = json.Marshal(sync); err != nil {
					return err
				}
			}
		}

		if string(want) != string(document) {
			h.errorf("%s: the status is\n%s\nand a read answers\n%s", name, want, document)
		}
	}

	return nil
}

// answer is what becomes of a call that shows a status: some take long, and some
// the Git host cannot take now.
func (h *history) answer(_ context.Context, s provider.CommitStatus) error {
	sum := fnv.New64a()
	fmt.Fprint(sum, h.seed, s.SHA, s.Summary, h.told.CallCount())
	mood := (sum.Sum64() >> 8) % 10
	time.Sleep(time.Duration(mood/5*mood) * 300 * time.Millisecond)
	if mood == 3 {
		return lockstep.Errorf(lockstep.Unavailable, "Away.")
	}
	return nil
}

// checkReports checks, after all syncs have ended, that the last status report of
// each commit is its final state.
func (h *history) checkReports() {
	h.WaitUntil("every status report is sent", func() bool {
		return h.Count(`SELECT count(*) FROM status_report WHERE due_at IS NOT NULL`) == 0
	})
	for _, sha := range h.pushed {
		report, list := h.StatusReport(sha), h.ReportedStatuses(h.told, sha)
		switch {
		case report.State == "" && len(list) == 0:
		case report.State != "succeeded" && report.State != "failed":
			h.errorf("at rest the Git host was told that %s is %s", sha.Short(), report.State)
		case len(list) == 0 || list[len(list)-1] != report.State+": "+report.Summary:
			h.errorf("of %s the Git host was told %q last, and %s is kept", sha.Short(), list, report.State)
		}
	}

	for name, cfg := range h.cfgs {
		status := h.Status(cfg)
		_, blocked := h.ActiveBlocker(cfg)
		if state := h.StatusReport(status.DesiredState.SHA).State; state == "" ||
			(blocked || status.LatestSync.Status == lockstep.ResourceFailed) && state != "failed" {
			h.errorf("%s is %s, blocked %t, and its commit %q", name, status.LatestSync.Status, blocked, state)
		}
	}
}

// moody is a target whose behaviour depends on the seed, the resource and the
// commit alone, so that a commit that breaks always does. It checks
// that no two workers execute or discard the same thing.
type moody struct {
	seed     uint64
	replaced bool // workers are replaced while they work: two may be at it

	mu        sync.Mutex
	tries     map[string]int
	executing map[string]string // resource to the attempt that is executed
	applied   map[string]lockstep.SHA
	broken    []string
}

func newMoody(s *enginetest.ScriptedTarget, seed uint64, replaced bool) *moody {
	m := &moody{
		seed:      seed,
		replaced:  replaced,
		tries:     map[string]int{},
		executing: map[string]string{},
		applied:   map[string]lockstep.SHA{},
	}
	s.SetSteps(m.advance)
	s.OnDiscard = m.discard
	return m
}

// mood returns a number below n that depends on what, and on the attempt's
// resource and commit.
func (m *moody) mood(a target.Attempt, what string, n int) int {
	h := fnv.New64a()
	fmt.Fprint(h, m.seed, a.Configuration.ResourceName, a.Revision.SHA, what)
	return int((h.Sum64() >> 8) % uint64(n))
}

func (m *moody) advance(attempt target.Attempt) (target.Step, error) {
	done, _ := strconv.Atoi(string(attempt.Checkpoint)) // steps recorded; none is zero
	step := target.Step{
		Checkpoint: []byte(strconv.Itoa(done + 1)),
		Events:     []lockstep.Event{{Type: fmt.Sprint("STEP_", done)}},
	}
	step.ContinueAfter = []time.Duration{
		0, 0, 0, 300 * time.Millisecond, time.Second, 5 * time.Second, 2 * time.Minute,
	}[m.mood(attempt, fmt.Sprint("after", done), 7)]
	time.Sleep([]time.Duration{
		0, 0, 20 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second,
	}[m.mood(attempt, fmt.Sprint("slow", done), 5)])
	m.mu.Lock()
	defer m.mu.Unlock()

	m.tries[attempt.ID+string(attempt.Checkpoint)]++
	proposing := 1 + m.mood(attempt, "proposing", 3)
	if attempt.Intent == "" {
		if done >= proposing {
			step.Intent = "execute " + attempt.ID
			return step, nil
		}
		return step, m.accident(attempt, m.tries[attempt.ID+string(attempt.Checkpoint)])
	}

	name := attempt.Configuration.ResourceName
	if attempt.Intent != "execute "+attempt.ID {
		m.complain("%s has the intent %q", attempt.ID, attempt.Intent)
	}

	if other := m.executing[name]; other != "" && other != attempt.ID {
		m.complain("%s executes %s while %s is executed", name, attempt.ID, other)
	}

	m.executing[name] = attempt.ID
	if done < proposing+1+m.mood(attempt, "executing", 3) {
		return step, nil
	}

	delete(m.executing, name)
	step.End = m.end(attempt)
	return step, nil
}

// accident is what goes wrong with some commits before anything is executed.
func (m *moody) accident(a target.Attempt, try int) error {
	switch mood := m.mood(a, "accident", 20); {
	case mood == 0:
		return lockstep.Errorf(lockstep.Invalid, "Broken.")
	case mood == 1:
		return &enginetest.BlockedError
	case mood == 2 && try < 4:
		return lockstep.Errorf(lockstep.Unavailable, "Away.")
	case mood == 3:
		panic("bug")
	case mood == 4 && try < 3:
		return lockstep.Errorf(lockstep.Stale, "Moved.")
	}

	return nil
}

func (m *moody) end(attempt target.Attempt) *target.End {
	switch m.mood(attempt, "end", 14) {
	case 0:
		return &target.End{Outcome: lockstep.Failed}
	case 1:
		return &target.End{Outcome: lockstep.Failed, Blocked: &enginetest.BlockedError}
	}
	m.applied[attempt.Configuration.ResourceName] = attempt.Revision.SHA
	return &target.End{Outcome: lockstep.Applied, Baseline: []byte(attempt.Revision.SHA)}
}

func (m *moody) discard(attempt target.Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if attempt.Intent != "" || m.executing[attempt.Configuration.ResourceName] == attempt.ID {
		m.complain("%s is discarded while it is executed", attempt.ID)
	}
	m.tries["discard"+attempt.ID]++
	if m.mood(attempt, "discard", 4) == 0 && m.tries["discard"+attempt.ID] == 1 {
		return lockstep.Errorf(lockstep.Unavailable, "Away.")
	}
	return nil
}

// complain remembers what must not happen; what only a replaced worker can do
// is no wonder where workers are replaced. The caller holds the lock.
func (m *moody) complain(format string, args ...any) {
	if !m.replaced {
		m.broken = append(m.broken, fmt.Sprintf(format, args...))
	}
}

func (m *moody) complaints() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	broken := m.broken
	m.broken = nil
	return broken
}
