package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Whatever happens to the engine, in whatever order, what it promises holds.
// A failure names its seed; -run TestRandom/seed=N does it again.
func TestRandomHistoriesKeepTheInvariants(t *testing.T) {
	runs := 18
	if testing.Short() {
		runs = 3
	}
	for seed := range runs {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			enginetest.InSQLiteBubble(t, func(w *enginetest.World) { newHistory(w, uint64(seed)).run() })
		})
	}
}

// A history is one random run: what was done, and what has to be true for it.
type history struct {
	*enginetest.World
	seed    uint64
	random  *rand.Rand
	names   []string
	cfgs    map[string]lockstep.SyncConfiguration
	files   map[string]string // of the head
	pushed  []lockstep.SHA
	target  *moody
	told    *enginetest.StatusRecorder
	ended   map[string]string // attempt to what it was at its end
	seqs    map[int64]int64   // resource to its newest desire
	held    map[string]held   // resource to what was asked for it
	moves   int               // of the head
	unsweep func()
	log     []string
}

func newHistory(w *enginetest.World, seed uint64) *history {
	run := &history{World: w, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), names: []string{"a", "b", "c"},
		cfgs: map[string]lockstep.SyncConfiguration{}, files: map[string]string{},
		ended: map[string]string{}, seqs: map[int64]int64{}, held: map[string]held{}}
	run.target = newMoody(w.Target, seed, seed%3 == 2)
	run.told = w.ShowStatuses()
	run.told.SetAnswer(run.answer)
	return run
}

func (h *history) run() {
	h.sweeping()
	for _, name := range h.names {
		h.files[name+".yaml"] = "0"
	}

	h.push()
	for _, name := range h.names {
		h.toggle(name)
	}

	acts := 60
	if testing.Short() {
		acts = 30
	}

	for range acts {
		h.act()
		time.Sleep(h.pause())
		h.check()
	}

	h.rest()
	h.check()
	h.checkRest()
	h.checkReports()
	h.unsweep()

	if h.T.Failed() {
		for _, line := range h.log {
			h.T.Log(line)
		}
	}
}

// pause is mostly short, so that things overlap.
func (h *history) pause() time.Duration {
	return []time.Duration{
		0, 50 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 3 * time.Second,
		15 * time.Second,
	}[h.random.IntN(7)]
}

func (h *history) act() {
	name := h.names[h.random.IntN(len(h.names))]
	cfg, configured := h.cfgs[name]
	n := h.random.IntN(100)
	h.log = append(h.log, fmt.Sprintf("%s action %d on %s", time.Now().Format("15:04:05.000"), n, name))

	switch {
	case n < 35:
		h.files[name+".yaml"] = fmt.Sprint(h.random.IntN(6))
		h.push()
	case n < 42:
		h.files["README"] = fmt.Sprint(h.random.IntN(1000))
		h.push()
	case n < 50:
		h.forcePush()
	case n < 60:
		h.toggle(name)
	case n < 65 && configured:
		h.Retry(cfg)
		delete(h.held, name)
	case n < 70 && configured:
		h.ask(cfg)
	case n < 76 && configured:
		h.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) {
			c.TriggerResourceUpdateOn = []lockstep.TriggerResourceUpdateOn{
				lockstep.AnyChange, lockstep.FileChange,
			}[h.random.IntN(2)]
		})
		h.cfgs[name] = cfg
		delete(h.held, name)

	case n < 79:
		h.Host.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
	case n < 86:
		h.Host.FailWith(nil)
	case n < 92:
		h.restart(n%2 == 0)
	case n < 96:
		h.DeleteJobs()
	case configured && h.target.replaced:
		h.AcquireLease(cfg)
	}
}

func (h *history) push() {
	sha := h.Host.Push("main", h.files)
	h.pushed = append(h.pushed, sha)
	h.moves++
	h.notice(sha)
}

// held is a commit that was asked for by its id.
type held struct {
	sha, head lockstep.SHA
	moves     int // of the head before
}

// ask has a commit synced that may or may not be on the branch.
func (h *history) ask(cfg lockstep.SyncConfiguration) {
	sha := h.pushed[h.random.IntN(len(h.pushed))]
	err := h.Engine.RetryCommit(context.Background(), cfg, sha)
	if err == nil {
		h.held[cfg.ResourceName] = held{sha, h.Host.BranchHeads["main"], h.moves}
		return
	}
	if kind := lockstep.KindOf(err); kind != lockstep.Invalid && kind != lockstep.Unavailable {
		h.errorf("%s cannot be asked for: %v", sha, err)
	}
}

// forcePush goes back to an old commit.
func (h *history) forcePush() {
	sha := h.pushed[h.random.IntN(len(h.pushed))]
	h.Host.Mu.Lock()
	h.files = map[string]string{}
	for name, f := range h.Host.Commits[sha] {
		h.files[name] = string(f.Data)
	}
	h.Host.Mu.Unlock()
	h.Host.SetHead("main", sha)
	h.moves++
	h.notice(sha)
}

// notice is the poll that sees a head, now or never.
func (h *history) notice(sha lockstep.SHA) {
	if h.random.IntN(5) > 0 {
		h.Update(func(tx *db.Tx) error { return h.Engine.RecordHead(tx, h.Link.ID, "main", sha) })
	}
}

func (h *history) toggle(name string) {
	if cfg, ok := h.cfgs[name]; ok {
		h.DeleteConfiguration(cfg)
		delete(h.cfgs, name)
		delete(h.held, name)
		return
	}
	h.cfgs[name] = h.CreateConfiguration(name, enginetest.PublishStatus)
}

// restart ends the engine, softly or in the middle of its steps, and starts
// another one on the same database.
func (h *history) restart(softly bool) {
	h.unsweep()
	if !softly {
		hurry, cancel := context.WithCancel(context.Background())
		cancel()
		h.Must(h.Queue.Stop(hurry))
	}
	h.Stop()
	h.Start()
	h.sweeping()
}

func (h *history) sweeping() {
	h.unsweep = h.StartSweeps()
}

// rest mends the host, has it looked at, and waits until nothing is left to do.
func (h *history) rest() {
	h.Host.FailWith(nil)
	h.RequestSync()
	h.WaitUntil(fmt.Sprintf("seed %d: rest", h.seed), func() bool {
		return h.Count(`SELECT count(*) FROM resource_sync_attempt WHERE ended_at IS NULL`) == 0 &&
			h.Count(`SELECT count(*) FROM repository_sync_attempt WHERE ended_at IS NULL`) == 0 &&
			h.Count(`SELECT count(*) FROM resource r WHERE r.configuration_id IS NOT NULL AND r.desired_seq > r.attempted_seq
				AND NOT EXISTS (SELECT 1 FROM sync_blocker b WHERE b.resource_id = r.id AND b.status = 'ACTIVE')`) == 0
	})
}

// checkRest holds when all is over: every resource is where the head wants it,
// or its latest attempt says why not.
func (h *history) checkRest() {
	head := h.Host.BranchHeads["main"]
	if a := h.LatestRepositorySync(); a.Status != lockstep.RepositorySucceeded || a.SHA != head {
		h.errorf("at rest the repository sync is %s of %s, the head is %s", a.Status, a.SHA, head)
	}

	for name, cfg := range h.cfgs {
		status := h.Status(cfg)
		if status.LatestSync == nil || status.DesiredState == nil {
			h.errorf("%s was never synced", name)
			continue
		}

		latest, desired := status.LatestSync, status.DesiredState.SHA
		asked, ok := h.held[name]
		switch {
		case ok && (asked.sha != asked.head || asked.moves == h.moves):
			if desired != asked.sha {
				h.errorf("%s should be at %s as it was asked, not at %s", name, asked.sha, desired)
			}
		case ok && asked.head == head && desired == asked.sha:

			// The head went away and came back before anybody looked.
		case !h.same(desired, head, cfg.ConfigFile) ||
			cfg.TriggerResourceUpdateOn == lockstep.AnyChange && desired != head:
			h.errorf("%s should be at %s, not at %s", name, head, desired)
		}

		_, blocked := h.ActiveBlocker(cfg)
		switch {
		case blocked && latest.Status != lockstep.ResourceFailed:
			h.errorf("%s is blocked, its latest attempt %s", name, latest.Status)
		case !blocked && latest.TargetRevision.SHA != desired:
			h.errorf("%s is at rest at %s, desired is %s", name, latest.TargetRevision.SHA, desired)
		case latest.Status == lockstep.ResourceSucceeded && h.target.applied[name] != desired:
			h.errorf("%s says it is at %s and is at %s", name, desired, h.target.applied[name])
		}

		h.checkHandled(cfg, head)
	}
}

// same says whether two commits have the same file.
func (h *history) same(a, b lockstep.SHA, file string) bool {
	x, y := enginetest.MemoryTree{MapFS: h.Host.Commits[a]}, enginetest.MemoryTree{MapFS: h.Host.Commits[b]}
	idX, _ := x.ObjectID(file)
	idY, _ := y.ObjectID(file)
	return idX == idY
}

// checkHandled holds when all is over: no commit that concerned a resource is
// waited for.
func (h *history) checkHandled(cfg lockstep.SyncConfiguration, head lockstep.SHA) {
	for _, sha := range h.pushed {
		var seq int64
		h.Must(h.DB.View(context.Background(), func(tx *db.Tx) error {
			state, err := syncstate.ResourceByName(tx, cfg.Resource())
			if err != nil {
				return err
			}

			seq, err = syncstate.DesiredSeqOf(tx, state.ID, sha)
			return err
		}))

		got := h.RevisionStatus(cfg, sha)
		ends := []engine.RevisionState{engine.Succeeded, engine.LaterSucceeded, engine.Failed, engine.Blocked}
		if _, held := h.held[cfg.ResourceName]; held {
			ends = append(ends, engine.Pinned)
		}
		if seq != 0 && !slices.Contains(ends, got.State) || got.State == engine.InProgress ||
			sha == head && got.State == engine.Pending {
			h.errorf("%s: what became of %s, desire %d: %s", cfg.ResourceName, sha.Short(), seq, got.State)
		}
	}
}

func (h *history) errorf(format string, args ...any) {
	h.T.Helper()
	h.T.Errorf("seed %d: "+format, append([]any{h.seed}, args...)...)
}

// check holds at every moment.
func (h *history) check() {
	h.T.Helper()
	h.Must(h.DB.View(context.Background(), func(tx *db.Tx) error {
		return errors.Join(h.checkAttempts(tx), h.checkDocuments(tx))
	}))
	for _, broken := range h.target.complaints() {
		h.errorf("%s", broken)
	}
}
