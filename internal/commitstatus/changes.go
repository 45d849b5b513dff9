package commitstatus

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// reportDelay is how long after a change the status is reported. Changes that
// happen together, such as those of hundreds of stacks of one commit, are reported
// together.
const reportDelay = 2 * time.Second

// Changes collects over a transaction which commits changed their status. Pass them
// to [Reporter.Enqueue] at its end. The zero value is empty.
type Changes struct {
	list []syncstate.StatusChange
}

// AddDesired adds that a commit is the desired revision of a configuration's
// resource. This creates the commit's report if the configuration publishes its
// status.
func (c *Changes) AddDesired(cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	c.list = append(c.list, syncstate.StatusChange{
		LinkID:       cfg.LinkID,
		Environment:  environmentOf(cfg),
		SHA:          sha,
		Branch:       cfg.Branch,
		CreateReport: cfg.PublishDeploymentStatus == lockstep.Enabled,
	})
}

// AddAttempt adds that an attempt has begun or ended.
func (c *Changes) AddAttempt(attempt syncstate.ResourceAttempt) {
	c.list = append(c.list, syncstate.StatusChange{
		LinkID:      attempt.Configuration.LinkID,
		Environment: environmentOf(attempt.Configuration),
		SHA:         attempt.TargetRevision.SHA,
		Branch:      attempt.TargetRevision.Branch,
	})
}

// environmentOf returns the account and region in which a configuration's resource
// is: the account of its role, or its own if the role names none.
func environmentOf(cfg lockstep.SyncConfiguration) string {
	account := lockstep.AccountID(lockstep.ARN(cfg.RoleARN).Account())
	if !account.Valid() {
		account = cfg.Account
	}
	return string(account) + "/" + cfg.Region
}

// Enqueue makes the reports of the changed commits due and wakes their streams. Call
// it as the last statement of a transaction: it locks rows that all resources of an
// environment share. It uses the database alone, so it neither delays nor fails a
// sync.
func (r *Reporter) Enqueue(tx *db.Tx, changes Changes) error {
	for _, change := range changes.merged() {
		due := tx.Now.Add(reportDelay)
		streamID, wake, err := syncstate.RecordStatusChange(tx, change, due)
		if err != nil {
			return err
		}

		if !wake {
			continue
		}
		if err := r.queue.Wake(tx, reportJob{StreamID: streamID}, due); err != nil {
			return err
		}
	}

	return nil
}

// merged returns each commit and environment once, in the order in which every
// transaction locks them.
func (c Changes) merged() []syncstate.StatusChange {
	byLockOrder := func(a, b syncstate.StatusChange) int {
		return cmp.Or(
			cmp.Compare(a.LinkID, b.LinkID),
			cmp.Compare(a.Environment, b.Environment),
			cmp.Compare(a.SHA, b.SHA),
		)
	}
	list := slices.Clone(c.list)
	slices.SortStableFunc(list, byLockOrder)

	var merged []syncstate.StatusChange
	for _, change := range list {
		if last := len(merged) - 1; last >= 0 && byLockOrder(merged[last], change) == 0 {
			change.CreateReport = change.CreateReport || merged[last].CreateReport
			merged[last] = change
			continue
		}
		merged = append(merged, change)
	}

	return merged
}
