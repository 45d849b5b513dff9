package store

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// A Handshake is how a connection's credential fares. Times that are zero are
// not set.
type Handshake struct {
	Reason        string    // why the connection is not AVAILABLE; "" says nothing
	CheckedAt     time.Time // when the host last said whether the credential works
	CheckAt       time.Time // when it is asked again
	CheckFailures int64     // in a row
	RenewAt       time.Time // when the access token is renewed
	LeaseUntil    time.Time // until then one node alone may renew it
	RenewFailures int64     // in a row
}

// HandshakeOf reads how a connection's credential fares; the zero Handshake where
// nothing is known.
func HandshakeOf(tx *db.Tx, arn lockstep.ARN) (Handshake, error) {
	var h Handshake
	var checked, check, renew *int64
	var lease int64
	err := tx.QueryRow(`SELECT reason, checked_at, check_at, check_failures, renew_at, lease_until, renew_failures
		FROM handshake WHERE connection_arn = $1`, arn).
		Scan(&h.Reason, &checked, &check, &h.CheckFailures, &renew, &lease, &h.RenewFailures)
	if errors.Is(err, db.ErrNoRows) {
		return Handshake{}, nil
	}

	h.CheckedAt, h.CheckAt, h.RenewAt = timeOf(checked), timeOf(check), timeOf(renew)
	if lease != 0 {
		h.LeaseUntil = db.Time(lease)
	}

	return h, err
}

// SaveHandshake records how a connection's credential fares. The connection is to
// be locked.
func SaveHandshake(tx *db.Tx, arn lockstep.ARN, h Handshake) error {
	var lease int64
	if !h.LeaseUntil.IsZero() {
		lease = db.Millis(h.LeaseUntil)
	}

	_, err := tx.Exec(`INSERT INTO handshake
		(connection_arn, reason, checked_at, check_at, check_failures, renew_at, lease_until, renew_failures)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (connection_arn) DO UPDATE SET reason = excluded.reason, checked_at = excluded.checked_at,
			check_at = excluded.check_at, check_failures = excluded.check_failures, renew_at = excluded.renew_at,
			lease_until = excluded.lease_until, renew_failures = excluded.renew_failures`,
		arn, storable(h.Reason), millisOf(h.CheckedAt), millisOf(h.CheckAt), h.CheckFailures, millisOf(h.RenewAt), lease, h.RenewFailures)

	return err
}

func timeOf(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return db.Time(*ms)
}

// millisOf gives NULL for a time that is not set.
func millisOf(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := db.Millis(t)
	return &ms
}

// OverdueHandshakes lists up to limit connections that should have been checked
// by a time, and up to as many whose token should have been renewed.
func OverdueHandshakes(tx *db.Tx, by time.Time, limit int) (check, renew []lockstep.ARN, err error) {
	for column, list := range map[string]*[]lockstep.ARN{"check_at": &check, "renew_at": &renew} {
		arns, err := texts(tx.Query(`SELECT connection_arn FROM handshake WHERE `+column+` <= $1 ORDER BY `+column+` LIMIT $2`,
			db.Millis(by), limit))
		if err != nil {
			return nil, nil, err
		}
		for _, arn := range arns {
			*list = append(*list, lockstep.ARN(arn))
		}
	}
	return check, renew, nil
}

// A PendingHandshake is what is known of a person who was sent to a host to let
// an application in.
type PendingHandshake struct {
	State        string `json:"state"`
	Verifier     string `json:"verifier"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	RedirectURI  string `json:"redirect_uri"`
	Endpoint     string `json:"endpoint,omitempty"` // the host's, "" of the provider's own
}

// String hides what it holds.
func (p PendingHandshake) String() string { return "pending handshake" }

// GoString hides what it holds.
func (p PendingHandshake) GoString() string { return p.String() }

// PutPendingHandshake keeps a connection's handshake until a time, in place of
// the one before. The connection must be there.
func PutPendingHandshake(tx *db.Tx, key *seal.Key, conn lockstep.Connection, p PendingHandshake, until time.Time) error {
	plain, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode pending handshake of %s: %w", conn.ARN, err)
	}

	box, err := key.Seal(plain, pendingContext(conn))
	if err != nil {
		return fmt.Errorf("pending handshake of %s: %w", conn.ARN, err)
	}

	_, err = tx.Exec(`INSERT INTO pending_handshake (connection_arn, sealed, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (connection_arn) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at`,
		conn.ARN, []byte(box), db.Millis(until))
	return err
}

// TakePendingHandshake gives a connection's handshake to whoever knows its state,
// once: it is removed. NotFound where the connection has none that is not over, or
// the state is another's; which of them is not told.
func TakePendingHandshake(tx *db.Tx, key *seal.Key, conn lockstep.Connection, state string) (PendingHandshake, error) {
	missing := lockstep.Errorf(lockstep.NotFound, "Connection %s waits for no handshake with this state.", conn.ARN)
	var p PendingHandshake
	var box []byte
	var expires int64
	err := tx.QueryRow(`SELECT sealed, expires_at FROM pending_handshake WHERE connection_arn = $1`+tx.ForUpdate(), conn.ARN).Scan(&box, &expires)
	if err != nil {
		return p, orMissing(err, missing)
	}

	plain, err := key.Open(seal.Box(box), pendingContext(conn))
	if err != nil {
		return p, fmt.Errorf("pending handshake of %s: %w", conn.ARN, err)
	}
	if err := json.Unmarshal(plain, &p); err != nil {
		return p, fmt.Errorf("decode pending handshake of %s: %w", conn.ARN, err)
	}

	if subtle.ConstantTimeCompare([]byte(p.State), []byte(state)) != 1 || expires <= db.Millis(tx.Now) {
		return PendingHandshake{}, missing
	}

	_, err = tx.Exec(`DELETE FROM pending_handshake WHERE connection_arn = $1`, conn.ARN)
	return p, err
}

// ForgetPendingHandshakes removes those that are over.
func ForgetPendingHandshakes(tx *db.Tx) error {
	_, err := tx.Exec(`DELETE FROM pending_handshake WHERE expires_at <= $1`, db.Millis(tx.Now))
	return err
}

// pendingContext binds a handshake to its connection and to the account whose
// caller began it.
func pendingContext(c lockstep.Connection) []byte {
	return []byte("pending handshake of " + string(c.ARN) + " in " + string(c.Account))
}

// A Denial is what a look at a repository says of its connection's credential.
type Denial int

// The denials.
const (
	NotDenied Denial = iota
	Refused          // by the host
	NotShown         // to the host, which is not who it should be, or where it may be
)

// SetDenial records what the last look at a link's repository says of the
// credential.
func SetDenial(tx *db.Tx, linkID string, d Denial) error {
	_, err := tx.Exec(`UPDATE repository_link SET denied = $2 WHERE id = $1 AND denied <> $2`, linkID, int(d))
	return err
}

// Looks sum up what the last looks at a connection's repositories say of its
// credential: how many worked, how many ended in each denial, and in which words
// one of these.
type Looks struct {
	Worked, Refused, NotShown int64
	Cause                     string
}

// LooksOver sums up the looks at all repositories of a connection that are
// polled and were looked at.
func LooksOver(tx *db.Tx, connection lockstep.ARN) (l Looks, err error) {
	count := func(what string) string {
		return `CAST(coalesce(sum(CASE WHEN ` + what + ` THEN 1 ELSE 0 END), 0) AS bigint)`
	}
	err = tx.QueryRow(`SELECT `+count(`denied = 0 AND outage = '' AND poll_interval > 0`)+`, `+count(`denied = 1`)+`, `+count(`denied = 2`)+`,
			coalesce(max(CASE WHEN denied = 1 THEN outage END), max(CASE WHEN denied = 2 THEN outage END), '')
		FROM repository_link WHERE connection_arn = $1 AND next_poll_at IS NOT NULL`, connection).
		Scan(&l.Worked, &l.Refused, &l.NotShown, &l.Cause)
	return l, err
}

// ForgetDenials forgets what looks say of a connection's credential: it has
// another.
func ForgetDenials(tx *db.Tx, connection lockstep.ARN) error {
	_, err := tx.Exec(`UPDATE repository_link SET denied = 0 WHERE connection_arn = $1 AND denied <> 0`, connection)
	return err
}

// ConnectionOver reads which connection a link is over, and its status, without a
// lock. NotFound when there is no such link.
func ConnectionOver(tx *db.Tx, linkID string) (arn lockstep.ARN, status lockstep.ConnectionStatus, err error) {
	err = tx.QueryRow(`SELECT c.arn, c.status FROM repository_link l JOIN connection c ON c.arn = l.connection_arn WHERE l.id = $1`, linkID).
		Scan(&arn, &status)
	return arn, status, orMissing(err, NoLink(linkID))
}
