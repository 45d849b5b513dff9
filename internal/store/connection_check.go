package store

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ConnectionCheck is the result of the last checks of a connection's credential,
// and the time of the next. Zero times are not set.
type ConnectionCheck struct {
	Reason            string    // why the connection is not AVAILABLE, or ""
	CheckedAt         time.Time // the last time the host accepted or rejected the credential
	NextCheckAt       time.Time
	CheckFailures     int64     // in a row
	NextRenewalAt     time.Time // of the access token
	RenewalLeaseUntil time.Time // end of the lease of the server that renews it
	RenewalFailures   int64     // in a row
}

// ConnectionCheckOf returns the connection check of a connection, or the zero value
// if it was never checked.
func ConnectionCheckOf(tx *db.Tx, arn lockstep.ARN) (ConnectionCheck, error) {
	var check ConnectionCheck
	var checkedAt, nextCheckAt, nextRenewalAt *int64
	var leaseUntil int64
	err := tx.QueryRow(`SELECT reason, checked_at, next_check_at, check_failures, next_renewal_at, renewal_lease_until,
		renewal_failures FROM connection_check WHERE connection_arn = $1`, arn).
		Scan(&check.Reason, &checkedAt, &nextCheckAt, &check.CheckFailures, &nextRenewalAt, &leaseUntil,
			&check.RenewalFailures)
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

// SaveConnectionCheck writes the connection check of a connection. The caller must
// hold the lock of the connection.
func SaveConnectionCheck(tx *db.Tx, arn lockstep.ARN, check ConnectionCheck) error {
	var lease int64
	if !check.RenewalLeaseUntil.IsZero() {
		lease = db.Millis(check.RenewalLeaseUntil)
	}

	_, err := tx.Exec(`INSERT INTO connection_check
		(connection_arn, reason, checked_at, next_check_at, check_failures, next_renewal_at, renewal_lease_until,
			renewal_failures)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (connection_arn) DO UPDATE SET reason = excluded.reason, checked_at = excluded.checked_at,
			next_check_at = excluded.next_check_at, check_failures = excluded.check_failures,
			next_renewal_at = excluded.next_renewal_at, renewal_lease_until = excluded.renewal_lease_until,
			renewal_failures = excluded.renewal_failures`,
		arn, lockstep.Sanitize(db.Storable(check.Reason)), db.MillisOrNull(check.CheckedAt), db.MillisOrNull(check.NextCheckAt),
		check.CheckFailures, db.MillisOrNull(check.NextRenewalAt), lease, check.RenewalFailures)
	return err
}

// OverdueConnectionChecks returns up to limit connections whose check was due by a
// time, and up to limit whose renewal was.
func OverdueConnectionChecks(tx *db.Tx, by time.Time, limit int) (checks, renewals []lockstep.ARN, err error) {
	for column, list := range map[string]*[]lockstep.ARN{"next_check_at": &checks, "next_renewal_at": &renewals} {
		*list, err = db.Select(tx, db.ScanValue[lockstep.ARN], `SELECT connection_arn FROM connection_check
			WHERE `+column+` <= $1 ORDER BY `+column+` LIMIT $2`, db.Millis(by), limit)
		if err != nil {
			return nil, nil, err
		}
	}
	return checks, renewals, nil
}
