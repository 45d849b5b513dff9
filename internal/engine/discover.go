package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// discover makes a configuration of every deployment file that has none, where
// the link asks for that. A file that is gone is not discover's business: its
// configuration stays and its next attempt fails with the reason. What could
// not be made is told in events.
func (e *Engine) discover(ctx context.Context, link lockstep.RepositoryLink, branch string, files lockstep.Tree) ([]lockstep.Event, error) {
	if link.Discovery == nil || link.Discovery.Branch != branch {
		return nil, nil
	}

	var events []lockstep.Event
	for syncType, driver := range e.targets {
		looker, ok := driver.(target.Discoverer)
		if !ok {
			continue
		}

		discovered, err := looker.Discover(ctx, files, *link.Discovery)
		if err != nil {
			return nil, fmt.Errorf("look for deployment files: %w", err)
		}

		var news []lockstep.Event
		err = e.db.Update(ctx, func(tx *db.Tx) (err error) {
			news, err = e.configureFound(tx, link, syncType, discovered.Files)
			return err
		})
		if err != nil {
			return nil, err
		}

		events = append(events, news...)
	}

	return events, nil
}

// configureFound makes the configurations that are missing, in path order, so
// that two files that ask for one name always get it in the same order.
func (e *Engine) configureFound(tx *db.Tx, link lockstep.RepositoryLink, syncType lockstep.SyncType, files []target.DeploymentFile) ([]lockstep.Event, error) {
	if _, err := syncstate.LockBranch(tx, link.ID, link.Discovery.Branch); err != nil {
		return nil, err
	}

	link, err := store.LinkByID(tx, link.ID) // as it is now: something may have been deleted
	if err != nil || link.Discovery == nil {
		return nil, err
	}

	cfgs, err := store.ConfigurationsOf(tx, link.ID, link.Discovery.Branch)
	if err != nil {
		return nil, err
	}

	known := make(map[string]bool, len(cfgs))
	for _, cfg := range cfgs {
		known[cfg.ConfigFile] = true
	}

	var events []lockstep.Event
	for _, f := range files {
		if known[f.Path] || slices.Contains(link.Discovery.Deleted, f.Path) {
			continue
		}

		ev, err := e.configure(tx, link, lockstep.SyncConfiguration{
			Account: link.Account, Region: link.Region, SyncType: syncType, ResourceName: f.Name,
			LinkID: link.ID, Branch: link.Discovery.Branch, ConfigFile: f.Path, RoleARN: link.Discovery.RoleARN,
		})
		if err != nil {
			return nil, err
		}

		events = append(events, ev)
	}

	return events, nil
}

// maxRenames bounds how many names are tried for one file.
const maxRenames = 100

// configure makes one configuration. A name that is taken becomes NAME-2 and so
// on, or, where the link does not allow that, an event that says so.
func (e *Engine) configure(tx *db.Tx, link lockstep.RepositoryLink, cfg lockstep.SyncConfiguration) (lockstep.Event, error) {
	wanted := cfg.ResourceName
	for n := 2; n < maxRenames; n++ {
		err := store.InsertConfiguration(tx, &cfg)
		switch {
		case err == nil:
			ev := lockstep.Event{Type: "DEPLOYMENT_FILE_FOUND", ExternalID: cfg.ConfigFile,
				Message: fmt.Sprintf("Found deployment file %s: it is synced as %s.", cfg.ConfigFile, cfg.ResourceName)}
			if cfg.ResourceName != wanted {
				ev.Message = fmt.Sprintf("Found deployment file %s: it is synced as %s, because %s is taken.",
					cfg.ConfigFile, cfg.ResourceName, wanted)
			}
			return ev, e.take(tx, cfg)

		case lockstep.KindOf(err) != lockstep.Exists:
			return lockstep.Event{}, err
		case !link.Discovery.Rename:
			return lockstep.Event{Type: "RESOURCE_NAME_TAKEN", ExternalID: cfg.ConfigFile,
				Message: fmt.Sprintf("Deployment file %s is not synced: the name %s is taken. Give it another one with --name %s=NAME.",
					cfg.ConfigFile, wanted, cfg.ConfigFile)}, nil
		}

		cfg.ResourceName = fmt.Sprintf("%s-%d", wanted, n)
	}

	return lockstep.Event{}, lockstep.Errorf(lockstep.Limit, "No name is free for deployment file %s.", cfg.ConfigFile)
}

// forgetFound remembers that somebody deleted the configuration of a file, so
// that the next head does not make it again.
func forgetFound(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	link, err := store.LinkByID(tx, cfg.LinkID)
	if err != nil || link.Discovery == nil || link.Discovery.Branch != cfg.Branch {
		return err
	}
	link.Discovery.Deleted = append(link.Discovery.Deleted, cfg.ConfigFile)
	return store.SetDiscovery(tx, link.ID, link.Discovery)
}
