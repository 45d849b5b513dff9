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
type ConnectionCheck struct {
	Reason            string    // why the connection is not AVAILABLE; "" says nothing
	CheckedAt         time.Time // when the host last said whether the credential works
	NextCheckAt       time.Time // when it is asked again
	CheckFailures     int64     // in a row
	NextRenewalAt     time.Time // when the access token is renewed
	RenewalLeaseUntil time.Time // until then one node alone may renew it
	RenewalFailures   int64     // in a row
}

// ConnectionCheckOf reads how a connection's credential fares; the zero Handshake where
// nothing is known.
func ConnectionCheckOf(tx *db.Tx, arn lockstep.ARN) (ConnectionCheck, error) {
	var check ConnectionCheck
	var checkedAt, nextCheckAt, nextRenewalAt *int64
	var leaseUntil int64
	err := tx.QueryRow(`SELECT reason, checked_at, next_check_at, check_failures, next_renewal_at, renewal_lease_until,
		renewal_failures FROM connection_check WHERE connection_arn = $1`, arn).
		Scan(&check.Reason, &checkedAt, &nextCheckAt, &check.CheckFailures, &nextRenewalAt, &leaseUntil, &check.RenewalFailures)
	if errors.Is(err, db.ErrNoRows) {
		return ConnectionCheck{}, nil
	}

	check.CheckedAt = db.TimeOrZero(checkedAt)
	check.NextCheckAt = db.TimeOrZero(nextCheckAt)
	check.NextRenewalAt = db.TimeOrZero(nextRenewalAt)
	if leaseUntil != 0 {
		check.RenewalLeaseUntil = db.Time(leaseUntil)
	}

	return check, err
}

// SaveConnectionCheck records how a connection's credential fares. The connection is to
// be locked.
func SaveConnectionCheck(tx *db.Tx, arn lockstep.ARN, check ConnectionCheck) error {
	var lease int64
	if !check.RenewalLeaseUntil.IsZero() {
		lease = db.Millis(check.RenewalLeaseUntil)
	}

	_, err := tx.Exec(`INSERT INTO connection_check
		(connection_arn, reason, checked_at, next_check_at, check_failures, next_renewal_at, renewal_lease_until, renewal_failures)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (connection_arn) DO UPDATE SET reason = excluded.reason, checked_at = excluded.checked_at,
			next_check_at = excluded.next_check_at, check_failures = excluded.check_failures, next_renewal_at = excluded.next_renewal_at,
			renewal_lease_until = excluded.renewal_lease_until, renewal_failures = excluded.renewal_failures`,
		arn, db.Storable(check.Reason), db.MillisOrNull(check.CheckedAt), db.MillisOrNull(check.NextCheckAt), check.CheckFailures, db.MillisOrNull(check.NextRenewalAt), lease, check.RenewalFailures)

	return err
}

// OverdueConnectionChecks lists up to limit connections that should have been checked
// by a time, and up to as many whose token should have been renewed.
func OverdueConnectionChecks(tx *db.Tx, by time.Time, limit int) (check, renew []lockstep.ARN, err error) {
	for column, list := range map[string]*[]lockstep.ARN{"next_check_at": &check, "next_renewal_at": &renew} {
		arns, err := db.Select(tx, db.ScanValue[string], `SELECT connection_arn FROM connection_check WHERE `+column+` <= $1 ORDER BY `+column+` LIMIT $2`,
			db.Millis(by), limit)
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
type PendingAuthorization struct {
	State        string `json:"state"`
	Verifier     string `json:"verifier"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	RedirectURI  string `json:"redirect_uri"`
	Endpoint     string `json:"endpoint,omitempty"` // the host's, "" of the provider's own
}

// String hides what it holds.
func (p PendingAuthorization) String() string { return "pending handshake" }

// GoString hides what it holds.
func (p PendingAuthorization) GoString() string { return p.String() }

// PutPendingAuthorization keeps a connection's handshake until a time, in place of
// the one before. The connection must be there.
func PutPendingAuthorization(tx *db.Tx, key *seal.Key, conn lockstep.Connection, p PendingAuthorization, until time.Time) error {
	plain, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode pending handshake of %s: %w", conn.ARN, err)
	}

	box, err := key.Seal(plain, pendingContext(conn))
	if err != nil {
		return fmt.Errorf("pending handshake of %s: %w", conn.ARN, err)
	}

	_, err = tx.Exec(`INSERT INTO pending_authorization (connection_arn, sealed, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (connection_arn) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at`,
		conn.ARN, []byte(box), db.Millis(until))
	return err
}

// TakePendingAuthorization gives a connection's handshake to whoever knows its state,
// once: it is removed. NotFound where the connection has none that is not over, or
// the state is another's; which of them is not told.
func TakePendingAuthorization(tx *db.Tx, key *seal.Key, conn lockstep.Connection, state string) (PendingAuthorization, error) {
	missing := lockstep.Errorf(lockstep.NotFound, "Connection %s waits for no handshake with this state.", conn.ARN)
	var pending PendingAuthorization
	var box []byte
	var expires int64
	err := tx.QueryRow(`SELECT sealed, expires_at FROM pending_authorization WHERE connection_arn = $1`+tx.ForUpdate(), conn.ARN).Scan(&box, &expires)
	if err != nil {
		return pending, notFoundAs(err, missing)
	}

	plain, err := key.Open(seal.Box(box), pendingContext(conn))
	if err != nil {
		return pending, fmt.Errorf("pending handshake of %s: %w", conn.ARN, err)
	}
	if err := json.Unmarshal(plain, &pending); err != nil {
		return pending, fmt.Errorf("decode pending handshake of %s: %w", conn.ARN, err)
	}

	if subtle.ConstantTimeCompare([]byte(pending.State), []byte(state)) != 1 || expires <= db.Millis(tx.Now) {
		return PendingAuthorization{}, missing
	}

	_, err = tx.Exec(`DELETE FROM pending_authorization WHERE connection_arn = $1`, conn.ARN)
	return pending, err
}

// DeleteExpiredAuthorizations removes those that are over.
func DeleteExpiredAuthorizations(tx *db.Tx) error {
	_, err := tx.Exec(`DELETE FROM pending_authorization WHERE expires_at <= $1`, db.Millis(tx.Now))
	return err
}

// pendingContext binds a handshake to its connection and to the account whose
// caller began it.
func pendingContext(c lockstep.Connection) []byte {
	return []byte("pending handshake of " + string(c.ARN) + " in " + string(c.Account))
}

// A Denial is what a look at a repository says of its connection's credential.
type ProbeDenial int

// The denials.
const (
	NotDenied         ProbeDenial = iota
	DeniedByHost                  // by the host
	CredentialNotSent             // to the host, which is not who it should be, or where it may be
)

// SetProbeDenial records what the last look at a link's repository says of the
// credential.
func SetProbeDenial(tx *db.Tx, linkID string, d ProbeDenial) error {
	_, err := tx.Exec(`UPDATE repository_link SET probe_denial = $2 WHERE id = $1 AND probe_denial <> $2`, linkID, int(d))
	return err
}

// ProbeSummary sum up what the last looks at a connection's repositories say of its
// credential: how many worked, how many ended in each denial, and in which words
// one of these.
type ProbeSummary struct {
	Succeeded, DeniedByHost, CredentialNotSent int64
	Cause                                      string
}

// SummarizeProbes sums up the looks at all repositories of a connection that are
// polled and were looked at.
func SummarizeProbes(tx *db.Tx, connection lockstep.ARN) (summary ProbeSummary, err error) {
	count := func(what string) string {
		return `CAST(coalesce(sum(CASE WHEN ` + what + ` THEN 1 ELSE 0 END), 0) AS bigint)`
	}
	err = tx.QueryRow(`SELECT `+count(`probe_denial = 0 AND outage = '' AND poll_interval > 0`)+`, `+count(`probe_denial = 1`)+`, `+count(`probe_denial = 2`)+`,
			coalesce(max(CASE WHEN probe_denial = 1 THEN outage END), max(CASE WHEN probe_denial = 2 THEN outage END), '')
		FROM repository_link WHERE connection_arn = $1 AND next_poll_at IS NOT NULL`, connection).
		Scan(&summary.Succeeded, &summary.DeniedByHost, &summary.CredentialNotSent, &summary.Cause)
	return summary, err
}

// ClearProbeDenials forgets what looks say of a connection's credential: it has
// another.
func ClearProbeDenials(tx *db.Tx, connection lockstep.ARN) error {
	_, err := tx.Exec(`UPDATE repository_link SET probe_denial = 0 WHERE connection_arn = $1 AND probe_denial <> 0`, connection)
	return err
}

// ConnectionOfLink reads which connection a link is over, and its status, without a
// lock. NotFound when there is no such link.
func ConnectionOfLink(tx *db.Tx, linkID string) (arn lockstep.ARN, status lockstep.ConnectionStatus, err error) {
	err = tx.QueryRow(`SELECT c.arn, c.status FROM repository_link l JOIN connection c ON c.arn = l.connection_arn WHERE l.id = $1`, linkID).
		Scan(&arn, &status)
	return arn, status, notFoundAs(err, NoLink(linkID))
}
