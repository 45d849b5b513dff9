package local

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/wire"
)

const syncType = string(cfnstack.Type)

// A trackedBranch is a branch that the server syncs.
type trackedBranch struct {
	branch
	repository string // path below the host
}

// A syncState is the state of the latest syncs of branches and resources.
type syncState struct {
	started  bool
	ended    bool
	failures []string
}

// discoveredBranches returns the branches whose deployment files become sync configurations.
func (u *up) discoveredBranches(ctx context.Context) ([]trackedBranch, error) {
	links, err := u.client.links(ctx)
	if err != nil {
		return nil, err
	}

	var branches []trackedBranch
	for _, link := range links {
		discovery, err := u.server.Engine().Discovery(ctx, link.RepositoryLinkId)
		if err != nil {
			return nil, err
		}
		if discovery != nil {
			branches = append(branches, trackedBranch{branch{link.RepositoryLinkId, discovery.Branch}, pathOf(link)})
		}
	}

	return branches, nil
}

// syncState returns the state of all tracked branches and stacks together. It reads the stacks after
// the branches that create them: a branch whose sync has ended has all its stacks.
func (u *up) syncState(ctx context.Context) (syncState, error) {
	total := syncState{ended: true}
	branches, err := u.discoveredBranches(ctx)
	if err != nil {
		return total, err
	}
	for _, b := range branches {
		if err := u.addBranch(ctx, &total, b); err != nil {
			return total, err
		}
	}

	resources, err := u.client.resourceSyncs(ctx)
	if err != nil {
		return total, err
	}
	for _, resource := range resources {
		tracked := branchOf(resource)
		if !slices.Contains(branches, tracked) { // configured over the API
			branches = append(branches, tracked)
			if err := u.addBranch(ctx, &total, tracked); err != nil {
				return total, err
			}
		}

		failure, err := u.client.resourceFailure(ctx, resource)
		if err != nil {
			return total, err
		}
		// A blocker that was resolved meanwhile is no failure: the resource is synced again.
		total.ended = total.ended && (hasOutcome(resource) || len(failure) > 0)
		total.failures = append(total.failures, failure...)
	}

	return total, nil
}

// addBranch adds the state of a branch to total.
func (u *up) addBranch(ctx context.Context, total *syncState, b trackedBranch) error {
	if u.Once && slices.Contains(u.unborn, b.branch) {
		return nil
	}

	state, err := u.client.branchState(ctx, b)
	total.ended = total.ended && state.ended
	total.failures = append(total.failures, state.failures...)
	return err
}

// branchOf returns the branch that a resource is synced from.
func branchOf(resource wire.ResourceSyncSummary) trackedBranch {
	link := wire.RepositoryLinkInfo{OwnerId: resource.OwnerId, RepositoryName: resource.RepositoryName}
	return trackedBranch{branch{resource.RepositoryLinkId, resource.Branch}, pathOf(link)}
}

// branchState returns the state of the latest repository sync of a branch.
func (c client) branchState(ctx context.Context, b trackedBranch) (state syncState, err error) {
	out, err := c.service.GetRepositorySyncStatus(ctx, c.caller, &wire.GetRepositorySyncStatusInput{
		Branch:           b.name,
		RepositoryLinkId: b.linkID,
		SyncType:         syncType,
	})
	if lockstep.KindOf(err) == lockstep.NotFound {
		return state, nil // it waits for its first commit
	}
	if err != nil {
		return state, err
	}

	latest := out.LatestSync
	failed := latest.Status == string(lockstep.RepositoryFailed)
	state.started = true
	state.ended = failed || latest.Status == string(lockstep.RepositorySucceeded)
	for _, event := range latest.Events {
		if failed && event.Type != "CLONE_STARTED" || event.Type == "RESOURCE_NAME_TAKEN" {
			state.failures = append(state.failures,
				fmt.Sprintf("%s %s: %s", b.repository, b.name, lockstep.SanitizeLine(event.Event)))
		}
	}

	return state, nil
}

// hasOutcome reports whether the latest sync of a resource has ended and was one to its desired
// revision.
func hasOutcome(resource wire.ResourceSyncSummary) bool {
	ended := resource.Status == string(lockstep.ResourceSucceeded) || resource.Status == string(lockstep.ResourceFailed)
	return ended && resource.TargetSha == resource.DesiredSha
}

// resourceFailure returns why a resource is not at its desired revision: its latest sync has failed,
// or a blocker keeps it from being synced, or both. It returns nothing for a sync that has succeeded or has
// not ended.
func (c client) resourceFailure(ctx context.Context, resource wire.ResourceSyncSummary) ([]string, error) {
	if resource.Blocked && !hasOutcome(resource) {
		return c.blockedFailure(ctx, resource)
	}
	if !hasOutcome(resource) || resource.Status != string(lockstep.ResourceFailed) {
		return nil, nil
	}

	var blocked []string // a failed attempt may have left a stack that cannot be updated
	if resource.Blocked {
		var err error
		if blocked, err = c.blockedFailure(ctx, resource); err != nil {
			return nil, err
		}
	}

	document, err := c.service.GetResourceSyncStatus(ctx, c.caller,
		&wire.GetResourceSyncStatusInput{ResourceName: resource.ResourceName, SyncType: syncType})
	if err != nil {
		return nil, err
	}

	var status wire.GetResourceSyncStatusOutput
	if err := json.Unmarshal(*document, &status); err != nil {
		return nil, fmt.Errorf("read the sync status of %s: %w", resource.ResourceName, err)
	}

	reason := ""
	if events := status.LatestSync.Events; len(events) > 0 {
		reason = lockstep.SanitizeLine(events[len(events)-1].Event)
	}
	failure := fmt.Sprintf("%s FAILED at %s: %s", resource.ResourceName, lockstep.SHA(resource.TargetSha).Short(), reason)
	return append([]string{failure}, blocked...), nil
}

// blockedFailure returns the reasons of the active blockers of a resource, and how to resolve them.
func (c client) blockedFailure(ctx context.Context, resource wire.ResourceSyncSummary) ([]string, error) {
	out, err := c.service.GetSyncBlockerSummary(ctx, c.caller,
		&wire.GetSyncBlockerSummaryInput{ResourceName: resource.ResourceName, SyncType: syncType})
	if err != nil {
		return nil, err
	}

	var failures []string
	for _, blocker := range out.SyncBlockerSummary.LatestBlockers {
		if blocker.Status == string(lockstep.BlockerActive) {
			failures = append(failures, fmt.Sprintf(
				"%s BLOCKED at %s: %s %s",
				resource.ResourceName, lockstep.SHA(resource.DesiredSha).Short(),
				lockstep.SanitizeLine(blocker.CreatedReason), lockstep.BlockerRemedy(resource.ResourceName)))
		}
	}

	return failures, nil
}
