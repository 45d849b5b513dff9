package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// A head is a branch's newest commit, with the inputs that configurations have there.
type head struct {
	sha            lockstep.SHA
	configurations []configurationInputs
	events         []lockstep.Event
	// incomplete is why some configurations could not be read, nil if all were.
	incomplete error
}

// configurationInputs are the inputs of a configuration at a commit.
type configurationInputs struct {
	store.TrackedConfiguration
	fingerprint string
}

// maxUnavailable is how many configurations may be unavailable before the repository
// counts as unavailable.
const maxUnavailable = 10

// readHead resolves a branch's head and reads the inputs of every configuration that
// tracks it. Configurations that change while the head is being resolved are left out:
// each change has requested another repository sync, and this head may predate it.
func (e *Engine) readHead(ctx context.Context, key repositoryJob) (head, error) {
	repo, err := e.repositories.Open(ctx, key.LinkID)
	if err != nil {
		return head{}, unreachableError{err}
	}
	defer repo.Release()

	before, err := e.configurationsOf(ctx, key)
	if err != nil {
		return head{}, err
	}

	sha, err := repo.Head(ctx, key.Branch)
	switch {
	case errors.Is(err, repository.ErrNoBranch):
		return head{}, err
	case err != nil:
		return head{}, unreachableError{err}
	}

	files, err := repo.Tree(ctx, sha)
	if err != nil {
		return head{sha: sha}, asNotYetThere(err, sha)
	}

	events, err := e.discover(ctx, key, files)
	if err != nil {
		return head{sha: sha}, err
	}

	h := head{sha: sha, events: events}
	err = e.readConfigurations(ctx, key, &h, before, files)
	return h, err
}

func (e *Engine) configurationsOf(
	ctx context.Context, key repositoryJob,
) (list []store.TrackedConfiguration, err error) {
	err = e.db.View(ctx, func(tx *db.Tx) error {
		list, err = store.ConfigurationsOfBranch(tx, key.LinkID, key.Branch)
		return err
	})
	return list, err
}

// readConfigurations reads the inputs of every configuration that tracks a branch;
// before are those that did when the head was being resolved. A configuration that
// cannot be read now does not delay the others.
func (e *Engine) readConfigurations(
	ctx context.Context, key repositoryJob, h *head, before []store.TrackedConfiguration, files lockstep.Tree,
) error {
	configurations, err := e.configurationsOf(ctx, key)
	if err != nil {
		return err
	}

	paths := make([]string, 0, len(configurations))
	for _, cfg := range configurations {
		paths = append(paths, cfg.ConfigPath())
	}
	if err := lockstep.Prefetch(ctx, files, paths...); err != nil {
		return asNotYetThere(err, h.sha)
	}

	versionBefore := make(map[int64]int64, len(before))
	for _, cfg := range before {
		versionBefore[cfg.ID] = cfg.Version
	}

	unavailable := 0
	for _, cfg := range configurations {
		version, existed := versionBefore[cfg.ID]
		if existed && version != cfg.Version {
			continue
		}

		inputs, err := e.ReadInputs(ctx, cfg.SyncConfiguration, files)
		if err == nil {
			h.configurations = append(h.configurations, configurationInputs{
				TrackedConfiguration: cfg,
				fingerprint:          Fingerprint(cfg.SyncConfiguration, inputs),
			})
			continue
		}

		if lockstep.KindOf(err) == lockstep.Unavailable {
			unavailable++
		}
		if ctx.Err() != nil || unavailable == maxUnavailable {
			return err
		}
		if h.incomplete == nil {
			h.incomplete = err
		}
	}

	return nil
}

// ReadInputs returns the inputs of a configuration. Errors in its files are not
// returned: an attempt will end with them.
func (e *Engine) ReadInputs(
	ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree,
) (inputs target.Inputs, err error) {
	driver, err := e.TargetDriver(cfg.SyncType)
	if err != nil {
		return nil, err
	}

	err = worker.Guard(func() (err error) {
		inputs, err = driver.ReadInputs(ctx, cfg, files)
		return err
	})
	if isMissingObject(err) {
		err = lockstep.Wrapf(lockstep.Unavailable, err, "%s", lockstep.Shown(err))
	}
	if worker.IsTransient(err) {
		return nil, fmt.Errorf("read the inputs of %s: %w", cfg.ResourceName, err)
	}

	return inputs, nil
}

// Fingerprint returns a text that is equal for equal inputs of a configuration.
func Fingerprint(cfg lockstep.SyncConfiguration, inputs target.Inputs) string {
	hash := sha256.New()
	for _, text := range []string{cfg.LinkID, cfg.Branch, cfg.ConfigFile, cfg.RoleARN, cfg.Region} {
		fmt.Fprintf(hash, "%q\n", text)
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		fmt.Fprintf(hash, "%s %s\n", strconv.Quote(name), inputs[name])
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// isMissingObject reports whether the repository lacks an object of a commit, which is
// not the same as a file that the commit does not have.
func isMissingObject(err error) bool {
	return lockstep.KindOf(err) == lockstep.NotFound && !errors.Is(err, fs.ErrNotExist)
}

// asNotYetThere returns Unavailable for an object that is missing at a head which the
// host has just advertised: one of its replicas lags behind.
func asNotYetThere(err error, head lockstep.SHA) error {
	if !isMissingObject(err) {
		return err
	}
	return lockstep.Wrapf(lockstep.Unavailable, err,
		"The Git host shows head %s and does not serve it yet: %s", head.Short(), lockstep.Shown(err))
}

// updateDesired makes the head the desired revision of every configuration that it
// affects.
func (e *Engine) updateDesired(tx *db.Tx, h head) error {
	var changes commitstatus.Changes
	for _, inputs := range h.configurations {
		if err := e.updateDesiredOf(tx, &changes, inputs, h.sha); err != nil {
			return err
		}
	}
	return e.reporter.Enqueue(tx, changes)
}

// updateDesiredOf makes a head the desired revision of a configuration's resource, if
// it affects the configuration. A commit that was requested by its id stays desired
// until it is released.
func (e *Engine) updateDesiredOf(
	tx *db.Tx, changes *commitstatus.Changes, inputs configurationInputs, head lockstep.SHA,
) error {
	unchanged, err := store.SetObservedVersion(tx, inputs.TrackedConfiguration)
	if err != nil || !unchanged { // the change has requested another sync
		return err
	}

	resource, err := syncstate.LockResourceByName(tx, inputs.Resource())
	if err != nil {
		return err
	}

	switch {
	case resource.IsPinned() && resource.Desired.SHA != head && inputs.differ(resource, head):
		return syncstate.MarkAffected(tx, resource, head)
	case resource.IsPinned(), resource.PinnedHead == head:
		return nil
	case resource.PinnedHead != "": // the head was requested by its id, and the branch has moved
		if err := syncstate.PinAtHead(tx, resource.ID, ""); err != nil {
			return err
		}
	}

	if inputs.Version > inputs.ObservedVersion || resource.Desired == nil || inputs.differ(resource, head) {
		return e.setDesired(tx, changes, resource, inputs, head)
	}

	return nil
}

// differ reports whether the inputs at a commit differ from those at the desired
// revision.
func (i configurationInputs) differ(resource syncstate.ResourceState, sha lockstep.SHA) bool {
	if i.TriggerResourceUpdateOn == lockstep.AnyChange {
		return resource.Desired.SHA != sha
	}
	return resource.Fingerprint != i.fingerprint
}

// setDesired makes a commit the desired revision of a resource and wakes its worker.
// The caller must enqueue changes.
func (e *Engine) setDesired(
	tx *db.Tx, changes *commitstatus.Changes,
	resource syncstate.ResourceState, inputs configurationInputs, sha lockstep.SHA,
) error {
	if _, err := syncstate.SetDesiredRevision(tx, resource.ID, inputs.Revision(sha), inputs.fingerprint); err != nil {
		return err
	}

	changes.AddDesired(inputs.SyncConfiguration, sha)
	if err := e.refreshStatus(tx, resource.ID); err != nil {
		return err
	}

	return e.queue.Wake(tx, resourceJob{ResourceID: resource.ID}, tx.Now)
}

// refreshStatus writes a resource's status document again. Before the first attempt
// there is none.
func (e *Engine) refreshStatus(tx *db.Tx, resourceID int64) error {
	resource, err := syncstate.LockResource(tx, resourceID)
	if err != nil || resource.ConfigurationID == 0 {
		return err
	}

	status, err := syncstate.ResourceStatus(tx, resource)
	if err != nil || status.LatestSync == nil {
		return err
	}

	document, err := e.encodeStatus(status)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", resource.Resource.Name, err)
	}

	return syncstate.SaveStatusDocument(tx, resource.ID, document)
}
