package syncstate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// recordChange records a status change of a commit, due some seconds from now. It returns
// the stream, and whether its worker has to be woken.
func recordChange(t testing.TB, d *db.DB, link, sha string, seconds int, begin bool) (stream int64, wake bool) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) (err error) {
		n := syncstate.StatusChange{LinkID: link, Environment: "e", SHA: lockstep.SHA(sha), Branch: "main",
			CreateReport: begin}
		stream, wake, err = syncstate.RecordStatusChange(tx, n, tx.Now.Add(time.Duration(seconds)*time.Second))
		return err
	})
	return stream, wake
}

// dueReports returns the due reports of a stream, and their commits.
func dueReports(t testing.TB, d *db.DB, stream int64) (due []syncstate.StatusReport, shas []string) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) (err error) {
		due, err = syncstate.DueStatusReports(tx, stream, 10)
		return err
	})
	for _, r := range due {
		shas = append(shas, string(r.SHA))
	}
	return due, shas
}

func saveReport(t testing.TB, d *db.DB, r syncstate.StatusReport) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.SaveStatusReport(tx, r, tx.Now.Add(time.Hour)) })
}

func TestAStatusChangeCreatesAReportOnlyIfRequested(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1).ID
		if _, wake := recordChange(t, database, link, "a", 0, false); wake {
			t.Error("a missing stream is woken")
		}

		stream, wake := recordChange(t, database, link, "a", 60, true)
		if !wake {
			t.Error("the first change wakes no worker")
		}

		if _, wake := recordChange(t, database, link, "b", 0, false); wake {
			t.Error("a missing report wakes its stream")
		}

		if _, wake := recordChange(t, database, link, "a", 90, true); wake {
			t.Error("a later change wakes a worker for what is due earlier")
		}

		if _, wake := recordChange(t, database, link, "a", 30, false); !wake {
			t.Error("an earlier change wakes no worker")
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			at, ok, err := syncstate.NextStatusReportDue(tx, stream)
			if soon := at.Sub(tx.Now); !ok || soon > 30*time.Second || soon < 20*time.Second {
				t.Errorf("the next is due in %s", soon)
			}
			return err
		})
	})
}

func TestNoReportOvertakesAnOlderOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1).ID
		stream, _ := recordChange(t, database, link, "a", 600, true)
		recordChange(t, database, link, "b", 600, true)

		if _, shas := dueReports(t, database, stream); shas != nil {
			t.Errorf("due before its time: %s", shas)
		}

		recordChange(t, database, link, "c", -1, true)
		due, shas := dueReports(t, database, stream)
		if diff := cmp.Diff([]string{"a", "b", "c"}, shas); diff != "" {
			t.Fatal(diff)
		}

		a := due[0]
		a.SeenSeq, a.State, a.Summary, a.DriverState, a.DueAt = a.ChangeSeq, "running", "1 stack to sync", []byte("m"),
			time.Now().Add(time.Hour)
		saveReport(t, database, a)

		if _, shas := dueReports(t, database, stream); len(shas) != 2 {
			t.Errorf("what was seen and has time is due again: %s", shas)
		}
	})
}

func TestAConcurrentStatusChangeIsNotLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1).ID
		stream, _ := recordChange(t, database, link, "a", -1, true)
		due, _ := dueReports(t, database, stream)
		report := due[0]
		report.SeenSeq, report.State, report.DueAt = report.ChangeSeq, "succeeded", time.Time{}
		recordChange(t, database, link, "a", -1, false)
		saveReport(t, database, report)
		next := func() (is bool) {
			storetest.Update(t, database, func(tx *db.Tx) (err error) {
				_, is, err = syncstate.NextStatusReportDue(tx, stream)
				return err
			})
			return is
		}
		if !next() {
			t.Error("a change during the first report is lost")
		}

		report.SeenSeq++
		saveReport(t, database, report)
		if next() {
			t.Error("something is due after all was seen")
		}

		if report.SeenSeq++; database.Update(t.Context(), func(tx *db.Tx) error {
			return syncstate.SaveStatusReport(tx, report, tx.Now)
		}) == nil {
			t.Error("more was seen than happened")
		}
	})
}

func TestAWorkerThatLostItsLeaseIsDetectedByTheEpoch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		stream, _ := recordChange(t, database, storetest.InsertLink(t, database, 1).ID, "a", 0, true)
		storetest.Update(t, database, func(tx *db.Tx) error {
			taken, err := syncstate.AcquireReportStreamLease(tx, stream)
			if err != nil {
				return err
			}

			taken.Tries, taken.NotBefore = 3, tx.Now.Add(time.Hour)
			if err := syncstate.SaveReportStream(tx, taken); err != nil {
				return err
			}

			got, err := syncstate.LockReportStream(tx, stream)
			if diff := cmp.Diff(taken, got); diff != "" || got.Epoch != 1 || got.Environment != "e" {
				t.Error(diff)
			}

			return err
		})

		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			_,
				err := syncstate.AcquireReportStreamLease(tx, stream+1)
			return err
		})
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			_,
				err := syncstate.LockReportStream(tx, stream+1)
			return err
		})
	})
}

func TestOverdueStreamsExcludeThoseInBackoff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		overdue := func() (list []int64) {
			storetest.Update(t, database, func(tx *db.Tx) (err error) {
				list, err = syncstate.OverdueReportStreams(tx, 10)
				return err
			})
			return list
		}

		recordChange(t, database, storetest.InsertLink(t, database, 1).ID, "a", 600, true)
		stream, _ := recordChange(t, database, storetest.InsertLink(t, database, 2).ID, "a", -1, true)
		if diff := cmp.Diff([]int64{stream}, overdue()); diff != "" {
			t.Error(diff)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return syncstate.SaveReportStream(tx, syncstate.ReportStream{ID: stream, NotBefore: tx.Now.Add(time.Hour)})
		})
		if list := overdue(); len(list) != 0 {
			t.Errorf("overdue: %v", list)
		}
	})
}

func TestTheLastThousandReportsAreKeptForAMonth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1).ID
		stream, _ := recordChange(t, database, link, "a", 0, true)
		storetest.Update(t, database, func(tx *db.Tx) error {
			for i := range 1249 {
				if _, err := tx.Exec(`INSERT INTO status_report (stream_id, sha, branch, changed_at)
					VALUES ($1, $2, 'main', $3)`,
					stream, fmt.Sprint(i), db.Millis(tx.Now)); err != nil {
					return err
				}
			}

			return nil
		})
		forget := func() (count int) {
			storetest.Update(t, database, func(tx *db.Tx) error {
				if err := syncstate.DeleteOldStatusReports(tx, stream); err != nil {
					return err
				}
				return tx.QueryRow(`SELECT count(*) FROM status_report`).Scan(&count)
			})

			return count
		}
		if diff := cmp.Diff([]int{1150, 1050, 1000, 1000}, []int{forget(), forget(), forget(), forget()}); diff != "" {
			t.Error(diff)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE status_report SET changed_at = $1 WHERE sha >= '1240'`,
				db.Millis(tx.Now.Add(-31*24*time.Hour)))
			if err == nil {
				_, err = tx.Exec(`UPDATE status_report SET changed_at = $1 WHERE sha < '1240'`,
					db.Millis(tx.Now.Add(-29*24*time.Hour)))
			}
			return err
		})

		old := 0
		storetest.Update(t, database, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM status_report WHERE sha >= '1240'`).Scan(&old)
		})
		for range old/100 + 1 {
			forget()
		}

		if count := forget(); count != 1000-old || old == 0 {
			t.Errorf("%d are kept, of %d were %d old", count, 1000, old)
		}
	})
}

func TestReportsAreReadNewestFirstAndDeletedWithTheirLink(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		for _, sha := range []string{"a", "b", "c"} {
			recordChange(t, database, link.ID, sha, 0, true)
		}

		recordChange(t, database, storetest.InsertLink(t, database, 2).ID, "other", 0, true)
		var got []string
		var page db.Page
		for page.Limit = 2; ; {
			var next db.Cursor
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, cursor, err := syncstate.StatusReports(tx, link.ID, page)
				for _, r := range list {
					got = append(got, r.Environment+" "+string(r.SHA))
				}

				next = cursor
				return err
			})
			if page.After = next; next == (db.Cursor{}) {
				break
			}
		}

		if diff := cmp.Diff([]string{"e c", "e b", "e a"}, got); diff != "" {
			t.Error(diff)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.DeleteLink(tx, link.Account, link.Region, link.ID)
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			var n int
			if err := tx.QueryRow(`SELECT count(*) FROM status_report`).Scan(&n); err != nil || n != 1 {
				t.Errorf("%d reports are left, %v", n, err)
			}
			return nil
		})
	})
}
