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

// maxNames bounds how many names are tried for the configuration of one file.
const maxNames = 100

// Discovery returns which deployment files of a link become sync configurations, nil if
// none do.
func (e *Engine) Discovery(ctx context.Context, linkID string) (discovery *lockstep.Discovery, err error) {
	err = e.db.View(ctx, func(tx *db.Tx) error {
		link, err := store.LinkByID(tx, linkID)
		discovery = link.Discovery
		return err
	})
	return discovery, err
}

// StartDiscovery starts to create sync configurations for the deployment files of a
// branch whose head is known. If head is "" the branch has no commit yet, and the poller
// waits for one.
func (e *Engine) StartDiscovery(
	ctx context.Context, linkID string, discovery lockstep.Discovery, head lockstep.SHA,
) error {
	return e.db.Update(ctx, func(tx *db.Tx) error {
		if err := store.SetDiscovery(tx, linkID, &discovery); err != nil {
			return err
		}
		if head == "" {
			return store.RequestPoll(tx, linkID)
		}
		return e.trackBranch(tx, linkID, discovery.Branch, head)
	})
}

// discover creates a configuration for every deployment file that has none, if the
// branch's link asks for it, and returns an event for each. If a file is gone its
// configuration stays: the next attempt fails with the reason.
func (e *Engine) discover(ctx context.Context, key repositoryJob, files lockstep.Tree) ([]lockstep.Event, error) {
	var link lockstep.RepositoryLink
	err := e.db.View(ctx, func(tx *db.Tx) (err error) {
		link, err = store.LinkByID(tx, key.LinkID)
		return err
	})
	if err != nil || link.Discovery == nil || link.Discovery.Branch != key.Branch {
		return nil, err
	}

	var events []lockstep.Event
	for syncType, driver := range e.targets {
		discoverer, ok := driver.(target.Discoverer)
		if !ok {
			continue
		}

		discovered, err := discoverer.Discover(ctx, files, *link.Discovery)
		if err != nil {
			return nil, fmt.Errorf("discover deployment files: %w", err)
		}

		var created []lockstep.Event
		err = e.db.Update(ctx, func(tx *db.Tx) (err error) {
			created, err = e.createConfigurations(tx, link, syncType, discovered.Files)
			return err
		})
		if err != nil {
			return nil, err
		}

		events = append(events, created...)
	}

	return events, nil
}

// createConfigurations creates the missing configurations in path order, so that files
// that ask for the same name always get it in the same order.
func (e *Engine) createConfigurations(
	tx *db.Tx, link lockstep.RepositoryLink, syncType lockstep.SyncType, files []target.DeploymentFile,
) ([]lockstep.Event, error) {
	if _, err := syncstate.LockBranch(tx, link.ID, link.Discovery.Branch); err != nil {
		return nil, err
	}

	// A configuration may have been deleted since the link was read.
	link, err := store.LinkByID(tx, link.ID)
	if err != nil || link.Discovery == nil {
		return nil, err
	}

	existing, err := store.ConfigurationsOfBranch(tx, link.ID, link.Discovery.Branch)
	if err != nil {
		return nil, err
	}

	hasConfiguration := make(map[string]bool, len(existing))
	for _, cfg := range existing {
		hasConfiguration[cfg.ConfigPath()] = true
	}

	var events []lockstep.Event
	for _, file := range files {
		if hasConfiguration[file.Path] || slices.Contains(link.Discovery.Deleted, file.Path) {
			continue
		}

		event, err := e.createConfiguration(tx, link, lockstep.SyncConfiguration{
			Account:      link.Account,
			Region:       link.Region,
			SyncType:     syncType,
			ResourceName: file.Name,
			LinkID:       link.ID,
			Branch:       link.Discovery.Branch,
			ConfigFile:   file.Path,
			RoleARN:      link.Discovery.RoleARN,
		})
		if err != nil {
			return nil, err
		}

		events = append(events, event)
	}

	return events, nil
}

// createConfiguration creates a configuration. If its name is taken it becomes NAME-2
// and so on, or, if the link does not allow that, the event says so.
func (e *Engine) createConfiguration(
	tx *db.Tx, link lockstep.RepositoryLink, cfg lockstep.SyncConfiguration,
) (lockstep.Event, error) {
	name := cfg.ResourceName
	for suffix := 2; suffix < maxNames; suffix++ {
		err := store.InsertConfiguration(tx, &cfg)
		switch {
		case err == nil:
			message := fmt.Sprintf("Found deployment file %s: it is synced as %s.", cfg.ConfigFile, cfg.ResourceName)
			if cfg.ResourceName != name {
				message = fmt.Sprintf("Found deployment file %s: it is synced as %s, because %s is taken.",
					cfg.ConfigFile, cfg.ResourceName, name)
			}
			event := lockstep.Event{Type: "DEPLOYMENT_FILE_FOUND", ExternalID: cfg.ConfigFile, Message: message}
			return event, e.bindResource(tx, cfg)

		case lockstep.KindOf(err) != lockstep.Exists:
			return lockstep.Event{}, err

		case !link.Discovery.Rename:
			message := fmt.Sprintf("Deployment file %s is not synced: the name %s is taken. "+
				"Give it another one with --name %s=NAME.", cfg.ConfigFile, name, cfg.ConfigFile)
			return lockstep.Event{Type: "RESOURCE_NAME_TAKEN", ExternalID: cfg.ConfigFile, Message: message}, nil
		}

		cfg.ResourceName = fmt.Sprintf("%s-%d", name, suffix)
	}

	return lockstep.Event{}, lockstep.Errorf(lockstep.Limit, "No name is free for deployment file %s.", cfg.ConfigFile)
}

// excludeFromDiscovery records that the configuration of a file was deleted, so that
// discovery does not create it again.
func excludeFromDiscovery(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	link, err := store.LinkByID(tx, cfg.LinkID)
	if err != nil || link.Discovery == nil || link.Discovery.Branch != cfg.Branch {
		return err
	}
	link.Discovery.Deleted = append(link.Discovery.Deleted, cfg.ConfigPath())
	return store.SetDiscovery(tx, link.ID, link.Discovery)
}

// trackBranch starts to poll a branch whose head is known, and requests a sync of it.
func (e *Engine) trackBranch(tx *db.Tx, linkID, branch string, sha lockstep.SHA) error {
	if _, err := syncstate.LockBranch(tx, linkID, branch); err != nil {
		return err
	}
	if err := syncstate.SetBranchHead(tx, linkID, branch, sha); err != nil {
		return err
	}
	if err := store.StartPolling(tx, linkID, tx.Now.Add(firstPollDelay)); err != nil {
		return err
	}
	return e.RequestSync(tx, linkID, branch)
}
