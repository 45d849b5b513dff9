package cfnstack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

func TestPlanHasTheChangesOfTheSandbox(t *testing.T) {
	driver := newDriver(t, sandboxURL(t, time.Nanosecond))
	create := drive(t, driver, stackFiles(topicTemplate), nil)
	want := &lockstep.Plan{
		ID:         create.Attempt.Intent,
		Name:       "lockstep-" + create.Attempt.ID + "-1",
		Changes:    []lockstep.ProposedChange{{Action: "Add", LogicalID: "Topic", ResourceType: "AWS::SNS::Topic"}},
		Parameters: []lockstep.ValueChange{{Name: "Password", Masked: true}, {Name: "Title", After: "one"}},
	}
	if diff := cmp.Diff(want, create.Plan); diff != "" {
		t.Errorf("a creation (-want +got):\n%s", diff)
	}

	files := targettest.Files(map[string]string{
		"web.yaml": "template-file-path: t.yaml\nparameters: {Title: two}\n",
		"t.yaml":   topicTemplate,
	})
	update := drive(t, driver, files, create.End.Baseline)
	if update.Plan == nil || len(update.Plan.Changes) != 1 {
		t.Fatalf("an update: %+v", update.Plan)
	}

	got := update.Plan.Changes[0]
	if got.PhysicalID == "" {
		t.Error("no physical id")
	}

	got.PhysicalID = ""
	var causes []string
	for _, detail := range got.Details {
		if detail.Attribute != "Properties" || detail.Name != "DisplayName" || detail.RequiresRecreation != "Never" {
			t.Errorf("detail %+v", detail)
		}
		causes = append(causes, detail.ChangeSource+" "+detail.CausingEntity)
	}

	if diff := cmp.Diff([]string{"DirectModification ", "ParameterReference Title"}, causes); diff != "" {
		t.Errorf("causes %v", causes)
	}

	got.Details = nil
	wantChange := lockstep.ProposedChange{
		Action:       "Modify",
		LogicalID:    "Topic",
		ResourceType: "AWS::SNS::Topic",
		Replacement:  "False",
		Scope:        []string{"Properties"},
	}
	if diff := cmp.Diff(wantChange, got); diff != "" {
		t.Errorf("an update (-want +got):\n%s", diff)
	}

	same := drive(t, driver, files, update.End.Baseline)
	if same.Plan != nil {
		t.Errorf("nothing to change: %+v", same.Plan)
	}
}

func TestPlanHasTheChangesOfMoto(t *testing.T) {
	url := motoURL(t)
	cfg := motoConfiguration(t)
	files := stackFiles(fmt.Sprintf(parameterTemplate, cfg.ResourceName, "x"))
	run := targettest.Drive(t, newDriver(t, url), targettest.NewAttempt(t, cfg, files, nil), false)
	if run.Plan == nil {
		t.Fatalf("no plan after %v", run.Types())
	}

	got := map[string]string{}
	for _, change := range run.Plan.Changes {
		got[change.LogicalID] = change.Action + " " + change.ResourceType
	}

	want := map[string]string{"Topic": "Add AWS::SNS::Topic", "Setting": "Add AWS::SSM::Parameter"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// changePage returns a page of a change set that can be executed.
func changePage(token string, changes ...string) answer {
	return result("DescribeChangeSet",
		"<ChangeSetId>"+changeSetARN+"</ChangeSetId><StackId>"+stackARN+"</StackId><StackName>web</StackName>"+
			"<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>"+
			"<CreationTime>"+changeSetTime+"</CreationTime><Changes>"+strings.Join(changes, "")+"</Changes>"+token)
}

func change(logical, more string) string {
	return "<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>" + logical +
		"</LogicalResourceId><ResourceType>AWS::SNS::Topic</ResourceType>" + more + "</ResourceChange></member>"
}

const nextToken = "<NextToken>more</NextToken>"

// planOf returns the plan of an attempt whose change set has certain pages.
func planOf(t *testing.T, f *fake, files targettest.Tree, pages ...answer) *lockstep.Plan {
	t.Helper()
	f.respond("DescribeChangeSet", append([]answer{noChangeSet()}, pages...)...)
	run := targettest.DriveToIntent(t, f.driver(), f.attempt(files, nil))
	if run.Plan == nil || run.Plan.ID != changeSetARN {
		t.Fatalf("plan %+v", run.Plan)
	}
	return run.Plan
}

func TestPlanFollowsPages(t *testing.T) {
	fake := newFake(t)
	hook := "<member><Type>Resource</Type></member>"
	pages := []answer{changePage(nextToken, change("A", ""), hook), changePage(nextToken),
		changePage("", change("B", ""))}
	plan := planOf(t, fake, plainFiles(), pages...)
	if len(plan.Changes) != 2 || plan.Changes[1].LogicalID != "B" {
		t.Errorf("changes %+v, want A and B", plan.Changes)
	}
	if plan.Truncated {
		t.Error("the plan is truncated")
	}

	calls := fake.called("DescribeChangeSet")
	last := calls[len(calls)-1]
	if got := last.Get("NextToken"); got != "more" {
		t.Errorf("the last page is requested with the token %q, want more", got)
	}
	if got := last.Get("ChangeSetName"); got != changeSetARN {
		t.Errorf("the last page is of change set %q, want %q", got, changeSetARN)
	}
	if last.Has("IncludePropertyValues") && last.Get("IncludePropertyValues") != "" {
		t.Errorf("the request includes property values: %v", last)
	}
}

func TestPlanIsTruncatedAtItsLimits(t *testing.T) {
	many := make([]string, lockstep.MaxChanges/2+1)
	for i := range many {
		many[i] = change(fmt.Sprint("R", i), "")
	}

	long := "<PhysicalResourceId>" + strings.Repeat("x", 10_000) + "</PhysicalResourceId>"
	detail := "<member><ChangeSource>DirectModification</ChangeSource></member>"
	details := "<Details>" + strings.Repeat(detail, lockstep.MaxChangeDetails+1) + "</Details>"
	for name, test := range map[string]struct {
		pages   []answer
		changes int
		cut     bool
	}{
		"changes": {
			pages:   []answer{changePage(nextToken, many...), changePage("", many...)},
			changes: lockstep.MaxChanges,
			cut:     true,
		},
		"details":     {[]answer{changePage("", change("A", details))}, 1, true},
		"empty pages": {[]answer{changePage(nextToken)}, 0, true},
		"a page that fails": {
			pages:   []answer{changePage(nextToken, change("A", "")), errorAnswer(400, "ValidationError", "")},
			changes: 1,
			cut:     true,
		},
		"as many as can be": {
			pages:   []answer{changePage("", append(many[:250:250], many[:250]...)...)},
			changes: lockstep.MaxChanges,
			cut:     false,
		},
		"a text that is cut": {[]answer{changePage("", change("A", long))}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			plan := planOf(t, newFake(t), plainFiles(), test.pages...)
			if len(plan.Changes) != test.changes {
				t.Errorf("%d changes, want %d", len(plan.Changes), test.changes)
			}
			if plan.Truncated != test.cut {
				t.Errorf("truncated is %t, want %t", plan.Truncated, test.cut)
			}

			for _, change := range plan.Changes {
				if got := len(change.Details); got > lockstep.MaxChangeDetails {
					t.Errorf("%d details, want at most %d", got, lockstep.MaxChangeDetails)
				}
				if got := len(change.PhysicalID); got > lockstep.MaxChangeText {
					t.Errorf("a physical id of %d bytes, want at most %d", got, lockstep.MaxChangeText)
				}
			}
		})
	}
}

func TestPlanHasNoSecretAndNoValue(t *testing.T) {
	physicalID := strings.Repeat("x", lockstep.MaxChangeText-8) + canary
	hidden := "<PhysicalResourceId>" + physicalID + "</PhysicalResourceId>" +
		"<Details><member><CausingEntity>Password</CausingEntity>" +
		"<Target><Attribute>Properties</Attribute><Name>Secret</Name><Path>/Properties/" + canary + "</Path>" +
		"<BeforeValue>before-value</BeforeValue><AfterValue>after-value</AfterValue></Target></member></Details>" +
		"<BeforeContext>before-value</BeforeContext><AfterContext>after-value</AfterContext>"
	files := withParameters("parameters: {Password: " + canary + "}")
	plan := planOf(t, newFake(t), files, changePage("", change("A", hidden)))
	want := []lockstep.ProposedChange{{Action: "Modify", LogicalID: "A", ResourceType: "AWS::SNS::Topic",
		Details: []lockstep.ChangeDetail{{Attribute: "Properties", Name: "Secret", CausingEntity: "Password"}}}}
	if diff := cmp.Diff(want, plan.Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanIsForgottenWithItsChangeSet(t *testing.T) {
	f := newFake(t)
	run := targettest.DriveToIntent(t, f.driver(), f.attempt(plainFiles(), nil))
	f.respond("DescribeChangeSet", changeSet("CREATE_COMPLETE", "OBSOLETE", ""))
	step, err := f.driver().Advance(t.Context(), run.Attempt)
	if err != nil || step.Plan == nil || step.Plan.ID != "" {
		t.Errorf("plan %+v, %v", step.Plan, err)
	}
}
