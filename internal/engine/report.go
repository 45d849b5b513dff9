package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// reportWork is the wake-up of a report lane.
type reportWork struct {
	LaneID int64 `json:"lane"`
}

// Kind names the job.
func (reportWork) Kind() string { return "commit_report" }

// News is told that much after it happened, so that what happens at once, as to
// hundreds of stacks of one commit, is told at once.
const reportPause = 2 * time.Second

// environment names where what a configuration syncs is: the account of its role,
// or its own where the role names none, and its region.
func environment(cfg lockstep.SyncConfiguration) string {
	account := lockstep.AccountID(lockstep.ARN(cfg.RoleARN).Account())
	if !account.Valid() {
		account = cfg.Account
	}
	return string(account) + "/" + cfg.Region
}

// news collects, over a transaction, to which commits something happened that
// their Git host may be told of. It is spread as the last thing that the
// transaction does, because it locks what all resources of an environment share.
type news []syncstate.StatusChange

// desired adds that a commit is what a configuration's resource should be now. Its
// report begins with that, where the configuration asks for one.
func (n *news) desired(cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	*n = append(*n, syncstate.StatusChange{LinkID: cfg.LinkID, Environment: environment(cfg), SHA: sha, Branch: cfg.Branch,
		CreateReport: cfg.PublishDeploymentStatus == lockstep.Enabled})
}

// attempted adds that an attempt has begun or ended. What it changes of a report
// is found out when that is looked at.
func (n *news) attempted(a syncstate.ResourceAttempt) {
	*n = append(*n, syncstate.StatusChange{LinkID: a.Configuration.LinkID, Environment: environment(a.Configuration),
		SHA: a.TargetRevision.SHA, Branch: a.TargetRevision.Branch})
}

// spread makes the reports due that the news is for, and wakes their lanes.
// Nothing but the database is asked, so no report can fail or delay a sync.
func (e *Engine) spread(tx *db.Tx, n news) error {
	for _, one := range n.merged() {
		due := tx.Now.Add(reportPause)
		lane, wake, err := syncstate.RecordStatusChange(tx, one, due)
		if err != nil {
			return err
		}

		if !wake {
			continue
		}
		if err := e.queue.Wake(tx, reportWork{LaneID: lane}, due); err != nil {
			return err
		}
	}

	return nil
}

// merged gives each commit and environment once, in the order in which all
// transactions lock them.
func (n news) merged() news {
	place := func(a, b syncstate.StatusChange) int {
		return cmp.Or(cmp.Compare(a.LinkID, b.LinkID), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.SHA, b.SHA))
	}
	list := slices.Clone(n)
	slices.SortStableFunc(list, place)
	var once news
	for _, one := range list {
		if last := len(once) - 1; last >= 0 && place(once[last], one) == 0 {
			one.CreateReport = one.CreateReport || once[last].CreateReport
			once[last] = one
			continue
		}
		once = append(once, one)
	}

	return once
}
