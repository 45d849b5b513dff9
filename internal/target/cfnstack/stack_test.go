package cfnstack_test

import (
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

func TestAdvanceExplainsTheStatesThatAStackCannotBeChangedIn(t *testing.T) {
	tests := map[string]struct {
		kind lockstep.Kind
		want string
	}{
		"ROLLBACK_COMPLETE":                            {lockstep.Blocked, "Delete it, then resolve this blocker."},
		"ROLLBACK_FAILED":                              {lockstep.Blocked, "is ROLLBACK_FAILED"},
		"DELETE_FAILED":                                {lockstep.Blocked, "is DELETE_FAILED"},
		"IMPORT_ROLLBACK_FAILED":                       {lockstep.Blocked, "is IMPORT_ROLLBACK_FAILED"},
		"UPDATE_ROLLBACK_FAILED":                       {lockstep.Blocked, "continue-update-rollback --stack-name web"},
		"UPDATE_IN_PROGRESS":                           {lockstep.Unavailable, "Stack web is UPDATE_IN_PROGRESS"},
		"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": {lockstep.Unavailable, "waiting"},
		"DELETE_IN_PROGRESS":                           {lockstep.Unavailable, "Stack web is DELETE_IN_PROGRESS"},
	}
	for status, test := range tests {
		t.Run(status, func(t *testing.T) {
			fake := newFake(t)
			fake.respond("DescribeStacks", stack(status, ""))
			step, err := fake.driver().Advance(t.Context(), fake.attempt(plainFiles(), nil))
			if lockstep.KindOf(err) != test.kind || !strings.Contains(lockstep.Shown(err), test.want) {
				t.Errorf("got %v, %v", lockstep.KindOf(err), err)
			}

			if step.Checkpoint != nil || len(fake.calls) != 1 {
				t.Errorf("%d calls, memory %s", len(fake.calls), step.Checkpoint)
			}
		})
	}
}

func TestAdvanceCreatesAStackThatIsMissingOrInReview(t *testing.T) {
	for name, test := range map[string]struct {
		stack answer
		want  string
	}{
		"missing":   {noStack(), "CREATE"},
		"in review": {stack("REVIEW_IN_PROGRESS", ""), "CREATE"},
		"imported":  {stack("IMPORT_COMPLETE", ""), "UPDATE"},
		"failed":    {stack("UPDATE_FAILED", ""), "UPDATE"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake(t)
			fake.respond("DescribeStacks", test.stack)
			targettest.DriveToIntent(t, fake.driver(), fake.attempt(plainFiles(), nil))

			if got := fake.called("CreateChangeSet")[0].Get("ChangeSetType"); got != test.want {
				t.Errorf("change set type %s, want %s", got, test.want)
			}
		})
	}
}

func TestAdvanceIsBlockedByChangesOfOthers(t *testing.T) {
	const updated = "<LastUpdatedTime>2026-01-02T03:00:00Z</LastUpdatedTime>"
	const sentence = "Target " + stackARN + " was modified at time "
	const rest = " by something besides StackSync. Disabling syncing to ensure we don't overwrite an important deployment."
	tests := map[string]struct {
		last   string
		stacks []answer
		want   string // "" is not blocked
	}{
		"no note":          {"", []answer{stack("CREATE_COMPLETE", updated)}, ""},
		"same time":        {`{"v":1,"stack":"` + stackARN + `","updated_at":"2026-01-02T03:00:00Z"}`, []answer{stack("UPDATE_COMPLETE", updated)}, ""},
		"no time any more": {`{"v":1,"stack":"` + stackARN + `","updated_at":"2026-01-02T03:00:00Z"}`, []answer{stack("UPDATE_COMPLETE", "")}, ""},
		"accepted":         {`{"v":1,"stack":"gone","accepted":true}`, []answer{stack("UPDATE_COMPLETE", updated)}, ""},
		"never updated, then before our end": {
			`{"v":1,"stack":"` + stackARN + `","seen_at":"2026-01-02T03:00:01Z"}`, []answer{stack("UPDATE_COMPLETE", updated)}, ""},
		"never updated, then after our end": {
			`{"v":1,"stack":"` + stackARN + `","seen_at":"2026-01-02T02:00:01Z"}`, []answer{stack("UPDATE_COMPLETE", updated)},
			sentence + "Fri Jan 02 03:00:00 UTC 2026" + rest},
		"updated": {
			`{"v":1,"stack":"` + stackARN + `","updated_at":"2026-01-02T02:00:00Z"}`, []answer{stack("UPDATE_COMPLETE", updated)},
			sentence + "Fri Jan 02 03:00:00 UTC 2026" + rest},
		"deleted": {
			`{"v":1,"stack":"` + stackARN + `"}`,
			[]answer{noStack(), stack("DELETE_COMPLETE", "<DeletionTime>2026-11-22T04:05:06Z</DeletionTime>")},
			sentence + "Sun Nov 22 04:05:06 UTC 2026" + rest},
		"replaced": {
			`{"v":1,"stack":"` + nestedARN + `"}`, []answer{stack("CREATE_COMPLETE", ""), noStack()},
			"Target " + nestedARN + " was modified at time Thu Jan 01 00:00:00 UTC 2026" + rest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.respond("DescribeStacks", test.stacks...)
			_, err := f.driver().Advance(t.Context(), f.attempt(plainFiles(), []byte(test.last)))
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}

			lockstepErr, ok := err.(*lockstep.Error)
			if !ok || lockstepErr.Kind != lockstep.Blocked || lockstepErr.Message != test.want {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}

			if len(lockstepErr.Contexts) != 4 || lockstepErr.Contexts[0] != (lockstep.Context{Key: "StackName", Value: "web"}) {
				t.Errorf("contexts %v", lockstepErr.Contexts)
			}
		})
	}
}

func TestNewRefusesInvalidEndpoints(t *testing.T) {
	for _, url := range []string{"ftp://x", "localhost:5555", "http://", "http://user:secret@host", "://"} {
		_, err := cfnstack.New(cfnstack.Options{Target: url})
		if lockstep.KindOf(err) != lockstep.Invalid || err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
