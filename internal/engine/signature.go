package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/signature"
	"github.com/lockstephq/lockstep/internal/store"
)

// verifyCommit verifies, before the first step, the commit of an attempt whose
// configuration has a signature policy, and returns an event about it. If the commit is
// not signed by an allowed signer, the error is Denied; if the branch was rewound to it,
// Blocked. The attempt deploys the commit by the hash that was verified.
func (t *turn) verifyCommit(ctx context.Context) ([]lockstep.Event, error) {
	if t.attempt.Checkpoint != nil || t.attempt.Intent != "" { // verified before the first step
		return nil, nil
	}

	signers, err := t.allowedSigners(ctx)
	if err != nil || signers == nil {
		return nil, err
	}

	repo, err := t.repositories.OpenInSlot(ctx, t.attempt.Configuration.LinkID)
	if err != nil {
		t.noteBusy(err)
		return nil, err
	}
	defer repo.Release()

	verified, err := t.verifySignature(ctx, repo, signers)
	if err != nil {
		return nil, err
	}

	return []lockstep.Event{verified}, t.checkDescent(ctx, repo)
}

// verifySignature verifies that one of signers has signed the attempt's commit.
func (t *turn) verifySignature(
	ctx context.Context, repo *repository.Repository, signers *signature.AllowedSigners,
) (lockstep.Event, error) {
	sha := t.attempt.TargetRevision.SHA
	commits, ok := repo.Client.(provider.CommitReader)
	if !ok {
		return lockstep.Event{}, lockstep.Errorf(lockstep.Invalid,
			"The signature of commit %s cannot be verified: this kind of Git host has no API for commits.", sha)
	}

	raw, err := commits.Commit(ctx, sha)
	if err != nil {
		return lockstep.Event{}, fmt.Errorf("read commit %s: %w", sha, err)
	}

	signer, err := signers.Verify(raw, time.Now())
	if err != nil {
		return lockstep.Event{}, err
	}

	return lockstep.Event{
		Type:       "COMMIT_SIGNATURE_VERIFIED",
		Message:    fmt.Sprintf("Signed by %s with key %s.", signer.Name, signer.Key),
		ExternalID: string(sha),
	}, nil
}

// checkDescent returns a Blocked error unless the attempt's commit descends from the one
// that was applied last. Otherwise everyone who can push, and holds no signing key, could
// choose among all commits that were ever signed. A commit that a caller chose by its id
// is not checked.
func (t *turn) checkDescent(ctx context.Context, repo *repository.Repository) error {
	applied, head := t.attempt.InitialRevision, t.attempt.TargetRevision
	if t.allowRewinds || t.isRequested || !isSameBranch(applied, head) {
		return nil
	}

	remedy := fmt.Sprintf("To sync it nevertheless, run `lockstep retry %s --sha %s`.",
		lockstep.ShellQuote(t.attempt.Configuration.ResourceName), head.SHA)
	history, ok := repo.Client.(provider.HistoryReader)
	if !ok {
		return lockstep.Errorf(lockstep.Blocked, "It is not known whether commit %s descends from commit %s, which was "+
			"applied last: this kind of Git host has no API for history. %s", head.SHA, applied.SHA, remedy)
	}

	descends, err := history.Descends(ctx, head.SHA, applied.SHA)
	switch kind := lockstep.KindOf(err); {
	case err != nil && (kind == lockstep.Invalid || kind == lockstep.Limit || kind == lockstep.NotFound):
		return lockstep.Wrapf(lockstep.Blocked, err, "It is not known whether commit %s descends from commit %s, which "+
			"was applied last. %s %s", head.SHA, applied.SHA, lockstep.Shown(err), remedy)
	case err != nil:
		return fmt.Errorf("read the history of commit %s: %w", head.SHA, err)
	case !descends:
		return lockstep.Errorf(lockstep.Blocked, "Commit %s does not descend from commit %s, which was applied last: "+
			"branch %s was rewound or rewritten. %s", head.SHA, applied.SHA, head.Branch, remedy)
	}

	return nil
}

// isSameBranch reports whether two revisions are of one branch of one repository. A
// caller has changed the configuration if they are not.
func isSameBranch(a, b lockstep.Revision) bool {
	return a.ProviderType == b.ProviderType && a.OwnerID == b.OwnerID && a.RepositoryName == b.RepositoryName &&
		a.Branch == b.Branch
}

// allowedSigners returns who may sign for the attempt's configuration, nil if it has no
// signature policy.
func (t *turn) allowedSigners(ctx context.Context) (*signature.AllowedSigners, error) {
	var policy lockstep.SignaturePolicy
	err := t.db.View(ctx, func(tx *db.Tx) (err error) {
		policy, err = store.SignaturePolicy(tx, t.attempt.Configuration.ID)
		return err
	})
	if lockstep.KindOf(err) == lockstep.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}

	return signature.Parse(policy.AllowedSigners, policy.PublicKeys)
}
