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
	create := targettest.Drive(t, driver, targettest.NewAttempt(t, configuration("web"), stackFiles(topicTemplate), nil), false)
	want := &lockstep.Plan{ID: create.Attempt.Intent, Name: "lockstep-" + create.Attempt.ID + "-1", Changes: []lockstep.ProposedChange{
		{Action: "Add", LogicalID: "Topic", ResourceType: "AWS::SNS::Topic"},
	}, Parameters: []lockstep.ValueChange{{Name: "Password", Masked: true}, {Name: "Title", After: "one"}}}
	if diff := cmp.Diff(want, create.Plan); diff != "" {
		t.Errorf("a creation (-want +got):\n%s", diff)
	}

	files := targettest.Files(map[string]string{
		"web.yaml": "template-file-path: t.yaml\nparameters: {Title: two}\n", "t.yaml": topicTemplate,
	})
	update := targettest.Drive(t, driver, targettest.NewAttempt(t, configuration("web"), files, create.End.Baseline), false)
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
	if diff := cmp.Diff(lockstep.ProposedChange{Action: "Modify", LogicalID: "Topic", ResourceType: "AWS::SNS::Topic", Replacement: "False",
		Scope: []string{"Properties"}}, got); diff != "" {
		t.Errorf("an update (-want +got):\n%s", diff)
	}

	same := targettest.Drive(t, driver, targettest.NewAttempt(t, configuration("web"), files, update.End.Baseline), false)
	if same.Plan != nil {
		t.Errorf("nothing to change: %+v", same.Plan)
	}
}

func TestPlanHasTheChangesOfMoto(t *testing.T) {
	url := motoURL(t)
	cfg := motoConfiguration(t)
	run := targettest.Drive(t, newDriver(t, url), targettest.NewAttempt(t, cfg, stackFiles(fmt.Sprintf(parameterTemplate, cfg.ResourceName, "x")), nil), false)
	if run.Plan == nil {
		t.Fatalf("no plan after %v", run.Types())
	}

	got := map[string]string{}
	for _, c := range run.Plan.Changes {
		got[c.LogicalID] = c.Action + " " + c.ResourceType
	}

	if diff := cmp.Diff(map[string]string{"Topic": "Add AWS::SNS::Topic", "Setting": "Add AWS::SSM::Parameter"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// changePage returns a page of a change set that can be executed.
func changePage(token string, changes ...string) answer {
	return result("DescribeChangeSet", "<ChangeSetId>"+changeSetARN+"</ChangeSetId><StackId>"+stackARN+"</StackId><StackName>web</StackName>"+
		"<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus><CreationTime>"+changeSetTime+"</CreationTime>"+
		"<Changes>"+strings.Join(changes, "")+"</Changes>"+token)
}

func change(logical, more string) string {
	return "<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>" + logical +
		"</LogicalResourceId><ResourceType>AWS::SNS::Topic</ResourceType>" + more + "</ResourceChange></member>"
}

const nextToken = "<NextToken>more</NextToken>"

// planOf returns the plan of an attempt whose change set has certain pages.
func planOf(t *testing.T, f *fake, files targettest.Tree, pages ...answer) *lockstep.Plan {
	t.Helper()
	f.respond("DescribeChangeSet", append([]answer{errorAnswer(404, "ChangeSetNotFound", "")}, pages...)...)
	run := targettest.DriveToIntent(t, f.driver(), f.attempt(files, nil))
	if run.Plan == nil || run.Plan.ID != changeSetARN {
		t.Fatalf("plan %+v", run.Plan)
	}
	return run.Plan
}

func TestPlanFollowsPages(t *testing.T) {
	fake := newFake(t)
	hook := "<member><Type>Resource</Type></member>"
	p := planOf(t, fake, plainFiles(), changePage(nextToken, change("A", ""), hook), changePage(nextToken), changePage("", change("B", "")))
	if len(p.Changes) != 2 || p.Changes[1].LogicalID != "B" || p.Truncated {
		t.Errorf("plan %+v", p)
	}
	calls := fake.called("DescribeChangeSet")
	if last := calls[len(calls)-1]; last.Get("NextToken") != "more" || last.Get("ChangeSetName") != changeSetARN || last.Get("IncludePropertyValues") != "" {
		t.Errorf("asked %v", last)
	}
}

func TestPlanIsTruncatedAtItsLimits(t *testing.T) {
	many := make([]string, lockstep.MaxChanges/2+1)
	for i := range many {
		many[i] = change(fmt.Sprint("R", i), "")
	}

	long := "<PhysicalResourceId>" + strings.Repeat("x", 10_000) + "</PhysicalResourceId>"
	details := "<Details>" + strings.Repeat("<member><ChangeSource>DirectModification</ChangeSource></member>", lockstep.MaxChangeDetails+1) + "</Details>"
	for name, test := range map[string]struct {
		pages   []answer
		changes int
		cut     bool
	}{
		"changes":            {[]answer{changePage(nextToken, many...), changePage("", many...)}, lockstep.MaxChanges, true},
		"details":            {[]answer{changePage("", change("A", details))}, 1, true},
		"empty pages":        {[]answer{changePage(nextToken)}, 0, true},
		"a page that fails":  {[]answer{changePage(nextToken, change("A", "")), errorAnswer(400, "ValidationError", "")}, 1, true},
		"as many as can be":  {[]answer{changePage("", append(many[:250:250], many[:250]...)...)}, lockstep.MaxChanges, false},
		"a text that is cut": {[]answer{changePage("", change("A", long))}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			plan := planOf(t, newFake(t), plainFiles(), test.pages...)
			if len(plan.Changes) != test.changes || plan.Truncated != test.cut {
				t.Errorf("%d changes, cut: %t", len(plan.Changes), plan.Truncated)
			}

			for _, c := range plan.Changes {
				if len(c.Details) > lockstep.MaxChangeDetails || len(c.PhysicalID) > lockstep.MaxChangeText {
					t.Errorf("%d details, a physical id of %d", len(c.Details), len(c.PhysicalID))
				}
			}
		})
	}
}

func TestPlanHasNoSecretAndNoValue(t *testing.T) {
	hidden := "<PhysicalResourceId>" + strings.Repeat("x", lockstep.MaxChangeText-8) + canary + "</PhysicalResourceId><Details><member>" +
		"<CausingEntity>Password</CausingEntity><Target><Attribute>Properties</Attribute><Name>Secret</Name><Path>/Properties/" + canary + "</Path>" +
		"<BeforeValue>before-value</BeforeValue><AfterValue>after-value</AfterValue></Target></member></Details>" +
		"<BeforeContext>before-value</BeforeContext><AfterContext>after-value</AfterContext>"
	p := planOf(t, newFake(t), withParameters("parameters: {Password: "+canary+"}"), changePage("", change("A", hidden)))
	want := []lockstep.ProposedChange{{Action: "Modify", LogicalID: "A", ResourceType: "AWS::SNS::Topic",
		Details: []lockstep.ChangeDetail{{Attribute: "Properties", Name: "Secret", CausingEntity: "Password"}}}}
	if diff := cmp.Diff(want, p.Changes); diff != "" {
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
