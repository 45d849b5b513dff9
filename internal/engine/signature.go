package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/signature"
	"github.com/lockstephq/lockstep/internal/store"
)

// verifySignature verifies the signature of an attempt's commit before the first step,
// if the configuration has a signature policy, and returns an event about it. If the
// commit is not signed by an allowed signer, the error is Denied. The attempt deploys
// the commit by the hash that was verified.
func (t *turn) verifySignature(ctx context.Context) ([]lockstep.Event, error) {
	if t.attempt.Checkpoint != nil || t.attempt.Intent != "" { // verified before the first step
		return nil, nil
	}

	signers, err := t.allowedSigners(ctx)
	if err != nil || signers == nil {
		return nil, err
	}

	repo, err := t.repositories.Open(ctx, t.attempt.Configuration.LinkID)
	if err != nil {
		return nil, err
	}
	defer repo.Release()

	sha := t.attempt.TargetRevision.SHA
	commits, ok := repo.Client.(provider.CommitReader)
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid,
			"The signature of commit %s cannot be verified: this kind of Git host has no API for commits.", sha)
	}

	raw, err := commits.Commit(ctx, sha)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", sha, err)
	}

	signer, err := signers.Verify(raw, time.Now())
	if err != nil {
		return nil, err
	}

	return []lockstep.Event{{
		Type:       "COMMIT_SIGNATURE_VERIFIED",
		Message:    fmt.Sprintf("Signed by %s with key %s.", signer.Name, signer.Key),
		ExternalID: string(sha),
	}}, nil
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
