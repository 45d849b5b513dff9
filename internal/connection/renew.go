package connection

import (
	"context"
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
	// renewalLease is how long one node alone may renew a token: longer than a request
	// may take, its answer's writing included.
	renewalLease = 2 * time.Minute
	// maxRenewalLead bounds how long before its end a token is renewed.
	maxRenewalLead = 5 * time.Minute
	// minRenewalDelay and maxRenewalDelay are how long a host that did not answer is left
	// alone.
	minRenewalDelay, maxRenewalDelay = 10 * time.Second, 5 * time.Minute
	// maxSaveTries is how often what a host answered is tried to be written, a second
	// apart: it cannot be had again.
	maxSaveTries = 15
	saveTimeout  = 5 * time.Second
)

// connectionRenewal is the wake-up of a connection whose access token ends.
type connectionRenewal struct {
	ARN lockstep.ARN `json:"connection"`
}

// Kind names the job.
func (connectionRenewal) Kind() string { return "connection_renewal" }

// renewalTime is when a token that was given now is renewed: when a fifth of its life
// is left, or the earliest.
func renewalTime(now, ends time.Time) time.Time {
	return ends.Add(-min(ends.Sub(now)/5, maxRenewalLead))
}

// renew renews the access token of a connection, if it is time.
func (h *Controller) renew(ctx context.Context, job *queue.Job, w connectionRenewal) error {
	a, due, err := h.acquireLease(ctx, job, w.ARN)
	if err != nil || !due {
		return err
	}

	renewed, cause := h.refresh(ctx, a)
	// Also where this process stops: what was learnt is kept.
	ctx = context.WithoutCancel(ctx)
	for n := 1; ; n++ {
		err := h.saveRenewal(ctx, job, a, renewed, cause)
		if err == nil || n == maxSaveTries {
			return err
		}

		h.log.LogAttrs(ctx, slog.LevelWarn, "a renewed token is not saved yet",
			slog.String("connection", string(w.ARN)), slog.Int("try", n), slog.Any("err", err))
		time.Sleep(time.Second)
	}
}

// acquireLease gives what is to be renewed, which nobody else renews from now on, or
// ends the job where that is nothing, or not yet.
func (h *Controller) acquireLease(ctx context.Context, job *queue.Job, arn lockstep.ARN) (a provider.Access, due bool, err error) {
	err = h.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		due = false
		var row store.ConnectionCheck
		if a, row, err = h.lockCredential(tx, arn); lockstep.KindOf(err) == lockstep.NotFound {
			return job.Complete(tx)
		}

		switch {
		case err != nil:
			return err
		case !isRenewable(a.Credential):
			return job.Complete(tx)
		case row.RenewalLeaseUntil.After(tx.Now):
			return job.RescheduleAt(tx, row.RenewalLeaseUntil)
		case row.NextRenewalAt.After(tx.Now):
			return job.RescheduleAt(tx, row.NextRenewalAt)
		}

		due = true
		row.RenewalLeaseUntil = tx.Now.Add(renewalLease)
		return store.SaveConnectionCheck(tx, arn, row)
	})

	return a, due, err
}

// saveRenewal writes what a host answered, and ends the lease and the job.
func (h *Controller) saveRenewal(ctx context.Context, job *queue.Job, spent provider.Access, renewed lockstep.Credential, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return h.options.DB.Update(ctx, func(tx *db.Tx) error {
		arn := spent.Connection.ARN
		a, row, err := h.lockCredential(tx, arn)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return job.Complete(tx)
		}

		if err != nil {
			return err
		}

		if a.Credential == spent.Credential { // else somebody has given another
			if row, err = h.applyRenewal(tx, a, row, renewed, cause); err != nil {
				return err
			}
		}

		if row.NextRenewalAt.IsZero() {
			return job.Complete(tx)
		}

		return job.RescheduleAt(tx, row.NextRenewalAt)
	})
}

// applyRenewal records a renewal and gives the new row.
func (h *Controller) applyRenewal(tx *db.Tx, a provider.Access, row store.ConnectionCheck, renewed lockstep.Credential, cause error) (store.ConnectionCheck, error) {
	conn := a.Connection
	row.RenewalLeaseUntil = time.Time{}
	status := conn.Status
	switch {
	case cause == nil:
		if err := store.SaveCredential(tx, h.options.Seal, conn.ARN, renewed); err != nil {
			return row, err
		}
		status = h.statusAfterRenewal(&row, a, renewed, tx.Now)
	case lockstep.KindOf(cause) == lockstep.Denied, lockstep.KindOf(cause) == lockstep.Invalid:
		status = lockstep.ConnectionError
		row.RenewalFailures++
		row.Reason = lockstep.Shown(cause) + reauthorizeHint(conn)
		row.NextRenewalAt = tx.Now.Add(worker.BackoffBetween(minErrorDelay, maxErrorDelay, row.RenewalFailures))
	default:
		row.RenewalFailures++
		row.NextRenewalAt = tx.Now.Add(max(provider.Wait(cause), worker.BackoffBetween(minRenewalDelay, maxRenewalDelay, row.RenewalFailures)))
		if isExpired(a.Credential, tx.Now) && status != lockstep.ConnectionError {
			row.Reason = "The access token has ended and is not renewed yet: " + lockstep.Shown(cause)
		}
	}

	h.log.LogAttrs(tx.Context(), slog.LevelInfo, "connection renewal", slog.String("connection", string(conn.ARN)),
		slog.String("status", string(status)), slog.Int64("failures", row.RenewalFailures), slog.Any("err", cause))
	if err := store.SaveConnectionCheck(tx, conn.ARN, row); err != nil {
		return row, err
	}

	if status != conn.Status {
		if err := store.SetConnectionStatus(tx, conn.ARN, status); err != nil {
			return row, err
		}
	}

	if cause != nil {
		return row, nil
	}

	if status != conn.Status || isExpired(a.Credential, tx.Now) {
		if err := store.RequestPollsOfConnection(tx, conn.ARN); err != nil {
			return row, err
		}
	}

	return row, h.wakeCheck(tx, conn.ARN, row)
}

// statusAfterRenewal is the status of a connection with a new token: one that was not
// AVAILABLE is checked now, if its host can be asked.
func (h *Controller) statusAfterRenewal(row *store.ConnectionCheck, a provider.Access, c lockstep.Credential, now time.Time) lockstep.ConnectionStatus {
	row.RenewalFailures = 0
	scheduleExpiry(row, c, now)
	status := a.Connection.Status
	if _, asks := h.providers[a.Connection.ProviderType].(provider.Checker); asks && status != lockstep.ConnectionAvailable {
		row.NextCheckAt = now
		return status
	}
	row.Reason, row.CheckFailures = "", 0
	return lockstep.ConnectionAvailable
}

func (h *Controller) wakeCheck(tx *db.Tx, arn lockstep.ARN, row store.ConnectionCheck) error {
	if row.NextCheckAt.IsZero() {
		return nil
	}
	return h.options.Queue.Wake(tx, connectionCheck{arn}, row.NextCheckAt)
}

// reauthorizeHint says what heals a connection that a person let an application have.
func reauthorizeHint(conn lockstep.Connection) string {
	return " Let Lockstep in again: lockstep connect " + conn.Name + " --oauth"
}
