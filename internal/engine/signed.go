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

// verify looks at the signature of an attempt's commit before its first step, where
// a policy wants one, and gives what there is to tell of it. Denied where the
// commit is not signed by somebody who may. It is that very commit, by its hash,
// which is then deployed.
func (t *turn) verify(ctx context.Context) ([]lockstep.Event, error) {
	if t.attempt.Checkpoint != nil || t.attempt.Intent != "" { // it was, before the step that is remembered
		return nil, nil
	}

	signers, err := t.signers(ctx)
	if err != nil || signers == nil {
		return nil, err
	}

	sha := t.attempt.TargetRevision.SHA
	client, release, err := t.Open(ctx, t.attempt.Configuration.LinkID)
	if err != nil {
		return nil, err
	}
	defer release()

	committer, ok := client.(provider.Committer)
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "The signature of commit %s cannot be verified: this kind of Git host gives no commits.", sha)
	}

	raw, err := committer.Commit(ctx, sha)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", sha, err)
	}

	who, err := signers.Verify(raw, time.Now())
	if err != nil {
		return nil, err
	}

	return []lockstep.Event{{
		Type: "COMMIT_SIGNATURE_VERIFIED", Message: fmt.Sprintf("Signed by %s with key %s.", who.Name, who.Key), ExternalID: string(sha),
	}}, nil
}

// signers gives who may sign for the attempt's configuration, nil where anybody
// may.
func (t *turn) signers(ctx context.Context) (signers *signature.AllowedSigners, err error) {
	var p lockstep.SignaturePolicy
	err = t.db.View(ctx, func(tx *db.Tx) error {
		p, err = store.SignaturePolicy(tx, t.attempt.Configuration.ID)
		return err
	})
	if lockstep.KindOf(err) == lockstep.NotFound {
		return nil, nil
	}

	if err != nil {
		return nil, err
	}

	return signature.Parse(p.AllowedSigners, p.PublicKeys)
}
