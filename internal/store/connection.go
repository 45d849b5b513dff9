package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

const connectionColumns = `arn, account, region, name, provider_type, host_arn, status, created_at`

// Connection reads a connection of the caller's. NotFound when there is none.
func Connection(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) (lockstep.Connection, error) {
	row := tx.QueryRow(`SELECT `+connectionColumns+` FROM connection WHERE arn = $1 AND account = $2 AND region = $3`,
		arn, account, region)
	return connectionRow(row, arn)
}

// ConnectionByARN reads a connection whoever it belongs to. NotFound when there
// is none.
func ConnectionByARN(tx *db.Tx, arn lockstep.ARN) (lockstep.Connection, error) {
	return connectionRow(tx.QueryRow(`SELECT `+connectionColumns+` FROM connection WHERE arn = $1`, arn), arn)
}

func connectionRow(row db.Row, arn lockstep.ARN) (lockstep.Connection, error) {
	c, err := scanConnection(row)
	return c, notFoundAs(err, NoConnection(arn))
}

// LockConnection is Connection that keeps the row locked until the transaction
// ends, for whoever is about to change or delete it.
func LockConnection(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) (lockstep.Connection, error) {
	return connectionRow(tx.QueryRow(`SELECT `+connectionColumns+` FROM connection
		WHERE arn = $1 AND account = $2 AND region = $3`+tx.ForUpdate(), arn, account, region), arn)
}

// LockConnectionByARN is ConnectionByARN that keeps the row locked until the
// transaction ends.
func LockConnectionByARN(tx *db.Tx, arn lockstep.ARN) (lockstep.Connection, error) {
	return connectionRow(tx.QueryRow(`SELECT `+connectionColumns+` FROM connection WHERE arn = $1`+tx.ForUpdate(), arn), arn)
}

// A ConnectionFilter narrows a list of connections; "" lets all through.
type ConnectionFilter struct {
	ProviderType lockstep.ProviderType
	HostARN      lockstep.ARN
}

// Connections reads a page of the caller's connections, oldest first.
func Connections(tx *db.Tx, account lockstep.AccountID, region string, filter ConnectionFilter, page db.Page) ([]lockstep.Connection, db.Cursor, error) {
	return db.SelectPage(tx, page, scanConnection, func(c lockstep.Connection) db.Cursor {
		return db.Cursor{Number: db.Millis(c.CreatedAt), Text: string(c.ARN)}
	}, `SELECT `+connectionColumns+` FROM connection
		WHERE account = $1 AND region = $2 AND (created_at, arn) > ($3, $4)
		AND ($5 = '' OR provider_type = $5) AND ($6 = '' OR host_arn = $6)
		ORDER BY created_at, arn LIMIT $7`,
		account, region, page.After.Number, page.After.Text, filter.ProviderType, filter.HostARN)
}

// InsertConnection makes a connection; CreatedAt is filled with the
// transaction's time. NotFound when its host is not there, Exists when its ARN is
// taken.
func InsertConnection(tx *db.Tx, connection *lockstep.Connection) error {
	var host *lockstep.ARN
	if connection.HostARN != "" {
		host = &connection.HostARN
	}

	connection.CreatedAt = tx.Now
	changed, err := tx.Exec(`INSERT INTO connection (`+connectionColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		connection.ARN, connection.Account, connection.Region, connection.Name, connection.ProviderType, host, connection.Status, db.Millis(connection.CreatedAt))
	if db.IsForeignKey(err) {
		return NoHost(connection.HostARN)
	}

	if err == nil && changed == 0 {
		return lockstep.Errorf(lockstep.Exists, "Connection already exists: %s", connection.ARN)
	}

	return err
}

// SetConnectionStatus records where the handshake stands. NotFound when there
// is no such connection.
func SetConnectionStatus(tx *db.Tx, arn lockstep.ARN, status lockstep.ConnectionStatus) error {
	n, err := tx.Exec(`UPDATE connection SET status = $2 WHERE arn = $1`, arn, status)
	if err == nil && n == 0 {
		return NoConnection(arn)
	}
	return err
}

// DeleteCredentialsOfHost takes from all connections of a host what they hold and what
// they wait for, and makes them PENDING: what was given for one endpoint must not
// be shown to another. A credential that is being given meanwhile, under LockConnection, is
// waited for and taken as well.
func DeleteCredentialsOfHost(tx *db.Tx, host lockstep.ARN) error {
	_, err := tx.Exec(`UPDATE connection SET status = $2 WHERE host_arn = $1`, host, lockstep.ConnectionPending)
	if err != nil {
		return err
	}

	// Only now: these statements see what the connections' locks were waited for.
	for _, table := range []string{"credential", "connection_check", "pending_authorization"} {
		_, err := tx.Exec(`DELETE FROM `+table+` WHERE connection_arn IN (SELECT arn FROM connection WHERE host_arn = $1)`, host)
		if err != nil {
			return err
		}
	}

	return nil
}

// DeleteConnection removes a connection of the caller's with its credential and
// its tags. NotFound when there is none, InUse while a repository link uses it.
func DeleteConnection(tx *db.Tx, account lockstep.AccountID, region string, arn lockstep.ARN) error {
	if _, err := LockConnection(tx, account, region, arn); err != nil {
		return err
	}

	var used int
	if err := tx.QueryRow(`SELECT count(*) FROM repository_link WHERE connection_arn = $1`, arn).Scan(&used); err != nil {
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
	err := row.Scan(&connection.ARN, &connection.Account, &connection.Region, &connection.Name, &connection.ProviderType, &host, &connection.Status, &created)
	if err != nil {
		return connection, err
	}

	connection.CreatedAt = db.Time(created)
	if host != nil {
		connection.HostARN = *host
	}

	return connection, nil
}
