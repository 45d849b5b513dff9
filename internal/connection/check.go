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
	// minUnreachableDelay and maxUnreachableDelay are how long a host that did not answer is
	// left alone, minErrorDelay and maxErrorDelay one that refused.
	minUnreachableDelay, maxUnreachableDelay = 15 * time.Second, 5 * time.Minute
	minErrorDelay, maxErrorDelay             = 5 * time.Minute, time.Hour
	// minProbeInterval is how long a host that accepted a credential is not asked again.
	minProbeInterval = time.Minute
)

// connectionCheck is the wake-up of a connection whose credential is in doubt.
type connectionCheck struct {
	ARN lockstep.ARN `json:"connection"`
}

// Kind names the job.
func (connectionCheck) Kind() string { return "connection_check" }

// RecordProbe tells what came of a look at a link's repository, nil where it worked after
// it had not. It is called within the transaction that records the look, as the
// last that this does: it wakes a job. A link that is gone is no error.
func (h *Controller) RecordProbe(tx *db.Tx, linkID string, cause error) error {
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
		if err := store.SetProbeDenial(tx, linkID, store.NotDenied); err != nil || status == lockstep.ConnectionAvailable {
			return err
		}
	case errors.Is(cause, errExpired):
		return h.options.Queue.Wake(tx, connectionRenewal{arn}, tx.Now)
	case kind == lockstep.Denied:
		denial := store.DeniedByHost
		if errors.Is(cause, provider.ErrNotShown) {
			denial = store.CredentialNotSent
		}

		if err := store.SetProbeDenial(tx, linkID, denial); err != nil || status == lockstep.ConnectionError {
			return err // known, and checked again in its own time
		}

	case kind == lockstep.NotFound: // the host has answered, and not about the credential
		return store.SetProbeDenial(tx, linkID, store.NotDenied)
	default:
		return nil
	}

	return h.options.Queue.Wake(tx, connectionCheck{arn}, tx.Now)
}

// check asks the host of a connection whether its credential works, if that is in
// doubt.
func (h *Controller) check(ctx context.Context, job *queue.Job, w connectionCheck) error {
	a, v, due, err := h.beginCheck(ctx, job, w.ARN)
	if err != nil || !due {
		return err
	}
	if v == (probeResult{}) {
		if v, err = h.probe(ctx, a); err != nil {
			return err
		}
	}
	return h.options.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error { return h.recordResult(tx, job, a, v) })
}

// beginCheck reads what is to be checked. It ends the job where that is nothing,
// or not yet, and gives the verdict where the host need not be asked.
func (h *Controller) beginCheck(ctx context.Context, job *queue.Job, arn lockstep.ARN) (a provider.Access, v probeResult, due bool, err error) {
	err = h.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		due, v = false, probeResult{}
		var row store.ConnectionCheck
		if a, row, err = h.lockCredential(tx, arn); lockstep.KindOf(err) == lockstep.NotFound {
			return job.Complete(tx)
		}

		if err != nil {
			return err
		}

		status := a.Connection.Status
		switch {
		case status == lockstep.ConnectionAvailable && row.CheckedAt.Add(minProbeInterval).After(tx.Now) && (row.NextCheckAt.IsZero() || row.NextCheckAt.After(tx.Now)):
			return job.RescheduleAt(tx, row.CheckedAt.Add(minProbeInterval))
		case isRenewable(a.Credential) && (isExpired(a.Credential, tx.Now) || status == lockstep.ConnectionError && row.RenewalFailures > 0):
			return h.deferToRenewal(tx, job, arn, row)
		case isExpired(a.Credential, tx.Now):
			v = probeResult{status: lockstep.ConnectionError, reason: expiredReason + reauthorizeHint(a.Connection)}
		}

		due = true
		return nil
	})

	return a, v, due, err
}

// lockCredential locks a connection and reads what it holds. NotFound where that is nothing.
func (h *Controller) lockCredential(tx *db.Tx, arn lockstep.ARN) (a provider.Access, row store.ConnectionCheck, err error) {
	conn, err := store.LockConnectionByARN(tx, arn)
	if err != nil {
		return a, row, err
	}
	if a, err = accessOf(tx, conn); err != nil {
		return a, row, err
	}

	if a.Credential, err = store.Credential(tx, h.options.Seal, arn); err != nil {
		return a, row, err
	}

	row, err = store.ConnectionCheckOf(tx, arn)
	return a, row, err
}

// deferToRenewal ends a check that the renewal of the token has to come before. A
// renewal that works asks for it again.
func (h *Controller) deferToRenewal(tx *db.Tx, job *queue.Job, arn lockstep.ARN, row store.ConnectionCheck) error {
	row.NextCheckAt = time.Time{}
	if err := store.SaveConnectionCheck(tx, arn, row); err != nil {
		return err
	}
	if err := h.options.Queue.Wake(tx, connectionRenewal{arn}, row.NextRenewalAt); err != nil {
		return err
	}
	return job.Complete(tx)
}

// recordResult writes what was found out about a credential, unless the connection holds
// another by now, which brought its own verdict.
func (h *Controller) recordResult(tx *db.Tx, job *queue.Job, asked provider.Access, v probeResult) error {
	arn := asked.Connection.ARN
	a, row, err := h.lockCredential(tx, arn)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return job.Complete(tx)
	}

	if err != nil {
		return err
	}

	if a.Credential == asked.Credential && endpointOf(a) == endpointOf(asked) {
		if v.unsupported {
			if v, err = resultOfRepositories(tx, a.Connection); err != nil {
				return err
			}
		}

		if err := h.applyResult(tx, a, row, v); err != nil {
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

// resultOfRepositories gives what looks at repositories say of a credential.
func resultOfRepositories(tx *db.Tx, conn lockstep.Connection) (probeResult, error) {
	looks, err := store.SummarizeProbes(tx, conn.ARN)
	switch {
	case err != nil:
		return probeResult{}, err
	case looks.Succeeded > 0:
		return resultAvailable, nil
	case looks.DeniedByHost > 0:
		return probeResult{status: lockstep.ConnectionError, reason: looks.Cause}, nil
	case looks.CredentialNotSent > 0:
		return probeResult{status: lockstep.ConnectionError, reason: notSentReason + looks.Cause}, nil
	case conn.Status == lockstep.ConnectionPending:
		return resultAvailable, nil
	}

	return probeResult{inconclusive: true}, nil
}

// applyResult writes a verdict. Nobody's answer changes no status: what was known stays
// what is known.
func (h *Controller) applyResult(tx *db.Tx, a provider.Access, row store.ConnectionCheck, v probeResult) error {
	conn, before := a.Connection, a.Connection.Status
	status := v.status
	row.CheckFailures++

	switch {
	case v.inconclusive:
		status = before
		h.scheduleRetry(&row, before, v.reason, tx.Now)
	case status == lockstep.ConnectionAvailable:
		row.Reason, row.CheckFailures, row.CheckedAt, row.NextCheckAt = "", 0, tx.Now, time.Time{}
		if !isRenewable(a.Credential) {
			scheduleExpiry(&row, a.Credential, tx.Now)
		}
	default:
		if before != lockstep.ConnectionError {
			row.CheckFailures = 1
		}
		row.Reason, row.CheckedAt, row.NextCheckAt = v.reason, tx.Now, tx.Now.Add(worker.BackoffBetween(minErrorDelay, maxErrorDelay, row.CheckFailures))
	}

	if err := store.SaveConnectionCheck(tx, conn.ARN, row); err != nil {
		return err
	}

	h.log.LogAttrs(tx.Context(), slog.LevelInfo, "connection check", slog.String("connection", string(conn.ARN)),
		slog.String("status", string(status)), slog.Bool("answered", !v.inconclusive), slog.String("reason", v.reason))
	if status == before {
		return nil
	}
	if err := store.SetConnectionStatus(tx, conn.ARN, status); err != nil || status != lockstep.ConnectionAvailable {
		return err
	}

	return store.RequestPollsOfConnection(tx, conn.ARN)
}

// scheduleRetry says when a host that did not answer is asked again.
func (h *Controller) scheduleRetry(row *store.ConnectionCheck, status lockstep.ConnectionStatus, reason string, now time.Time) {
	switch status {
	case lockstep.ConnectionError:
		row.NextCheckAt = now.Add(worker.BackoffBetween(minErrorDelay, maxErrorDelay, row.CheckFailures))
		return
	case lockstep.ConnectionPending:
		row.Reason = reason
	case lockstep.ConnectionAvailable:
		if reason == "" { // looks say nothing, and say it themselves when they do
			row.NextCheckAt, row.CheckFailures = time.Time{}, 0
			return
		}
	}

	row.NextCheckAt = now.Add(worker.BackoffBetween(minUnreachableDelay, maxUnreachableDelay, row.CheckFailures))
}
