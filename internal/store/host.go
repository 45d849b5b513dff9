package store

import (
	"encoding/json"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

const (
	newHostColumns = `arn, account, region, name, provider_type, endpoint, status, status_message, vpc, created_at`
	hostColumns    = newHostColumns + `, certificate`
)

// Host returns a host of the caller. The error is NotFound if there is none.
func Host(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) (lockstep.Host, error) {
	row := tx.QueryRow(`SELECT `+hostColumns+` FROM host WHERE arn = $1 AND account = $2 AND region = $3`,
		arn, account, region)
	return hostRow(row, arn)
}

// HostByARN returns a host of any account. The error is NotFound if there is none.
func HostByARN(tx *db.Tx, arn lockstep.ARN) (lockstep.Host, error) {
	return hostRow(tx.QueryRow(`SELECT `+hostColumns+` FROM host WHERE arn = $1`, arn), arn)
}

func hostRow(row db.Row, arn lockstep.ARN) (lockstep.Host, error) {
	host, err := scanHost(row)
	return host, notFoundAs(err, NoHost(arn))
}

// Hosts returns a page of the caller's hosts, oldest first.
func Hosts(tx *db.Tx, account lockstep.AccountID, region string, page db.Page) ([]lockstep.Host, db.Cursor, error) {
	return db.SelectPage(tx, page, scanHost, func(h lockstep.Host) db.Cursor {
		return db.Cursor{Number: db.Millis(h.CreatedAt), Text: string(h.ARN)}
	}, `SELECT `+hostColumns+` FROM host
		WHERE account = $1 AND region = $2 AND (created_at, arn) > ($3, $4)
		ORDER BY created_at, arn LIMIT $5`,
		account, region, page.After.Number, page.After.Text)
}

// LockHost is [Host] that locks the row until the transaction ends. Use it before a
// change or a deletion.
func LockHost(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) (lockstep.Host, error) {
	return hostRow(tx.QueryRow(`SELECT `+hostColumns+` FROM host
		WHERE arn = $1 AND account = $2 AND region = $3`+tx.ForUpdate(), arn, account, region), arn)
}

// InsertHost creates a host and sets its CreatedAt. OwnCertificate is not written;
// see [UpdateHost]. The error is Exists if the ARN is taken.
func InsertHost(tx *db.Tx, host *lockstep.Host) error {
	vpc, err := encodeVPC(host.VPC)
	if err != nil {
		return err
	}

	host.CreatedAt = tx.Now
	changed, err := tx.Exec(`INSERT INTO host (`+newHostColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
		host.ARN, host.Account, host.Region, host.Name, host.ProviderType, host.Endpoint, host.Status,
		host.StatusMessage, vpc, db.Millis(host.CreatedAt))
	if err == nil && changed == 0 {
		return lockstep.Errorf(lockstep.Exists, "Host already exists: %s", host.ARN)
	}

	return err
}

// UpdateHost writes a host's endpoint, status, VPC configuration and own
// certificate. The error is NotFound if it does not exist.
func UpdateHost(tx *db.Tx, host lockstep.Host) error {
	vpc, err := encodeVPC(host.VPC)
	if err != nil {
		return err
	}
	changed, err := tx.Exec(`UPDATE host SET endpoint = $2, status = $3, status_message = $4, vpc = $5, certificate = $6
		WHERE
		arn = $1`,
		host.ARN, host.Endpoint, host.Status, host.StatusMessage, vpc, host.OwnCertificate)
	if err == nil && changed == 0 {
		return NoHost(host.ARN)
	}
	return err
}

func encodeVPC(vpc *lockstep.VPCConfiguration) (*string, error) {
	if vpc == nil {
		return nil, nil // NULL
	}
	encoded, err := json.Marshal(vpc)
	if err != nil {
		return nil, fmt.Errorf("encode VPC configuration: %w", err)
	}
	text := string(encoded)
	return &text, nil
}

// DeleteHost deletes a host of the caller and its tags. The error is NotFound if
// there is none, and InUse while a connection uses it.
func DeleteHost(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) error {
	if _, err := LockHost(tx, account, region, arn); err != nil {
		return err
	}

	var used int
	if err := tx.QueryRow(`SELECT count(*) FROM connection WHERE host_arn = $1`, arn).Scan(&used); err != nil {
		return err
	}
	if used > 0 {
		return lockstep.Errorf(lockstep.InUse,
			"Host %s is used by %s. Delete these before the host.", arn, pluralize(used, "connection"))
	}

	if err := deleteTags(tx, arn); err != nil {
		return err
	}

	_, err := tx.Exec(`DELETE FROM host WHERE arn = $1`, arn)
	return err
}

func scanHost(row db.Scanner) (lockstep.Host, error) {
	var host lockstep.Host
	var vpc *string
	var created int64
	err := row.Scan(&host.ARN, &host.Account, &host.Region, &host.Name, &host.ProviderType, &host.Endpoint,
		&host.Status, &host.StatusMessage, &vpc, &created, &host.OwnCertificate)
	if err != nil {
		return host, err
	}

	host.CreatedAt = db.Time(created)
	if vpc != nil {
		host.VPC = new(lockstep.VPCConfiguration)
		if err := json.Unmarshal([]byte(*vpc), host.VPC); err != nil {
			return host, fmt.Errorf("decode VPC configuration of %s: %w", host.ARN, err)
		}
	}

	return host, nil
}

// pluralize returns a number with its noun, in the singular or the plural.
func pluralize(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
