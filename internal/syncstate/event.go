package syncstate

import (
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// AddRepositoryEvents appends events to a repository sync attempt. An event
// without a time gets that of the transaction.
func AddRepositoryEvents(tx *db.Tx, attemptID string, events ...lockstep.Event) error {
	return addEvents(tx, &attemptID, nil, events)
}

// AddResourceEvents is [AddRepositoryEvents] for a resource sync attempt.
func AddResourceEvents(tx *db.Tx, attemptID string, events ...lockstep.Event) error {
	return addEvents(tx, nil, &attemptID, events)
}

func addEvents(tx *db.Tx, repository, resource *string, events []lockstep.Event) error {
	for _, event := range events {
		at := event.Time
		if at.IsZero() {
			at = tx.Now
		}

		_, err := tx.Exec(`INSERT INTO sync_event (repository_attempt_id, resource_attempt_id, at, type, message,
			external_id)
			VALUES ($1, $2, $3, $4, $5, $6)`, repository, resource, db.Millis(at), event.Type,
			lockstep.Truncate(storableText(event.Message), lockstep.MaxMessage), storableText(event.ExternalID))
		if err != nil {
			return err
		}
	}

	return nil
}

// storableText returns text from outside as it is stored: clients of the API may print
// it on a terminal as it is.
func storableText(text string) string { return lockstep.Sanitize(db.Storable(text)) }

func repositoryEvents(tx *db.Tx, attemptID string) ([]lockstep.Event, error) {
	return db.Select(tx, scanEvent, `SELECT at, type, message, external_id FROM sync_event
		WHERE repository_attempt_id = $1 ORDER BY id`, attemptID)
}

// ResourceEvents returns the events of a resource sync attempt, oldest first.
func ResourceEvents(tx *db.Tx, attemptID string) ([]lockstep.Event, error) {
	return db.Select(tx, scanEvent, `SELECT at, type, message, external_id FROM sync_event
		WHERE resource_attempt_id = $1 ORDER BY id`, attemptID)
}

// LastResourceEvents returns the last limit events of a resource sync attempt,
// oldest first.
func LastResourceEvents(tx *db.Tx, attemptID string, limit int) ([]lockstep.Event, error) {
	list, err := db.Select(tx, scanEvent, `SELECT at, type, message, external_id FROM sync_event
		WHERE resource_attempt_id = $1 ORDER BY id DESC LIMIT $2`, attemptID, limit)
	slices.Reverse(list)
	return list, err
}

func scanEvent(row db.Scanner) (event lockstep.Event, err error) {
	var at int64
	err = row.Scan(&at, &event.Type, &event.Message, &event.ExternalID)
	event.Time = db.Time(at)
	return event, err
}
