package connection

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

// A Given is what somebody gives a connection: a credential, or the code and the
// state with which a host has sent a person back.
type HandshakeInput struct {
	Credential lockstep.Credential
	Code       string // "" where it is a credential
	State      string
}

// An Offer is a credential on its way to a connection: Receive, Try, Accept. It is
// for one goroutine.
type Handshake struct {
	controller *Controller
	access     provider.Access
	code       string
	pending    store.PendingAuthorization
	result     probeResult
}

// BeginHandshake begins to give a connection of the caller's its credential. Invalid where
// it is half a credential, or a state that is unknown, spent or over.
func (h *Controller) BeginHandshake(tx *db.Tx, conn lockstep.Connection, g HandshakeInput) (*Handshake, error) {
	a, err := accessOf(tx, conn)
	if err != nil {
		return nil, err
	}

	o := &Handshake{controller: h, access: a, code: g.Code}
	if g.Code == "" {
		o.access.Credential = g.Credential
		return o, g.Credential.Validate()
	}

	o.pending, err = store.TakePendingAuthorization(tx, h.options.Seal, conn, g.State)
	if lockstep.KindOf(err) == lockstep.NotFound {
		err = lockstep.Errorf(lockstep.Invalid, "%s Begin anew: it may be over, or used already.", lockstep.Shown(err))
	}

	if err == nil && o.pending.Endpoint != endpointOf(a) {
		err = errHostMoved(conn)
	}

	return o, err
}

// Verify exchanges the code for a token, where it is one, and asks the host whether
// the credential works. Invalid where the host refuses either, in its words;
// Unavailable where a code could not be exchanged. That nobody knows whether a
// credential works is no error.
func (o *Handshake) Verify(ctx context.Context) (err error) {
	if o.code != "" {
		if o.access.Credential, err = o.controller.exchange(ctx, o.access, o.pending, o.code); err != nil {
			return asInvalid("The host refuses the code", err)
		}
	}

	if o.result, err = o.controller.probe(ctx, o.access); err != nil {
		return err
	}
	if o.result.status == lockstep.ConnectionError {
		return lockstep.Errorf(lockstep.Invalid, "The credential does not work, and is not stored: %s", o.result.reason)
	}

	return nil
}

// asInvalid makes the caller's what the host denied.
func asInvalid(what string, err error) error {
	if lockstep.KindOf(err) != lockstep.Denied {
		return err
	}
	return lockstep.Wrapf(lockstep.Invalid, err, "%s: %s", what, lockstep.Shown(err))
}

// Complete stores what was tried and gives the connection's status. The connection
// is to be locked, so that the credential is either forgotten when the host moves
// or was given after it had. Stale where the host has moved since Receive.
func (o *Handshake) Complete(tx *db.Tx, conn lockstep.Connection) (lockstep.ConnectionStatus, error) {
	now, err := accessOf(tx, conn)
	if err != nil {
		return "", err
	}
	if endpointOf(now) != endpointOf(o.access) {
		return "", errHostMoved(conn)
	}

	h, c := o.controller, o.access.Credential
	if err := store.SaveCredential(tx, h.options.Seal, conn.ARN, c); err != nil {
		return "", err
	}

	row := store.ConnectionCheck{Reason: o.result.reason}
	switch {
	case o.result.inconclusive:
		row.NextCheckAt = tx.Now.Add(minUnreachableDelay)
		row.CheckFailures = 1
	case !o.result.unsupported:
		row.CheckedAt = tx.Now
	}

	scheduleExpiry(&row, c, tx.Now)
	if err := store.SaveConnectionCheck(tx, conn.ARN, row); err != nil {
		return "", err
	}
	if err := store.SetConnectionStatus(tx, conn.ARN, o.result.status); err != nil {
		return "", err
	}

	if err := store.ClearProbeDenials(tx, conn.ARN); err != nil {
		return "", err
	}
	// Also of one that is PENDING: the credential is used, and may work.
	if err := store.RequestPollsOfConnection(tx, conn.ARN); err != nil {
		return "", err
	}

	return o.result.status, h.wakeJobs(tx, conn.ARN, row)
}

// scheduleExpiry says when an access token is renewed, or that it ends.
func scheduleExpiry(row *store.ConnectionCheck, c lockstep.Credential, now time.Time) {
	row.NextRenewalAt = time.Time{}
	switch {
	case c.Kind != lockstep.OAuthCredential || c.ExpiresAt.IsZero():
	case c.RefreshToken != "":
		row.NextRenewalAt = renewalTime(now, c.ExpiresAt)
	case row.NextCheckAt.IsZero() || row.NextCheckAt.After(c.ExpiresAt):
		row.NextCheckAt = c.ExpiresAt
	}
}

// wakeJobs wakes what a row says is to be done.
func (h *Controller) wakeJobs(tx *db.Tx, arn lockstep.ARN, row store.ConnectionCheck) error {
	if !row.NextCheckAt.IsZero() {
		if err := h.options.Queue.Wake(tx, connectionCheck{arn}, row.NextCheckAt); err != nil {
			return err
		}
	}
	if row.NextRenewalAt.IsZero() {
		return nil
	}
	return h.options.Queue.Wake(tx, connectionRenewal{arn}, row.NextRenewalAt)
}

func errHostMoved(conn lockstep.Connection) error {
	return lockstep.Errorf(lockstep.Stale, "The host of connection %s has moved meanwhile. Give the credential again, for where it is now.", conn.Name)
}

// A State is where a connection's handshake stands.
type CredentialStatus struct {
	Reason string // why the connection is not AVAILABLE, or what is amiss
	// Kind is that of the credential, "" where the connection holds none.
	Kind      lockstep.CredentialKind
	ExpiresAt time.Time // when the access token ends, zero where it does not
	IsRenewed bool      // the access token is renewed before that
	CheckedAt time.Time // when the host last said whether the credential works
	CheckAt   time.Time // when it is asked again, zero: when a look is denied
}

// CredentialStatus reads where the handshake of a connection stands.
func (h *Controller) CredentialStatus(tx *db.Tx, conn lockstep.Connection) (CredentialStatus, error) {
	row, err := store.ConnectionCheckOf(tx, conn.ARN)
	if err != nil {
		return CredentialStatus{}, err
	}

	s := CredentialStatus{Reason: row.Reason, CheckedAt: row.CheckedAt, CheckAt: row.NextCheckAt}
	c, err := store.Credential(tx, h.options.Seal, conn.ARN)
	if lockstep.KindOf(err) == lockstep.NotFound {
		s.Reason = "The connection holds no credential yet."
		return s, nil
	}

	s.Kind, s.IsRenewed = c.Kind, isRenewable(c)
	if c.Kind == lockstep.OAuthCredential {
		s.ExpiresAt = c.ExpiresAt
	}

	return s, err
}
