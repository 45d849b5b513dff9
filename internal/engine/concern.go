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
	"github.com/lockstephq/lockstep/internal/target"
)

// A head is a branch's newest commit and what its files ask for.
type head struct {
	sha    lockstep.SHA
	plans  []planned
	events []lockstep.Event
}

// planned is what a head asks of one configuration.
type planned struct {
	store.Followed
	fingerprint string
}

// readHead resolves a branch's head and plans everything that follows it.
func (e *Engine) readHead(ctx context.Context, w repositoryWork) (head, error) {
	client, release, err := e.Open(ctx, w.LinkID)
	if err != nil {
		return head{}, unreachable{err}
	}
	defer release()
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
	h.plans, err = e.plan(ctx, w, files)
	return h, err
}

// prefetcher is a tree that reads many files at the price of one.
type prefetcher interface {
	Prefetch(ctx context.Context, names ...string) error
}

// plan plans every configuration that follows a branch. What a configuration's
// files have wrong is not an error here: the attempt will end with it.
func (e *Engine) plan(ctx context.Context, w repositoryWork, files lockstep.Tree) ([]planned, error) {
	var cfgs []store.Followed
	err := e.db.View(ctx, func(tx *db.Tx) (err error) {
		cfgs, err = store.FollowedOf(tx, w.LinkID, w.Branch)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p, ok := files.(prefetcher); ok {
		names := make([]string, 0, len(cfgs))
		for _, cfg := range cfgs {
			names = append(names, cfg.ConfigFile)
		}
		if err := p.Prefetch(ctx, names...); err != nil {
			return nil, err
		}
	}
	plans := make([]planned, 0, len(cfgs))
	for _, cfg := range cfgs {
		p, err := e.planOne(ctx, cfg, files)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func (e *Engine) planOne(ctx context.Context, cfg store.Followed, files lockstep.Tree) (planned, error) {
	driver, err := e.driver(cfg.SyncType)
	if err != nil {
		return planned{}, err
	}
	plan, err := driver.Plan(ctx, cfg.SyncConfiguration, files)
	if k := lockstep.KindOf(err); err != nil && (k == lockstep.Unavailable || k == lockstep.Internal) {
		return planned{}, fmt.Errorf("plan %s: %w", cfg.ResourceName, err)
	}
	return planned{Followed: cfg, fingerprint: fingerprint(cfg.SyncConfiguration, plan.Inputs)}, nil
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

// concern decides whether a head concerns a configuration, and if so makes it
// the resource's desire. A commit that was asked for by its id stays desired
// until the branch's head is another one than it was then.
func (e *Engine) concern(tx *db.Tx, p planned, sha lockstep.SHA) error {
	same, err := store.MarkHandled(tx, p.Followed)
	if err != nil || !same { // changed meanwhile: its own request is queued
		return err
	}
	s, err := store.LockResourceOf(tx, p.Resource())
	if err != nil {
		return err
	}
	switch {
	case s.HeldHead == sha && s.Desired.SHA != sha && differs(p, s, sha):
		return store.PassOver(tx, s, sha)
	case s.HeldHead == sha:
		return nil
	case s.HeldHead != "": // the branch has moved on: it is followed again
		if err := store.Hold(tx, s.ID, ""); err != nil {
			return err
		}
	}
	if p.Version > p.Handled || s.Desired == nil || differs(p, s, sha) {
		return e.desire(tx, s, p, sha)
	}
	return nil
}

// desire makes a commit what a resource should be, and has it attempted.
func (e *Engine) desire(tx *db.Tx, s store.ResourceState, p planned, sha lockstep.SHA) error {
	if _, err := store.Desire(tx, s.ID, p.Revision(sha), p.fingerprint); err != nil {
		return err
	}
	if err := e.refresh(tx, s.ID); err != nil {
		return err
	}
	return e.queue.Wake(tx, resourceWork{ResourceID: s.ID}, tx.Now)
}

// differs says whether a commit asks for something else than what is desired.
func differs(p planned, s store.ResourceState, sha lockstep.SHA) bool {
	if p.TriggerResourceUpdateOn == lockstep.AnyChange {
		return s.Desired.SHA != sha
	}
	return s.Fingerprint != p.fingerprint
}

// refresh rewrites a resource's status document. Before any attempt there is
// none.
func (e *Engine) refresh(tx *db.Tx, resourceID int64) error {
	s, err := store.LockResource(tx, resourceID)
	if err != nil || s.ConfigurationID == 0 {
		return err
	}
	sync, err := store.Status(tx, s)
	if err != nil || sync.LatestSync == nil {
		return err
	}
	document, err := e.encode(sync)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", s.Resource.Name, err)
	}
	return store.SaveDocument(tx, s.ID, document)
}
