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

// createConfigurations creates the missing configurations. A name depends on the commit
// alone: of two files that ask for one name, neither gets a new configuration.
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

	claims := newNameClaims(existing, files)
	var events []lockstep.Event
	for _, file := range files {
		if claims.isConfigured[file.Path] {
			continue
		}

		event, err := e.createConfiguration(tx, link, claims, file, syncType)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}

	return events, nil
}

// nameClaims are which files of a commit ask for which names.
type nameClaims struct {
	isConfigured map[string]bool     // by path of the file
	files        map[string][]string // by name: the files that ask for it, or have it
}

func newNameClaims(existing []store.TrackedConfiguration, files []target.DeploymentFile) nameClaims {
	claims := nameClaims{isConfigured: map[string]bool{}, files: map[string][]string{}}
	for _, cfg := range existing {
		claims.isConfigured[cfg.ConfigPath()] = true
		claims.files[cfg.ResourceName] = append(claims.files[cfg.ResourceName], cfg.ConfigPath())
	}

	for _, file := range files {
		if !claims.isConfigured[file.Path] {
			claims.files[file.Name] = append(claims.files[file.Name], file.Path)
		}
	}

	return claims
}

// other returns another file that claims a file's name, or "".
func (c nameClaims) other(file target.DeploymentFile) string {
	for _, path := range c.files[file.Name] {
		if path != file.Path {
			return path
		}
	}
	return ""
}

// createConfiguration creates the configuration of a file, unless that was deleted or
// its name is taken. The event says which.
func (e *Engine) createConfiguration(
	tx *db.Tx, link lockstep.RepositoryLink, claims nameClaims, file target.DeploymentFile, syncType lockstep.SyncType,
) (lockstep.Event, error) {
	event := func(eventType, format string, args ...any) lockstep.Event {
		message := fmt.Sprintf("Deployment file %s "+format, append([]any{file.Path}, args...)...)
		return lockstep.Event{Type: eventType, ExternalID: file.Path, Message: message}
	}

	if slices.Contains(link.Discovery.Deleted, file.Path) {
		return event("DEPLOYMENT_FILE_IGNORED", "is not synced: its sync configuration was deleted. To sync it again, run "+
			"`lockstep sync create --resource %s --link %s --branch %s --file %s --role-arn %s`.", file.Name, link.ID,
			lockstep.ShellQuote(link.Discovery.Branch), lockstep.ShellQuote(file.Path), link.Discovery.RoleARN), nil
	}

	const remedy = "Name one of them under its key lockstep (\"lockstep: {name: NAME}\"), or with --name %s=NAME."
	if other := claims.other(file); other != "" {
		return event("RESOURCE_NAME_TAKEN", "is not synced: %s asks for the name %s too. "+remedy, other, file.Name,
			file.Path), nil
	}

	cfg := lockstep.SyncConfiguration{
		Account:      link.Account,
		Region:       link.Region,
		SyncType:     syncType,
		ResourceName: file.Name,
		LinkID:       link.ID,
		Branch:       link.Discovery.Branch,
		ConfigFile:   file.Path,
		RoleARN:      link.Discovery.RoleARN,
	}
	err := store.InsertConfiguration(tx, &cfg)
	if lockstep.KindOf(err) == lockstep.Exists {
		return event("RESOURCE_NAME_TAKEN", "is not synced: a sync configuration of another repository or branch has the "+
			"name %s. "+remedy, file.Name, file.Path), nil
	}
	if err != nil {
		return lockstep.Event{}, err
	}

	found := lockstep.Event{
		Type:       "DEPLOYMENT_FILE_FOUND",
		ExternalID: file.Path,
		Message:    fmt.Sprintf("Found deployment file %s: it is synced as %s.", file.Path, file.Name),
	}
	return found, e.bindResource(tx, cfg)
}

// includeInDiscovery forgets that an earlier configuration of a file was deleted.
func includeInDiscovery(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	link, err := store.LinkByID(tx, cfg.LinkID)
	if err != nil || link.Discovery == nil || !slices.Contains(link.Discovery.Deleted, cfg.ConfigPath()) {
		return err
	}

	link.Discovery.Deleted = slices.DeleteFunc(link.Discovery.Deleted,
		func(path string) bool { return path == cfg.ConfigPath() })
	return store.SetDiscovery(tx, link.ID, link.Discovery)
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
