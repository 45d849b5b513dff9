package store

import (
	"encoding/json"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

const linkColumns = `id, arn, account, region, connection_arn, owner_id, repository_name,
	provider_type, encryption_key_arn, discovery, created_at`

// Link returns a repository link of the caller. The error is NotFound if there is
// none.
func Link(tx *db.Tx, account lockstep.AccountID, region, id string) (lockstep.RepositoryLink, error) {
	row := tx.QueryRow(`SELECT `+linkColumns+` FROM repository_link WHERE id = $1 AND account = $2 AND region = $3`,
		id, account, region)
	return linkRow(row, id)
}

// LinkByID returns a repository link of any account. The error is NotFound if there
// is none.
func LinkByID(tx *db.Tx, id string) (lockstep.RepositoryLink, error) {
	return linkRow(tx.QueryRow(`SELECT `+linkColumns+` FROM repository_link WHERE id = $1`, id), id)
}

func linkRow(row db.Row, id string) (lockstep.RepositoryLink, error) {
	link, err := scanLink(row)
	return link, notFoundAs(err, NoLink(id))
}

// Links returns a page of the caller's repository links, oldest first.
func Links(
	tx *db.Tx, account lockstep.AccountID, region string, page db.Page,
) ([]lockstep.RepositoryLink, db.Cursor, error) {
	return db.SelectPage(tx, page, scanLink, func(l lockstep.RepositoryLink) db.Cursor {
		return db.Cursor{Number: db.Millis(l.CreatedAt), Text: l.ID}
	}, `SELECT `+linkColumns+` FROM repository_link
		WHERE account = $1 AND region = $2 AND (created_at, id) > ($3, $4)
		ORDER BY created_at, id LIMIT $5`,
		account, region, page.After.Number, page.After.Text)
}

// InsertLink creates a repository link and sets its CreatedAt. It is not polled
// before [StartPolling] or [RequestPoll]. The error is NotFound if its connection does
// not exist, and Exists if the connection has a link to this repository.
func InsertLink(tx *db.Tx, link *lockstep.RepositoryLink) error {
	discovery, err := encodeDiscovery(link.Discovery)
	if err != nil {
		return err
	}

	link.CreatedAt = tx.Now
	changed, err := tx.Exec(`INSERT INTO repository_link (`+linkColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		link.ID, link.ARN, link.Account, link.Region, link.ConnectionARN, link.OwnerID, link.RepositoryName,
		link.ProviderType, link.EncryptionKeyARN, discovery, db.Millis(link.CreatedAt))
	if db.IsForeignKey(err) {
		return NoConnection(link.ConnectionARN)
	}

	if err == nil && changed == 0 {
		return linkExists(*link)
	}

	return err
}

// LockLink is [Link] that locks the row until the transaction ends. Use it before a
// change of the link or of what belongs to it. Repository syncs can still begin: they
// lock a branch, which comes later in the lock order.
func LockLink(tx *db.Tx, account lockstep.AccountID, region, id string) (lockstep.RepositoryLink, error) {
	return lockLink(tx, account, region, id, forNoKeyUpdate(tx))
}

// LockLinkToDelete is [LockLink] that also prevents the insertion of rows that refer
// to the link.
func LockLinkToDelete(tx *db.Tx, account lockstep.AccountID, region, id string) (lockstep.RepositoryLink, error) {
	return lockLink(tx, account, region, id, tx.ForUpdate())
}

func lockLink(tx *db.Tx, account lockstep.AccountID, region, id, lock string) (lockstep.RepositoryLink, error) {
	return linkRow(tx.QueryRow(`SELECT `+linkColumns+` FROM repository_link
		WHERE id = $1 AND account = $2 AND region = $3`+lock, id, account, region), id)
}

// forNoKeyUpdate prevents changes of a row until the transaction ends. Other
// transactions may insert rows that refer to it.
func forNoKeyUpdate(tx *db.Tx) string {
	if tx.Dialect == db.Postgres {
		return " FOR NO KEY UPDATE"
	}
	return ""
}

// UpdateLink writes a link's connection and encryption key ARN. The error is NotFound
// if the link or the connection does not exist, and Exists if that connection has a
// link to this repository already.
func UpdateLink(tx *db.Tx, link lockstep.RepositoryLink) error {
	var taken int
	err := tx.QueryRow(`SELECT count(*) FROM repository_link WHERE account = $1 AND region = $2 AND connection_arn = $3
		AND owner_id = $4 AND repository_name = $5 AND id <> $6`,
		link.Account, link.Region, link.ConnectionARN, link.OwnerID, link.RepositoryName, link.ID).Scan(&taken)
	if err != nil {
		return err
	}

	if taken > 0 {
		return linkExists(link)
	}

	changed, err := tx.Exec(`UPDATE repository_link SET connection_arn = $2, encryption_key_arn = $3 WHERE id = $1`,
		link.ID, link.ConnectionARN, link.EncryptionKeyARN)
	switch {
	case db.IsForeignKey(err):
		return NoConnection(link.ConnectionARN)
	case db.IsUnique(err):
		return linkExists(link)
	case err == nil && changed == 0:
		return NoLink(link.ID)
	}

	return err
}

func linkExists(l lockstep.RepositoryLink) error {
	return lockstep.Errorf(lockstep.Exists, "A repository link to %s already exists for connection: %s",
		l.Path(), l.ConnectionARN)
}

// SetDiscovery sets the discovery of a link; nil turns it off. The error is NotFound
// if there is no such link.
func SetDiscovery(tx *db.Tx, id string, d *lockstep.Discovery) error {
	discovery, err := encodeDiscovery(d)
	if err != nil {
		return err
	}
	changed, err := tx.Exec(`UPDATE repository_link SET discovery = $2 WHERE id = $1`, id, discovery)
	if err == nil && changed == 0 {
		return NoLink(id)
	}
	return err
}

// DeleteLink deletes a repository link of the caller with its tags and the state of
// its branches. The error is NotFound if there is none, and InUse while a sync
// configuration uses it.
func DeleteLink(tx *db.Tx, account lockstep.AccountID, region, id string) error {
	link, err := LockLinkToDelete(tx, account, region, id)
	if err != nil {
		return err
	}

	var used int
	row := tx.QueryRow(`SELECT count(*) FROM sync_configuration WHERE link_id = $1`, link.ID)
	if err := row.Scan(&used); err != nil {
		return err
	}
	if used > 0 {
		return lockstep.Errorf(lockstep.InUse,
			"Repository link:%s is used by %s. Delete these before the link.", link.ID,
			pluralize(used, "sync configuration"))
	}

	if err := deleteTags(tx, link.ARN); err != nil {
		return err
	}

	_, err = tx.Exec(`DELETE FROM repository_link WHERE id = $1`, link.ID)
	return err
}

// TrackedBranches returns the branches of a link's sync configurations and of its
// discovery, sorted and without duplicates.
func TrackedBranches(tx *db.Tx, linkID string) ([]string, error) {
	link, err := LinkByID(tx, linkID)
	if err != nil {
		return nil, err
	}
	discovered := ""
	if link.Discovery != nil {
		discovered = link.Discovery.Branch
	}
	return db.Select(tx, db.ScanValue[string], `SELECT branch FROM sync_configuration WHERE link_id = $1
		UNION SELECT $2 WHERE $2 <> '' ORDER BY 1`, linkID, discovered)
}

func encodeDiscovery(discovery *lockstep.Discovery) (*string, error) {
	if discovery == nil {
		return nil, nil // NULL
	}
	encoded, err := json.Marshal(discovery)
	if err != nil {
		return nil, fmt.Errorf("encode discovery: %w", err)
	}
	text := string(encoded)
	return &text, nil
}

func scanLink(row db.Scanner) (lockstep.RepositoryLink, error) {
	var link lockstep.RepositoryLink
	var discovery *string
	var created int64
	err := row.Scan(&link.ID, &link.ARN, &link.Account, &link.Region, &link.ConnectionARN, &link.OwnerID,
		&link.RepositoryName, &link.ProviderType, &link.EncryptionKeyARN, &discovery, &created)
	if err != nil {
		return link, err
	}

	link.CreatedAt = db.Time(created)
	if discovery != nil {
		link.Discovery = new(lockstep.Discovery)
		if err := json.Unmarshal([]byte(*discovery), link.Discovery); err != nil {
			return link, fmt.Errorf("decode discovery of repository link %s: %w", link.ID, err)
		}
	}

	return link, nil
}
