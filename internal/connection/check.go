package connection

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/worker"
)

const (
	// These bound the delay before a host is probed again: one that did not answer,
	// and one that refused the credential.
	minUnreachableDelay, maxUnreachableDelay = 15 * time.Second, 5 * time.Minute
	minErrorDelay, maxErrorDelay             = 5 * time.Minute, time.Hour
	// minProbeInterval is how long an accepted credential is not probed again.
	minProbeInterval = time.Minute
)

// connectionCheck is the job that probes the credential of a connection.
type connectionCheck struct {
	ARN lockstep.ARN `json:"connection"`
}

// Kind names the job.
func (connectionCheck) Kind() string { return "connection_check" }

// RecordProbe records the result of a probe of a link's repository; cause is nil if
// the probe succeeded after failures. Call it as the last statement of the
// transaction that records the probe: it wakes a job, whose row stays locked until
// the commit. A link that no longer exists is not an error.
func (c *Controller) RecordProbe(tx *db.Tx, linkID string, cause error) error {
	arn, status, err := store.ConnectionOfLink(tx, linkID)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return nil
	}
	if err != nil {
		return err
	}

	kind := lockstep.KindOf(cause)
	switch {
	case cause == nil:
		err := store.SetProbeDenial(tx, linkID, store.NotDenied)
		if err != nil || status == lockstep.ConnectionAvailable {
			return err
		}
	case errors.Is(cause, errExpired):
		return c.options.Queue.Wake(tx, connectionRenewal{arn}, tx.Now)
	case kind == lockstep.Denied:
		denial := store.DeniedByHost
		if errors.Is(cause, provider.ErrCredentialNotSent) {
			denial = store.CredentialNotSent
		}

		if err := store.SetProbeDenial(tx, linkID, denial); err != nil || status == lockstep.ConnectionError {
			return err // already known, and checked again on its own schedule
		}

	case kind == lockstep.NotFound: // the host answered, and did not reject the credential
		err := store.SetProbeDenial(tx, linkID, store.NotDenied)
		if err != nil || status != lockstep.ConnectionError {
			return err
		}
	default:
		return nil
	}

	return c.options.Queue.Wake(tx, connectionCheck{arn}, tx.Now)
}

// RecordCall records that a Git host's API refused a call for a link, other than a probe: the
// credential may have been revoked. cause may be any error. Call it as the last statement of a
// transaction, as [Controller.RecordProbe].
func (c *Controller) RecordCall(tx *db.Tx, linkID string, cause error) error {
	if lockstep.KindOf(cause) != lockstep.Denied {
		return nil
	}

	arn, status, err := store.ConnectionOfLink(tx, linkID)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return nil
	}
	if err != nil || status != lockstep.ConnectionAvailable {
		return err
	}

	return c.options.Queue.Wake(tx, connectionCheck{arn}, tx.Now)
}

// check probes the credential of a connection if it is in doubt.
func (c *Controller) check(ctx context.Context, job *queue.Job, args connectionCheck) error {
	access, result, due, err := c.beginCheck(ctx, job, args.ARN)
	if err != nil || !due {
		return err
	}
	if result == (probeResult{}) {
		if result, err = c.probe(ctx, access); err != nil {
			return err
		}
	}

	return c.options.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		return c.recordResult(tx, job, access, result)
	})
}

// beginCheck reads the credential to probe. It completes or reschedules the job if
// there is nothing to probe now, and returns a result if that is known without a
// probe.
func (c *Controller) beginCheck(
	ctx context.Context,
	job *queue.Job,
	arn lockstep.ARN,
) (access provider.Access, result probeResult, due bool, err error) {
	err = c.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		due, result = false, probeResult{}
		var row store.ConnectionCheck
		if access, row, err = c.lockCredential(tx, arn); lockstep.KindOf(err) == lockstep.NotFound {
			return job.Complete(tx)
		}

		if err != nil {
			return err
		}

		status := access.Connection.Status
		wasJustChecked := row.CheckedAt.Add(minProbeInterval).After(tx.Now)
		isDue := !row.NextCheckAt.IsZero() && !row.NextCheckAt.After(tx.Now)
		expired := isExpired(access.Credential, tx.Now)
		renewalFailed := status == lockstep.ConnectionError && row.RenewalFailures > 0

		switch {
		case status == lockstep.ConnectionAvailable && wasJustChecked && !isDue:
			return job.RescheduleAt(tx, row.CheckedAt.Add(minProbeInterval))
		case isRenewable(access.Credential) && (expired || renewalFailed):
			return c.deferToRenewal(tx, job, arn, row)
		case expired:
			result.status = lockstep.ConnectionError
			result.reason = expiredReason + reauthorizeHint(access.Connection)
		}

		due = true
		return nil
	})

	return access, result, due, err
}

// lockCredential locks a connection and reads its credential. It returns a NotFound
// error if there is none.
func (c *Controller) lockCredential(
	tx *db.Tx,
	arn lockstep.ARN,
) (access provider.Access, row store.ConnectionCheck, err error) {
	conn, err := store.LockConnectionByARN(tx, arn)
	if err != nil {
		return access, row, err
	}
	if access, err = accessOf(tx, conn); err != nil {
		return access, row, err
	}

	if access.Credential, err = store.Credential(tx, c.options.Seal, arn); err != nil {
		return access, row, err
	}

	row, err = store.ConnectionCheckOf(tx, arn)
	return access, row, err
}

// deferToRenewal completes the job of a check that has to wait for a renewal of the
// token. A successful renewal schedules the check again.
func (c *Controller) deferToRenewal(tx *db.Tx, job *queue.Job, arn lockstep.ARN, row store.ConnectionCheck) error {
	row.NextCheckAt = time.Time{}
	if err := store.SaveConnectionCheck(tx, arn, row); err != nil {
		return err
	}
	if err := c.options.Queue.Wake(tx, connectionRenewal{arn}, row.NextRenewalAt); err != nil {
		return err
	}
	return job.Complete(tx)
}

// recordResult records the result of a probe, unless the connection has received
// another credential meanwhile.
func (c *Controller) recordResult(tx *db.Tx, job *queue.Job, probed provider.Access, result probeResult) error {
	arn := probed.Connection.ARN
	access, row, err := c.lockCredential(tx, arn)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return job.Complete(tx)
	}

	if err != nil {
		return err
	}

	if access.Credential == probed.Credential && endpointOf(access) == endpointOf(probed) {
		if result, err = considerRepositories(tx, access.Connection, result); err != nil {
			return err
		}

		if err := c.applyResult(tx, access, row, result); err != nil {
			return err
		}
		if row, err = store.ConnectionCheckOf(tx, arn); err != nil {
			return err
		}
	}

	if row.NextCheckAt.IsZero() {
		return job.Complete(tx)
	}

	return job.RescheduleAt(tx, row.NextCheckAt)
}

// considerRepositories returns the result of a probe in the light of those of the connection's
// repositories. They decide if the host offers no way to probe a credential. If the host did not
// answer, a repository that was read shows that the credential works.
func considerRepositories(
	tx *db.Tx,
	conn lockstep.Connection,
	result probeResult,
) (probeResult, error) {
	if result.unsupported {
		return resultOfRepositories(tx, conn)
	}
	if !result.inconclusive || conn.Status == lockstep.ConnectionAvailable {
		return result, nil
	}

	probes, err := store.SummarizeProbes(tx, conn.ARN)
	if err == nil && probes.Succeeded > 0 && probes.DeniedByHost == 0 {
		return resultAvailable, nil
	}

	return result, err
}

// resultOfRepositories returns what the probes of the connection's repositories
// imply for its credential.
func resultOfRepositories(tx *db.Tx, conn lockstep.Connection) (probeResult, error) {
	probes, err := store.SummarizeProbes(tx, conn.ARN)
	switch {
	case err != nil:
		return probeResult{}, err
	case probes.Succeeded > 0:
		return resultAvailable, nil
	case probes.DeniedByHost > 0:
		return probeResult{status: lockstep.ConnectionError, reason: probes.Cause}, nil
	case probes.CredentialNotSent > 0:
		return probeResult{status: lockstep.ConnectionError, reason: notSentReason + probes.Cause}, nil
	case conn.Status != lockstep.ConnectionAvailable: // no repository is denied, or no longer
		return resultAvailable, nil
	}

	return probeResult{inconclusive: true}, nil
}

// applyResult writes a result. An inconclusive one does not change the status.
func (c *Controller) applyResult(
	tx *db.Tx,
	access provider.Access,
	row store.ConnectionCheck,
	result probeResult,
) error {
	conn, before := access.Connection, access.Connection.Status
	status := result.status
	row.CheckFailures++

	switch {
	case result.inconclusive:
		status = before
		c.scheduleRetry(&row, before, result.reason, tx.Now)
	case status == lockstep.ConnectionAvailable:
		row.Reason, row.CheckFailures = "", 0
		row.CheckedAt, row.NextCheckAt = tx.Now, time.Time{}
		if !isRenewable(access.Credential) {
			scheduleExpiry(&row, access.Credential, tx.Now)
		}
	default:
		if before != lockstep.ConnectionError {
			row.CheckFailures = 1
		}
		row.Reason, row.CheckedAt = result.reason, tx.Now
		row.NextCheckAt = tx.Now.Add(worker.BackoffBetween(minErrorDelay, maxErrorDelay, row.CheckFailures))
	}

	if err := store.SaveConnectionCheck(tx, conn.ARN, row); err != nil {
		return err
	}

	c.log.LogAttrs(tx.Context(), slog.LevelInfo, "connection check", slog.String("connection", string(conn.ARN)),
		slog.String("status", string(status)), slog.Bool("answered", !result.inconclusive),
		slog.String("reason", result.reason))
	if status == before {
		return nil
	}
	if err := store.SetConnectionStatus(tx, conn.ARN, status); err != nil || status != lockstep.ConnectionAvailable {
		return err
	}

	return store.RequestPollsOfConnection(tx, conn.ARN)
}

// scheduleRetry sets when a host that did not answer is probed again.
func (c *Controller) scheduleRetry(
	row *store.ConnectionCheck,
	status lockstep.ConnectionStatus,
	reason string,
	now time.Time,
) {
	switch status {
	case lockstep.ConnectionError:
		row.NextCheckAt = now.Add(worker.BackoffBetween(minErrorDelay, maxErrorDelay, row.CheckFailures))
		return
	case lockstep.ConnectionPending:
		row.Reason = reason
	case lockstep.ConnectionAvailable:
		if reason == "" { // probes of repositories decide, and wake a check when they fail
			row.NextCheckAt, row.CheckFailures = time.Time{}, 0
			return
		}
	}

	row.NextCheckAt = now.Add(worker.BackoffBetween(minUnreachableDelay, maxUnreachableDelay, row.CheckFailures))
}
