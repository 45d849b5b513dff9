package syncstate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A committer writes the key that the event of a failure quotes, a server the
// words of an outage. Clients print both on terminals.
func TestAttack26And28AnyTextCanBeKeptAndNoneControlsATerminal(t *testing.T) {
	const poison, kept = "key a\x00b\xff\u202e\u009b\u2028\r", "key a\uFFFDb\uFFFD"
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "9d1e4a3c5b7f60812e4d6a8c0f1b3d5e7f901234")
		attempt := endAttempt(t, database, cfg, lockstep.Failed)
		var got []string
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			if err := syncstate.AddResourceEvents(tx, attempt.ID, lockstep.Event{
				Type:       "SYNC_FAILED",
				Message:    poison,
				ExternalID: poison,
			}); err != nil {
				return err
			}
			if err := syncstate.InsertBlocker(tx, state.ID, poison,
				[]lockstep.Context{{Key: "StackName", Value: poison}}); err != nil {
				return err
			}
			if _, err := store.SetOutage(tx, cfg.LinkID, poison); err != nil {
				return err
			}

			events, err := syncstate.ResourceEvents(tx, attempt.ID)
			if err != nil {
				return err
			}

			b, _, err := syncstate.ActiveBlocker(tx, state.ID)
			last := events[len(events)-1]
			got = []string{last.Message, last.ExternalID, b.CreatedReason, b.Contexts[0].Value}

			return err
		})

		if diff := cmp.Diff([]string{kept, kept, kept, kept}, got); diff != "" {
			t.Error(diff)
		}
	})
}
