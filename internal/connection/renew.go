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
	// renewalLease is how long one node may renew a token exclusively. It is longer
	// than a request and the write of its response take.
	renewalLease = 2 * time.Minute
	// maxRenewalLead bounds how long before its expiry a token is renewed.
	maxRenewalLead = 5 * time.Minute
	// These bound the delay before the next renewal if the host did not answer.
	minRenewalDelay, maxRenewalDelay = 10 * time.Second, 5 * time.Minute
	// maxSaveTries is how often the response of a host is written, a second apart:
	// a refresh token cannot be spent again to repeat it.
	maxSaveTries = 15
	saveInterval = time.Second
	saveTimeout  = 5 * time.Second
)

// connectionRenewal is the job that renews the access token of a connection.
type connectionRenewal struct {
	ARN lockstep.ARN `json:"connection"`
}

// Kind names the job.
func (connectionRenewal) Kind() string { return "connection_renewal" }

// renewalTime returns when a token issued now is renewed: when a fifth of its
// lifetime is left, and at most maxRenewalLead before it expires.
func renewalTime(now, ends time.Time) time.Time {
	return ends.Add(-min(ends.Sub(now)/5, maxRenewalLead))
}

// renew renews the access token of a connection, if it is due.
func (c *Controller) renew(ctx context.Context, job *queue.Job, args connectionRenewal) error {
	access, due, err := c.acquireLease(ctx, job, args.ARN)
	if err != nil || !due {
		return err
	}

	renewed, cause := c.refresh(ctx, access)

	for try := 1; ; try++ {
		// The response is saved even if the process stops: the old token may be spent.
		isLastTry := try == maxSaveTries || ctx.Err() != nil
		err := c.saveRenewal(context.WithoutCancel(ctx), job, access, renewed, cause)
		if err == nil || isLastTry {
			return err
		}

		c.log.LogAttrs(ctx, slog.LevelWarn, "save renewed token failed",
			slog.String("connection", string(args.ARN)), slog.Int("try", try), slog.Any("err", err))
		select {
		case <-ctx.Done():
		case <-time.After(saveInterval):
		}
	}
}

// acquireLease returns the token to renew and excludes other nodes from renewing
// it. It completes or reschedules the job if there is nothing to renew now.
func (c *Controller) acquireLease(
	ctx context.Context,
	job *queue.Job,
	arn lockstep.ARN,
) (access provider.Access, due bool, err error) {
	err = c.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		due = false
		var row store.ConnectionCheck
		if access, row, err = c.lockCredential(tx, arn); lockstep.KindOf(err) == lockstep.NotFound {
			return job.Complete(tx)
		}

		switch {
		case err != nil:
			return err
		case !isRenewable(access.Credential):
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

	return access, due, err
}

// saveRenewal writes the response of the host, releases the lease and ends the job.
func (c *Controller) saveRenewal(
	ctx context.Context,
	job *queue.Job,
	spent provider.Access,
	renewed lockstep.Credential,
	cause error,
) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()

	return c.options.DB.Update(ctx, func(tx *db.Tx) error {
		arn := spent.Connection.ARN
		access, row, err := c.lockCredential(tx, arn)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return job.Complete(tx)
		}

		if err != nil {
			return err
		}

		if access.Credential == spent.Credential { // otherwise the connection has received another credential
			if row, err = c.applyRenewal(tx, access, row, renewed, cause); err != nil {
				return err
			}
		}

		if row.NextRenewalAt.IsZero() {
			return job.Complete(tx)
		}

		return job.RescheduleAt(tx, row.NextRenewalAt)
	})
}

// applyRenewal records a renewal and returns the updated row.
func (c *Controller) applyRenewal(
	tx *db.Tx,
	access provider.Access,
	row store.ConnectionCheck,
	renewed lockstep.Credential,
	cause error,
) (store.ConnectionCheck, error) {
	conn := access.Connection
	row.RenewalLeaseUntil = time.Time{}
	status := conn.Status

	switch {
	case cause == nil:
		if err := store.SaveCredential(tx, c.options.Seal, conn.ARN, renewed); err != nil {
			return row, err
		}
		status = c.statusAfterRenewal(&row, access, renewed, tx.Now)
	case lockstep.KindOf(cause) == lockstep.Denied, lockstep.KindOf(cause) == lockstep.Invalid:
		status = lockstep.ConnectionError
		row.RenewalFailures++
		row.Reason = lockstep.Shown(cause) + reauthorizeHint(conn)
		row.NextRenewalAt = tx.Now.Add(worker.BackoffBetween(minErrorDelay, maxErrorDelay, row.RenewalFailures))
	default:
		row.RenewalFailures++
		row.NextRenewalAt = tx.Now.Add(max(provider.RetryAfter(cause),
			worker.BackoffBetween(minRenewalDelay, maxRenewalDelay, row.RenewalFailures)))
		if isExpired(access.Credential, tx.Now) && status != lockstep.ConnectionError {
			row.Reason = "The access token has expired and could not be renewed yet: " + lockstep.Shown(cause)
		}
	}

	c.log.LogAttrs(tx.Context(), slog.LevelInfo, "connection renewal", slog.String("connection", string(conn.ARN)),
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

	if status != conn.Status || isExpired(access.Credential, tx.Now) {
		if err := store.RequestPollsOfConnection(tx, conn.ARN); err != nil {
			return row, err
		}
	}

	return row, c.wakeCheck(tx, conn.ARN, row)
}

// statusAfterRenewal returns the status of a connection with a new token. One that
// is not AVAILABLE is probed now, if its host supports that.
func (c *Controller) statusAfterRenewal(
	row *store.ConnectionCheck,
	access provider.Access,
	credential lockstep.Credential,
	now time.Time,
) lockstep.ConnectionStatus {
	row.RenewalFailures = 0
	scheduleExpiry(row, credential, now)
	status := access.Connection.Status
	_, canProbe := c.providers[access.Connection.ProviderType].(provider.CredentialChecker)
	if canProbe && status != lockstep.ConnectionAvailable {
		row.NextCheckAt = now
		return status
	}

	row.Reason, row.CheckFailures = "", 0
	return lockstep.ConnectionAvailable
}

func (c *Controller) wakeCheck(tx *db.Tx, arn lockstep.ARN, row store.ConnectionCheck) error {
	if row.NextCheckAt.IsZero() {
		return nil
	}
	return c.options.Queue.Wake(tx, connectionCheck{arn}, row.NextCheckAt)
}

// reauthorizeHint returns the sentence with the command that authorizes the
// application again.
func reauthorizeHint(conn lockstep.Connection) string {
	return " Authorize Lockstep again: lockstep connect " + conn.Name + " --oauth"
}
