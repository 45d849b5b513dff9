package connection

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

// A HandshakeInput completes a connection: with a credential, or with the code and
// state that the host sent back after a person authorized the application.
type HandshakeInput struct {
	Credential lockstep.Credential
	Code       string // "" where it is a credential
	State      string
}

// A Handshake is a credential on its way to a connection: BeginHandshake, Verify,
// Complete. It must not be used concurrently.
type Handshake struct {
	controller *Controller
	access     provider.Access
	code       string
	pending    store.PendingAuthorization
	result     probeResult
}

// BeginHandshake starts to complete a connection. It returns an Invalid error if
// the credential is incomplete, or if the state is unknown, used or expired.
func (c *Controller) BeginHandshake(tx *db.Tx, conn lockstep.Connection, input HandshakeInput) (*Handshake, error) {
	access, err := accessOf(tx, conn)
	if err != nil {
		return nil, err
	}

	handshake := &Handshake{controller: c, access: access, code: input.Code}
	if input.Code == "" {
		handshake.access.Credential = input.Credential
		return handshake, input.Credential.Validate()
	}

	handshake.pending, err = store.TakePendingAuthorization(tx, c.options.Seal, conn, input.State)
	if lockstep.KindOf(err) == lockstep.NotFound {
		err = lockstep.Errorf(lockstep.Invalid,
			"%s Start the handshake again: it may have expired or been completed already.", lockstep.Shown(err))
	}

	if err == nil && handshake.pending.Endpoint != endpointOf(access) {
		err = errHostMoved(conn)
	}

	return handshake, err
}

// Verify exchanges the code for a token, if there is one, and probes the
// credential. It returns an Invalid error with the host's message if the host
// refuses either, and Unavailable if a code could not be exchanged. An inconclusive
// probe is not an error.
func (h *Handshake) Verify(ctx context.Context) (err error) {
	if h.code != "" {
		if h.access.Credential, err = h.controller.exchange(ctx, h.access, h.pending, h.code); err != nil {
			return asInvalid("The host refused the code", err)
		}
	}

	if h.result, err = h.controller.probe(ctx, h.access); err != nil {
		return err
	}
	if h.result.status == lockstep.ConnectionError {
		return lockstep.Errorf(lockstep.Invalid, "The credential was not stored because it does not work: %s",
			h.result.reason)
	}

	return nil
}

// asInvalid returns err with kind Invalid if the host denied the request: the
// caller has to act.
func asInvalid(what string, err error) error {
	if lockstep.KindOf(err) != lockstep.Denied {
		return err
	}
	return lockstep.Wrapf(lockstep.Invalid, err, "%s: %s", what, lockstep.Shown(err))
}

// Complete stores the credential and returns the status of the connection. The
// caller must hold the connection's lock: otherwise a concurrent change of the
// host's endpoint could leave the credential stored for the wrong host. It returns
// a Stale error if the endpoint has changed since BeginHandshake.
func (h *Handshake) Complete(tx *db.Tx, conn lockstep.Connection) (lockstep.ConnectionStatus, error) {
	now, err := accessOf(tx, conn)
	if err != nil {
		return "", err
	}
	if endpointOf(now) != endpointOf(h.access) {
		return "", errHostMoved(conn)
	}

	controller := h.controller
	credential := h.access.Credential
	if err := store.SaveCredential(tx, controller.options.Seal, conn.ARN, credential); err != nil {
		return "", err
	}

	row := store.ConnectionCheck{Reason: h.result.reason}
	switch {
	case h.result.inconclusive:
		row.NextCheckAt = tx.Now.Add(minUnreachableDelay)
		row.CheckFailures = 1
	case !h.result.unsupported:
		row.CheckedAt = tx.Now
	}

	scheduleExpiry(&row, credential, tx.Now)
	if err := store.SaveConnectionCheck(tx, conn.ARN, row); err != nil {
		return "", err
	}
	if err := store.SetConnectionStatus(tx, conn.ARN, h.result.status); err != nil {
		return "", err
	}

	if err := store.ClearProbeDenials(tx, conn.ARN); err != nil {
		return "", err
	}
	// A PENDING connection is polled too: its credential is used, and may work.
	if err := store.RequestPollsOfConnection(tx, conn.ARN); err != nil {
		return "", err
	}

	return h.result.status, controller.wakeJobs(tx, conn.ARN, row)
}

// scheduleExpiry sets when an access token is renewed, or else when it is checked
// because it has expired.
func scheduleExpiry(row *store.ConnectionCheck, credential lockstep.Credential, now time.Time) {
	row.NextRenewalAt = time.Time{}
	switch {
	case credential.Kind != lockstep.OAuthCredential || credential.ExpiresAt.IsZero():
	case credential.RefreshToken != "":
		row.NextRenewalAt = renewalTime(now, credential.ExpiresAt)
	case row.NextCheckAt.IsZero() || row.NextCheckAt.After(credential.ExpiresAt):
		row.NextCheckAt = credential.ExpiresAt
	}
}

// wakeJobs schedules the jobs that a row calls for.
func (c *Controller) wakeJobs(tx *db.Tx, arn lockstep.ARN, row store.ConnectionCheck) error {
	if err := c.wakeCheck(tx, arn, row); err != nil {
		return err
	}
	if row.NextRenewalAt.IsZero() {
		return nil
	}
	return c.options.Queue.Wake(tx, connectionRenewal{arn}, row.NextRenewalAt)
}

func errHostMoved(conn lockstep.Connection) error {
	return lockstep.Errorf(lockstep.Stale,
		"The endpoint of connection %s has changed. Complete the connection again with a credential for the new "+
			"endpoint.",
		conn.Name)
}

// A CredentialStatus describes the credential of a connection.
type CredentialStatus struct {
	Reason string // why the connection is not AVAILABLE, or what is wrong
	// Kind is "" if the connection has no credential.
	Kind      lockstep.CredentialKind
	ExpiresAt time.Time // when the access token expires; zero if it does not
	IsRenewed bool      // the access token is renewed before it expires
	CheckedAt time.Time // when the host last accepted or refused the credential
	CheckAt   time.Time // when it is probed again; zero if nothing is scheduled
}

// CredentialStatus returns the status of a connection's credential.
func (c *Controller) CredentialStatus(tx *db.Tx, conn lockstep.Connection) (CredentialStatus, error) {
	row, err := store.ConnectionCheckOf(tx, conn.ARN)
	if err != nil {
		return CredentialStatus{}, err
	}

	status := CredentialStatus{Reason: row.Reason, CheckedAt: row.CheckedAt, CheckAt: row.NextCheckAt}
	credential, err := store.Credential(tx, c.options.Seal, conn.ARN)
	if lockstep.KindOf(err) == lockstep.NotFound {
		status.Reason = "The connection has no credential yet."
		return status, nil
	}

	status.Kind, status.IsRenewed = credential.Kind, isRenewable(credential)
	if credential.Kind == lockstep.OAuthCredential {
		status.ExpiresAt = credential.ExpiresAt
	}

	return status, err
}
