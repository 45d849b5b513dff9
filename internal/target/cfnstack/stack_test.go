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
			targettest.CheckError(t, err, test.kind, test.want)
			if step.Checkpoint != nil {
				t.Errorf("the step left the checkpoint %s", step.Checkpoint)
			}
			if calls := len(fake.calls); calls != 1 {
				t.Errorf("%d calls, want 1", calls)
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
	const rest = " by something besides StackSync. " +
		"Disabling syncing to ensure we don't overwrite an important deployment."
	note := func(more string) string { return `{"v":1,"stack":"` + stackARN + `"` + more + `}` }
	modified := sentence + "Fri Jan 02 03:00:00 UTC 2026" + rest
	tests := map[string]struct {
		last   string
		stacks []answer
		want   string // "" is not blocked
	}{
		"no note": {"", []answer{stack("CREATE_COMPLETE", updated)}, ""},
		"same time": {
			last:   note(`,"updated_at":"2026-01-02T03:00:00Z"`),
			stacks: []answer{stack("UPDATE_COMPLETE", updated)},
		},
		"no time any more": {
			last:   note(`,"updated_at":"2026-01-02T03:00:00Z"`),
			stacks: []answer{stack("UPDATE_COMPLETE", "")},
		},
		"accepted": {`{"v":1,"stack":"gone","accepted":true}`, []answer{stack("UPDATE_COMPLETE", updated)}, ""},
		"never updated, then before our end": {
			last:   note(`,"seen_at":"2026-01-02T03:00:01Z"`),
			stacks: []answer{stack("UPDATE_COMPLETE", updated)},
		},
		"never updated, then after our end": {
			last:   note(`,"seen_at":"2026-01-02T02:00:01Z"`),
			stacks: []answer{stack("UPDATE_COMPLETE", updated)},
			want:   modified,
		},
		"updated": {
			last:   note(`,"updated_at":"2026-01-02T02:00:00Z"`),
			stacks: []answer{stack("UPDATE_COMPLETE", updated)},
			want:   modified,
		},
		"deleted": {
			last: note(""),
			stacks: []answer{
				noStack(),
				stack("DELETE_COMPLETE", "<DeletionTime>2026-11-22T04:05:06Z</DeletionTime>"),
			},
			want: sentence + "Sun Nov 22 04:05:06 UTC 2026" + rest,
		},
		"replaced": {
			last:   `{"v":1,"stack":"` + nestedARN + `"}`,
			stacks: []answer{stack("CREATE_COMPLETE", ""), noStack()},
			want:   "Target " + nestedARN + " was modified at time Thu Jan 01 00:00:00 UTC 2026" + rest,
		},
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

			if got := len(lockstepErr.Contexts); got != 4 {
				t.Errorf("%d contexts, want 4: %v", got, lockstepErr.Contexts)
			}
			if want := (lockstep.Context{Key: "StackName", Value: "web"}); lockstepErr.Contexts[0] != want {
				t.Errorf("the first context is %v, want %v", lockstepErr.Contexts[0], want)
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
