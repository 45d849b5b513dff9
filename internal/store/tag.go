package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// Tags returns the tags of a host, connection or repository link, sorted by key.
func Tags(tx *db.Tx, arn lockstep.ARN) ([]lockstep.Tag, error) {
	return db.Select(tx, scanTag, `SELECT key, value FROM tag WHERE arn = $1 ORDER BY key LIMIT 1000`, arn)
}

func scanTag(row db.Scanner) (tag lockstep.Tag, err error) {
	err = row.Scan(&tag.Key, &tag.Value)
	return tag, err
}

// SetTags adds tags to a resource, or replaces their values.
func SetTags(tx *db.Tx, arn lockstep.ARN, tags []lockstep.Tag) error {
	for _, t := range tags {
		_, err := tx.Exec(`INSERT INTO tag (arn, key, value) VALUES ($1, $2, $3)
			ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value`, arn, t.Key, t.Value)
		if err != nil {
			return err
		}
	}
	return nil
}

// RemoveTags removes tags from a resource by key. Missing keys are ignored.
func RemoveTags(tx *db.Tx, arn lockstep.ARN, keys []string) error {
	for _, key := range keys {
		if _, err := tx.Exec(`DELETE FROM tag WHERE arn = $1 AND key = $2`, arn, key); err != nil {
			return err
		}
	}
	return nil
}

func deleteTags(tx *db.Tx, arn lockstep.ARN) error {
	_, err := tx.Exec(`DELETE FROM tag WHERE arn = $1`, arn)
	return err
}
