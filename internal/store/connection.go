package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

const connectionColumns = `arn, account, region, name, provider_type, host_arn, status, created_at`

// Connection returns a connection of the caller. The error is NotFound if there is
// none.
func Connection(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) (lockstep.Connection, error) {
	row := tx.QueryRow(`SELECT `+connectionColumns+` FROM connection WHERE arn = $1 AND account = $2 AND region = $3`,
		arn, account, region)
	return connectionRow(row, arn)
}

// ConnectionByARN returns a connection of any account. The error is NotFound if
// there is none.
func ConnectionByARN(tx *db.Tx, arn lockstep.ARN) (lockstep.Connection, error) {
	return connectionRow(tx.QueryRow(`SELECT `+connectionColumns+` FROM connection WHERE arn = $1`, arn), arn)
}

func connectionRow(row db.Row, arn lockstep.ARN) (lockstep.Connection, error) {
	c, err := scanConnection(row)
	return c, notFoundAs(err, NoConnection(arn))
}

// LockConnection is [Connection] that locks the row until the transaction ends. Use
// it before a change or a deletion.
func LockConnection(
	tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN,
) (lockstep.Connection, error) {
	return connectionRow(tx.QueryRow(`SELECT `+connectionColumns+` FROM connection
		WHERE arn = $1 AND account = $2 AND region = $3`+tx.ForUpdate(), arn, account, region), arn)
}

// LockConnectionByARN is [ConnectionByARN] that locks the row until the transaction
// ends.
func LockConnectionByARN(tx *db.Tx, arn lockstep.ARN) (lockstep.Connection, error) {
	return connectionRow(tx.QueryRow(`SELECT `+connectionColumns+` FROM connection WHERE arn = $1`+tx.ForUpdate(), arn),
		arn)
}

// A ConnectionFilter selects connections; "" selects all.
type ConnectionFilter struct {
	ProviderType lockstep.ProviderType
	HostARN      lockstep.ARN
}

// Connections returns a page of the caller's connections, oldest first.
func Connections(
	tx *db.Tx, account lockstep.AccountID, region string, filter ConnectionFilter, page db.Page,
) ([]lockstep.Connection, db.Cursor, error) {
	return db.SelectPage(tx, page, scanConnection, func(c lockstep.Connection) db.Cursor {
		return db.Cursor{Number: db.Millis(c.CreatedAt), Text: string(c.ARN)}
	}, `SELECT `+connectionColumns+` FROM connection
		WHERE account = $1 AND region = $2 AND (created_at, arn) > ($3, $4)
		AND ($5 = '' OR provider_type = $5) AND ($6 = '' OR host_arn = $6)
		ORDER BY created_at, arn LIMIT $7`,
		account, region, page.After.Number, page.After.Text, filter.ProviderType, filter.HostARN)
}

// ConnectionOfLink returns the connection of a link and its status, without a lock.
// The error is NotFound if there is no such link.
func ConnectionOfLink(tx *db.Tx, linkID string) (arn lockstep.ARN, status lockstep.ConnectionStatus, err error) {
	err = tx.QueryRow(`SELECT c.arn, c.status FROM repository_link l
		JOIN connection c ON c.arn = l.connection_arn WHERE l.id = $1`, linkID).Scan(&arn, &status)
	return arn, status, notFoundAs(err, NoLink(linkID))
}

// InsertConnection creates a connection and sets its CreatedAt. The error is
// NotFound if its host does not exist, and Exists if its ARN is taken.
func InsertConnection(tx *db.Tx, connection *lockstep.Connection) error {
	var host *lockstep.ARN
	if connection.HostARN != "" {
		host = &connection.HostARN
	}

	connection.CreatedAt = tx.Now
	changed, err := tx.Exec(`INSERT INTO connection (`+connectionColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		connection.ARN, connection.Account, connection.Region, connection.Name, connection.ProviderType, host,
		connection.Status, db.Millis(connection.CreatedAt))
	if db.IsForeignKey(err) {
		return NoHost(connection.HostARN)
	}

	if err == nil && changed == 0 {
		return lockstep.Errorf(lockstep.Exists, "Connection already exists: %s", connection.ARN)
	}

	return err
}

// SetConnectionStatus sets the status of a connection. The error is NotFound if
// there is no such connection.
func SetConnectionStatus(tx *db.Tx, arn lockstep.ARN, status lockstep.ConnectionStatus) error {
	changed, err := tx.Exec(`UPDATE connection SET status = $2 WHERE arn = $1`, arn, status)
	if err == nil && changed == 0 {
		return NoConnection(arn)
	}
	return err
}

// DeleteCredentialsOfHost deletes the credentials and pending authorizations of all
// connections of a host, and makes them PENDING: a credential must not be sent to
// another endpoint than it was entered for. It waits for a credential that is being
// stored under [LockConnection], and deletes it too.
func DeleteCredentialsOfHost(tx *db.Tx, host lockstep.ARN) error {
	_, err := tx.Exec(`UPDATE connection SET status = $2 WHERE host_arn = $1`, host, lockstep.ConnectionPending)
	if err != nil {
		return err
	}

	// After the locks of the connections, these statements see what was stored
	// under them.
	for _, table := range []string{"credential", "connection_check", "pending_authorization"} {
		_, err := tx.Exec(`DELETE FROM `+table+
			` WHERE connection_arn IN (SELECT arn FROM connection WHERE host_arn = $1)`,
			host)
		if err != nil {
			return err
		}
	}

	return nil
}

// DeleteConnection deletes a connection of the caller with its credential and tags.
// The error is NotFound if there is none, and InUse while a repository link uses it.
func DeleteConnection(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) error {
	if _, err := LockConnection(tx, account, region, arn); err != nil {
		return err
	}

	var used int
	row := tx.QueryRow(`SELECT count(*) FROM repository_link WHERE connection_arn = $1`, arn)
	if err := row.Scan(&used); err != nil {
		return err
	}
	if used > 0 {
		return lockstep.Errorf(lockstep.InUse,
			"Connection %s is used by %s. Delete these before the connection.", arn, pluralize(used, "repository link"))
	}

	if err := deleteTags(tx, arn); err != nil {
		return err
	}

	_, err := tx.Exec(`DELETE FROM connection WHERE arn = $1`, arn)
	return err
}

func scanConnection(row db.Scanner) (lockstep.Connection, error) {
	var connection lockstep.Connection
	var host *lockstep.ARN
	var created int64
	err := row.Scan(&connection.ARN, &connection.Account, &connection.Region, &connection.Name,
		&connection.ProviderType, &host, &connection.Status, &created)
	if err != nil {
		return connection, err
	}

	connection.CreatedAt = db.Time(created)
	if host != nil {
		connection.HostARN = *host
	}

	return connection, nil
}
