package store

import (
	"github.com/lockstephq/lockstep/internal/db"
)

// keptChangeSets is how many change sets of a stack are kept that can no longer be
// executed.
const keptChangeSets = 100

// keptEvents is how many events of a stack are kept.
const keptEvents = 2000

// Prune deletes what a new operation on a stack makes useless, so that a stack with a
// long history is as fast as a new one: previous states of resources, previous
// revisions, and unused definitions and change sets. It also deletes all but the last
// events, except those that hold the state of a resource.
func (scope *Scope) Prune(stack *Stack) error {
	steps := []struct {
		sql  string
		args []any
	}{
		{`UPDATE event SET state = NULL WHERE stack_id = $1 AND state IS NOT NULL AND at <= $2 AND (gone = 1 OR seq <
			(SELECT max(l.seq) FROM event l WHERE l.stack_id = $1 AND l.logical_id = event.logical_id
			AND l.state IS NOT NULL AND l.at <= $2))`,
			[]any{stack.ID, scope.Now()}},
		{`DELETE FROM revision WHERE stack_id = $1 AND seq < $2`, []any{stack.ID, stack.revisionSeq}},
		{`DELETE FROM change_set WHERE id IN (SELECT id FROM change_set WHERE stack_id = $1
			AND (status = 'FAILED' OR executed_at IS NOT NULL OR obsolete_at IS NOT NULL)
			ORDER BY id DESC LIMIT -1 OFFSET $2)`,
			[]any{stack.ID, keptChangeSets}},
		{`DELETE FROM definition WHERE stack_id = $1
			AND id NOT IN (SELECT definition_id FROM revision WHERE stack_id = $1 AND definition_id IS NOT NULL)
			AND id NOT IN (SELECT definition_id FROM change_set WHERE stack_id = $1)`, []any{stack.ID}},
		{`DELETE FROM event WHERE stack_id = $1 AND state IS NULL
			AND seq <= (SELECT max(seq) FROM event WHERE stack_id = $1) - $2`, []any{stack.ID, keptEvents}},
	}
	for _, s := range steps {
		if _, err := scope.Tx.Exec(s.sql, s.args...); err != nil {
			return err
		}
	}

	return nil
}

// Purge deletes what is too old to be requested: stacks deleted 90 days ago, events,
// client tokens and expired access keys of that age. AWS keeps stacks and events as
// long.
func Purge(tx *db.Tx) error {
	old := db.Millis(tx.Now.AddDate(0, 0, -90))
	for _, sql := range []string{
		`DELETE FROM stack WHERE deleted_at < $1`,
		`DELETE FROM event WHERE at < $1 AND state IS NULL`,
		`DELETE FROM token WHERE at < $1`,
		`DELETE FROM session WHERE expires_at < $1`,
	} {
		if _, err := tx.Exec(sql, old); err != nil {
			return err
		}
	}

	return nil
}
