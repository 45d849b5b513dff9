package apitest

import (
	"context"
	"fmt"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// The engine and the repositories are what the operations need.
var (
	_ api.Syncs        = (*engine.Engine)(nil)
	_ api.Repositories = (*repository.Repositories)(nil)
)

// Syncs implements [api.Syncs] and [api.Repositories]. It records its calls.
type Syncs struct {
	// Err is returned by the methods that take a transaction.
	Err error
	// Head and HeadErr are the head of all branches.
	Head    lockstep.SHA
	HeadErr error
	// HostErr is returned by WebhookKind and Propose, WebhookErr by the methods that
	// change webhooks.
	HostErr, WebhookErr error
	// Status is that of all revisions.
	Status engine.RevisionStatus

	mu    sync.Mutex
	calls []string
}

// record records a call.
func (s *Syncs) record(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, text)
	return s.Err
}

// Take returns the calls since the last Take.
func (s *Syncs) Take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// AttachConfiguration records the configuration and its branch.
func (s *Syncs) AttachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	return s.record("configured " + cfg.ResourceName + " " + cfg.Branch)
}

// DetachConfiguration records the configuration.
func (s *Syncs) DetachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	return s.record("deconfigured " + cfg.ResourceName)
}

// Retry records the configuration.
func (s *Syncs) Retry(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	return s.record("retry " + cfg.ResourceName)
}

// ResolveBlocker records the configuration and the reason.
func (s *Syncs) ResolveBlocker(tx *db.Tx, cfg lockstep.SyncConfiguration, id, reason string) (lockstep.Blocker, error) {
	b, err := syncstate.BlockerByID(tx, cfg, id)
	if err != nil {
		return b, lockstep.Wrapf(lockstep.NotFound, engine.ErrNoBlocker, "Could not find sync blocker: %s", id)
	}
	return b, s.record("resolve " + cfg.ResourceName + " " + reason)
}

// RetryCommit records the configuration and the commit.
func (s *Syncs) RetryCommit(_ context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error {
	if s.HeadErr != nil {
		return s.HeadErr
	}
	return s.record("retry " + cfg.ResourceName + " at " + string(sha))
}

// RequestSync records the branch.
func (s *Syncs) RequestSync(tx *db.Tx, linkID, branch string) error {
	return s.record("request " + branch)
}

// ResolveHead returns Head and HeadErr.
func (s *Syncs) ResolveHead(context.Context, lockstep.SyncConfiguration) (lockstep.SHA, error) {
	return s.Head, s.HeadErr
}

// RevisionStatus returns Status for a commit.
func (s *Syncs) RevisionStatus(
	_ context.Context, _ lockstep.SyncConfiguration, sha lockstep.SHA,
) (engine.RevisionStatus, error) {
	status := s.Status
	status.SHA = sha
	return status, nil
}

// WebhookKind returns the kind of GitHub.
func (s *Syncs) WebhookKind(context.Context, string) (lockstep.WebhookKind, error) {
	return lockstep.GitHubWebhook, s.HostErr
}

// RegisterWebhook records the URL and the length of the secret.
func (s *Syncs) RegisterWebhook(_ context.Context, _, url, secret string) error {
	if s.WebhookErr != nil {
		return s.WebhookErr
	}
	return s.record(fmt.Sprintf("register %s with %d characters", url, len(secret)))
}

// DeleteWithWebhook deletes, and records the URL of the webhook if there was one.
func (s *Syncs) DeleteWithWebhook(_ context.Context, _ string, delete func() (string, error)) error {
	url, err := delete()
	if err != nil || url == "" {
		return err
	}
	return s.record("remove " + url)
}

// RemoveWebhook records the URL.
func (s *Syncs) RemoveWebhook(_ context.Context, _, url string) error {
	if s.WebhookErr != nil {
		return s.WebhookErr
	}
	return s.record("remove " + url)
}

// Propose records the proposal.
func (s *Syncs) Propose(
	_ context.Context, _ string, proposal repository.Proposal,
) (provider.PullRequest, string, error) {
	if s.HostErr != nil {
		return provider.PullRequest{}, "", s.HostErr
	}
	return provider.PullRequest{Number: 7, URL: "https://git.example.com/pulls/7"}, "main",
		s.record(fmt.Sprintf("propose %s %s of %s on %q %v %v", proposal.Resource, proposal.File, proposal.Template,
			proposal.Branch, proposal.Parameters, proposal.Tags))
}
