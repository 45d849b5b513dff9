package store

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// A PendingAuthorization is the state of an OAuth authorization between the redirect to
// the Git host and the callback.
type PendingAuthorization struct {
	State        string `json:"state"`
	Verifier     string `json:"verifier"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	RedirectURI  string `json:"redirect_uri"`
	Endpoint     string `json:"endpoint,omitempty"` // "" for the provider's own
}

// String returns a description without the secrets.
func (p PendingAuthorization) String() string { return "pending authorization" }

// GoString returns a description without the secrets.
func (p PendingAuthorization) GoString() string { return p.String() }

// PutPendingAuthorization stores the pending authorization of a connection until a
// time, replacing the previous one. The connection must exist.
func PutPendingAuthorization(
	tx *db.Tx, key *seal.Key, conn lockstep.Connection, pending PendingAuthorization, until time.Time,
) error {
	plain, err := json.Marshal(pending)
	if err != nil {
		return fmt.Errorf("encode pending authorization of %s: %w", conn.ARN, err)
	}

	box, err := key.Seal(plain, pendingContext(conn))
	if err != nil {
		return fmt.Errorf("pending authorization of %s: %w", conn.ARN, err)
	}

	_, err = tx.Exec(`INSERT INTO pending_authorization (connection_arn, sealed, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (connection_arn) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at`,
		conn.ARN, []byte(box), db.Millis(until))
	return err
}

// TakePendingAuthorization returns and deletes the pending authorization of a
// connection, if state is its state. Otherwise, and if there is none or it has
// expired, the error is NotFound, with the same message.
func TakePendingAuthorization(
	tx *db.Tx, key *seal.Key, conn lockstep.Connection, state string,
) (PendingAuthorization, error) {
	missing := lockstep.Errorf(lockstep.NotFound, "Connection %s waits for no handshake with this state.", conn.ARN)
	var pending PendingAuthorization
	var box []byte
	var expiresAt int64
	err := tx.QueryRow(`SELECT sealed, expires_at FROM pending_authorization WHERE connection_arn = $1`+tx.ForUpdate(),
		conn.ARN).Scan(&box, &expiresAt)
	if err != nil {
		return pending, notFoundAs(err, missing)
	}

	plain, err := key.Open(seal.Box(box), pendingContext(conn))
	if err != nil {
		return pending, fmt.Errorf("pending authorization of %s: %w", conn.ARN, err)
	}
	if err := json.Unmarshal(plain, &pending); err != nil {
		return pending, fmt.Errorf("decode pending authorization of %s: %w", conn.ARN, err)
	}

	if subtle.ConstantTimeCompare([]byte(pending.State), []byte(state)) != 1 || expiresAt <= db.Millis(tx.Now) {
		return PendingAuthorization{}, missing
	}

	_, err = tx.Exec(`DELETE FROM pending_authorization WHERE connection_arn = $1`, conn.ARN)
	return pending, err
}

// DeleteExpiredAuthorizations deletes the pending authorizations that have expired.
func DeleteExpiredAuthorizations(tx *db.Tx) error {
	_, err := tx.Exec(`DELETE FROM pending_authorization WHERE expires_at <= $1`, db.Millis(tx.Now))
	return err
}

// pendingContext binds a pending authorization to its connection and to the account
// of the caller that started it. The words are part of the stored format.
func pendingContext(connection lockstep.Connection) []byte {
	return []byte("pending handshake of " + string(connection.ARN) + " in " + string(connection.Account))
}
