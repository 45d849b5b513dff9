package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// A head is a branch's newest commit and what its files ask for.
type head struct {
	sha    lockstep.SHA
	plans  []planned
	events []lockstep.Event
	// unplanned is why some configurations are not among the plans.
	unplanned error
}

// planned is what a head asks of one configuration.
type planned struct {
	store.TrackedConfiguration
	fingerprint string
	young       bool // made since the head was resolved
}

// readHead resolves a branch's head and plans everything that follows it. What is
// touched once the head is being resolved is left to the repository sync that was
// requested with it: this head may be an older one than whoever touched it knew.
func (e *Engine) readHead(ctx context.Context, w repositoryWork) (head, error) {
	client, release, err := e.Open(ctx, w.LinkID)
	if err != nil {
		return head{}, unreachable{err}
	}
	defer release()

	before, err := e.followed(ctx, w)
	if err != nil {
		return head{}, err
	}

	heads, err := client.Heads(ctx, []string{w.Branch})
	if err != nil {
		return head{}, unreachable{err}
	}

	var h head
	var link lockstep.RepositoryLink
	if err := e.db.View(ctx, func(tx *db.Tx) error {
		link, err = store.LinkByID(tx, w.LinkID)
		return err
	}); err != nil {
		return h, err
	}

	sha, ok := heads[w.Branch]
	if !ok {
		return h, noBranch(w.Branch, link.Path())
	}

	h.sha = sha
	files, err := client.Files(ctx, sha)
	if err != nil {
		return h, fmt.Errorf("read commit %s: %w", sha, err)
	}

	if h.events, err = e.discover(ctx, link, w.Branch, files); err != nil {
		return h, err
	}

	err = e.plan(ctx, w, &h, before, files)
	return h, err
}

// prefetcher is a tree that reads many files at the price of one.
type prefetcher interface {
	Prefetch(ctx context.Context, names ...string) error
}

// followed reads all configurations that follow a branch.
func (e *Engine) followed(ctx context.Context, w repositoryWork) (cfgs []store.TrackedConfiguration, err error) {
	err = e.db.View(ctx, func(tx *db.Tx) error {
		cfgs, err = store.ConfigurationsOfBranch(tx, w.LinkID, w.Branch)
		return err
	})
	return cfgs, err
}

// plan plans every configuration that follows a branch; before are those that did
// when its head was being resolved. What a configuration's files have wrong is not
// an error here: the attempt will end with it. One that cannot be planned now does
// not keep the others back.
func (e *Engine) plan(ctx context.Context, w repositoryWork, h *head, before []store.TrackedConfiguration, files lockstep.Tree) error {
	cfgs, err := e.followed(ctx, w)
	if err != nil {
		return err
	}

	if p, ok := files.(prefetcher); ok {
		names := make([]string, 0, len(cfgs))
		for _, cfg := range cfgs {
			names = append(names, cfg.ConfigFile)
		}

		if err := p.Prefetch(ctx, names...); err != nil {
			return err
		}
	}

	versions := make(map[int64]int64, len(before))
	for _, cfg := range before {
		versions[cfg.ID] = cfg.Version
	}

	away := 0
	for _, cfg := range cfgs {
		version, known := versions[cfg.ID]
		if known && version != cfg.Version {
			continue
		}

		p, err := e.planOne(ctx, cfg, files)
		if err == nil {
			p.young = !known
			h.plans = append(h.plans, p)
			continue
		}

		if lockstep.KindOf(err) == lockstep.Unavailable {
			away++
		}

		if ctx.Err() != nil || away == maxAway {
			return err
		}

		if h.unplanned == nil {
			h.unplanned = err
		}
	}

	return nil
}

// maxAway is how many configurations are not readable before that is the
// repository's fault and not theirs.
const maxAway = 10

func (e *Engine) planOne(ctx context.Context, cfg store.TrackedConfiguration, files lockstep.Tree) (planned, error) {
	driver, err := e.driver(cfg.SyncType)
	if err != nil {
		return planned{}, err
	}

	var inputs target.Inputs
	err = worker.Guard(func() (err error) {
		inputs, err = driver.ReadInputs(ctx, cfg.SyncConfiguration, files)
		return err
	})
	if worker.IsTransient(err) {
		return planned{}, fmt.Errorf("plan %s: %w", cfg.ResourceName, err)
	}

	return planned{TrackedConfiguration: cfg, fingerprint: fingerprint(cfg.SyncConfiguration, inputs)}, nil
}

// fingerprint is equal for two commits that ask the same of a configuration.
func fingerprint(cfg lockstep.SyncConfiguration, inputs target.Inputs) string {
	h := sha256.New()
	for _, s := range []string{cfg.LinkID, cfg.Branch, cfg.ConfigFile, cfg.RoleARN, cfg.Region} {
		fmt.Fprintf(h, "%q\n", s)
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		fmt.Fprintf(h, "%s %s\n", strconv.Quote(name), inputs[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// concernAll says of every planned configuration whether a head concerns it.
func (e *Engine) concernAll(tx *db.Tx, h head) error {
	var n news
	for _, p := range h.plans {
		if err := e.concern(tx, &n, p, h.sha); err != nil {
			return err
		}
	}
	return e.spread(tx, n)
}

// concern decides whether a head concerns a configuration, and if so makes it
// the resource's desire. A commit that was asked for by its id stays desired
// until the branch's head is another one than it was then.
func (e *Engine) concern(tx *db.Tx, n *news, p planned, sha lockstep.SHA) error {
	same, err := store.SetObservedVersion(tx, p.TrackedConfiguration)
	if err != nil || !same { // changed meanwhile: its own request is queued
		return err
	}

	s, err := syncstate.LockResourceByName(tx, p.Resource())
	if err != nil {
		return err
	}

	switch {
	case s.PinnedHead == sha && s.Desired.SHA != sha && differs(p, s, sha):
		return syncstate.MarkAffected(tx, s, sha)
	case s.PinnedHead == sha, s.PinnedHead != "" && p.young:
		return nil
	case s.PinnedHead != "": // the branch has moved on: it is followed again
		if err := syncstate.PinAtHead(tx, s.ID, ""); err != nil {
			return err
		}
	}

	if p.Version > p.ObservedVersion || s.Desired == nil || differs(p, s, sha) {
		return e.desire(tx, n, s, p, sha)
	}

	return nil
}

// desire makes a commit what a resource should be, and has it attempted. The news
// of it is left to the caller.
func (e *Engine) desire(tx *db.Tx, n *news, s syncstate.ResourceState, p planned, sha lockstep.SHA) error {
	if _, err := syncstate.SetDesiredRevision(tx, s.ID, p.Revision(sha), p.fingerprint); err != nil {
		return err
	}
	n.desired(p.SyncConfiguration, sha)
	if err := e.refresh(tx, s.ID); err != nil {
		return err
	}
	return e.queue.Wake(tx, resourceWork{ResourceID: s.ID}, tx.Now)
}

// differs says whether a commit asks for something else than what is desired.
func differs(p planned, s syncstate.ResourceState, sha lockstep.SHA) bool {
	if p.TriggerResourceUpdateOn == lockstep.AnyChange {
		return s.Desired.SHA != sha
	}
	return s.Fingerprint != p.fingerprint
}

// refresh rewrites a resource's status document. Before any attempt there is
// none.
func (e *Engine) refresh(tx *db.Tx, resourceID int64) error {
	s, err := syncstate.LockResource(tx, resourceID)
	if err != nil || s.ConfigurationID == 0 {
		return err
	}

	sync, err := syncstate.ResourceStatus(tx, s)
	if err != nil || sync.LatestSync == nil {
		return err
	}

	document, err := e.encodeStatus(sync)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", s.Resource.Name, err)
	}

	return syncstate.SaveStatusDocument(tx, s.ID, document)
}
