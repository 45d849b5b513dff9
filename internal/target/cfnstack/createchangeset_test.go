package cfnstack_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

func TestAdvanceSendsExactlyWhatTheCommitSays(t *testing.T) {
	const inStack = "<Parameters><member><ParameterKey>Password</ParameterKey>" +
		"<ParameterValue>****</ParameterValue></member></Parameters>"
	tests := map[string]struct {
		file string
		want map[string]string // members that begin with Parameters or Tags
	}{
		"nothing": {"", map[string]string{
			"Parameters.member.1.ParameterKey":     "Password",
			"Parameters.member.1.UsePreviousValue": "true",
		}},
		"no tags": {"tags: {}\nparameters: {Password: abc}\n", map[string]string{
			"Parameters.member.1.ParameterKey":   "Password",
			"Parameters.member.1.ParameterValue": "abc",
			"Tags":                               "",
		}},
		"values keep their text": {
			file: "parameters:\n  Size: 1.10\n  Names: [a, 1e3, 0x1F, True]\n  Password: 'x y'\n" +
				"tags: {b: '1', a: yes it is}\n",
			want: map[string]string{
				"Parameters.member.1.ParameterKey":   "Size",
				"Parameters.member.1.ParameterValue": "1.10",
				"Parameters.member.2.ParameterKey":   "Names",
				"Parameters.member.2.ParameterValue": "a,1e3,0x1F,true",
				"Parameters.member.3.ParameterKey":   "Password",
				"Parameters.member.3.ParameterValue": "x y",
				"Tags.member.1.Key":                  "b",
				"Tags.member.1.Value":                "1",
				"Tags.member.2.Key":                  "a",
				"Tags.member.2.Value":                "yes it is",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.respond("DescribeStacks", stack("CREATE_COMPLETE", inStack))
			run := targettest.DriveToIntent(t, f.driver(), f.attempt(withParameters(test.file), nil))
			call := f.called("CreateChangeSet")[0]
			if diff := cmp.Diff(test.want, members(call, "Parameters", "Tags")); diff != "" {
				t.Error(diff)
			}

			if call.Get("TemplateBody") != plainTemplate {
				t.Error("the template was changed")
			}

			name := "lockstep-" + run.Attempt.ID + "-1"
			if got := call.Get("ChangeSetName"); got != name {
				t.Errorf("change set name %q, want %q", got, name)
			}
			if got := call.Get("ClientToken"); got != name {
				t.Errorf("client token %q, want %q", got, name)
			}
			if got := members(call, "Capabilities"); len(got) != 3 {
				t.Errorf("capabilities %v, want 3", got)
			}

			sha := string(run.Attempt.Revision.SHA)
			for _, want := range []string{sha, "instance test"} {
				if got := call.Get("Description"); !strings.Contains(got, want) {
					t.Errorf("description %q, want it to contain %q", got, want)
				}
			}

			for key, values := range call {
				if key != "Description" && strings.Contains(strings.Join(values, " "), sha) {
					t.Errorf("%s carries the commit: %v", key, values)
				}
			}
		})
	}
}

func members(call url.Values, prefixes ...string) map[string]string {
	found := map[string]string{}
	for key := range call {
		for _, prefix := range prefixes {
			if key == prefix || strings.HasPrefix(key, prefix+".") {
				found[key] = call.Get(key)
			}
		}
	}
	return found
}

func TestAdvanceReportsTheValuesOfAbsentParameters(t *testing.T) {
	f := newFake(t)
	password := "<Parameters><member><ParameterKey>Password</ParameterKey></member></Parameters>"
	f.respond("DescribeStacks", stack("CREATE_COMPLETE", password))
	run := targettest.DriveToIntent(t, f.driver(), f.attempt(withParameters("parameters: {Size: 3}"), nil))
	want := []lockstep.Event{
		{
			Type:       "TEMPLATE_BUNDLED",
			Message:    "Uploaded CloudFormation template.",
			ExternalID: string(run.Attempt.Revision.SHA),
		},
		{
			Type: "PARAMETERS_ABSENT",
			Message: "Not in the deployment file: Names (the template's default), " +
				"Password (keeps the stack's value).",
		},
		{Type: "CHANGESET_CREATION_IN_PROGRESS", Message: "Creating a changeset.", ExternalID: stackARN},
		{Type: "CHANGESET_CREATION_SUCCEEDED", Message: "Changeset creation succeeded.", ExternalID: changeSetARN},
	}
	if diff := cmp.Diff(want, run.Events); diff != "" {
		t.Error(diff)
	}

	if run.Attempt.Intent != changeSetARN {
		t.Errorf("intent %q", run.Attempt.Intent)
	}
}

func TestAdvanceRefusesAMissingParameterBeforeAnyChange(t *testing.T) {
	fake := newFake(t)
	files := targettest.Files(map[string]string{
		"web.yaml": "template-file-path: t.yaml\n",
		"t.yaml":   "Parameters:\n  Need: {Type: String}\nResources: {}\n",
	})
	run := fake.run(files, nil)
	const want = `Deployment file "web.yaml", key parameters.Need: the key is missing; ` +
		`template "t.yaml" has the parameter without a default`
	targettest.CheckError(t, run.Err, lockstep.Invalid, want)

	if len(fake.calls) != 1 {
		t.Errorf("calls %v", fake.calls)
	}
}

func TestAdvanceRecognizesEachFormOfNoChanges(t *testing.T) {
	tests := map[string]func(*fake){
		"change set, one text": func(fake *fake) {
			fake.respond("DescribeChangeSet", noChangeSet(), changeSet("FAILED", "UNAVAILABLE",
				"The submitted information didn&apos;t contain changes. "+
					"Submit different information to create a change set."))
		},
		"change set, the other text": func(fake *fake) {
			fake.respond("DescribeChangeSet", noChangeSet(),
				changeSet("FAILED", "UNAVAILABLE", "No updates are to be performed."))
		},
		"refused": func(fake *fake) {
			fake.respond("DescribeChangeSet", noChangeSet())
			fake.respond("CreateChangeSet", errorAnswer(400, "ValidationError", "No updates are to be performed."))
		},
	}
	for name, arrange := range tests {
		t.Run(name, func(t *testing.T) {
			fake := newFake(t)
			arrange(fake)
			run := fake.run(plainFiles(), nil)
			targettest.CheckOutcome(t, run, lockstep.Unchanged)
			if want := "NO_CHANGES"; run.LastEvent().Type != want {
				t.Errorf("last event %+v, want type %s", run.LastEvent(), want)
			}

			if len(fake.called("ExecuteChangeSet"))+len(fake.called("DeleteStack")) != 0 {
				t.Error("something was executed or deleted")
			}

			if !strings.Contains(string(run.End.Baseline), stackARN) {
				t.Errorf("note %s", run.End.Baseline)
			}
		})
	}
}

func TestAdvanceEndsWithTheReasonOfARefusedChangeSet(t *testing.T) {
	fake := newFake(t)
	fake.respond("DescribeStacks", noStack(), stack("REVIEW_IN_PROGRESS", ""))
	fake.respond("DescribeChangeSet",
		errorAnswer(400, "ValidationError", "Stack [web] does not exist"),
		changeSet("CREATE_IN_PROGRESS", "UNAVAILABLE", ""),
		changeSet("FAILED", "UNAVAILABLE", "Circular dependency."))
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "Circular dependency."; run.End.Reason != want {
		t.Errorf("reason %q, want %q", run.End.Reason, want)
	}

	want := lockstep.Event{
		Type:       "CHANGESET_CREATION_FAILED",
		Message:    "Changeset creation failed. The reason was Circular dependency.",
		ExternalID: run.LastEvent().ExternalID,
	}
	if diff := cmp.Diff(want, run.LastEvent()); diff != "" {
		t.Errorf("last event (-want +got):\n%s", diff)
	}

	if got := fake.called("DeleteChangeSet"); len(got) != 1 || got[0].Get("ChangeSetName") != changeSetARN {
		t.Errorf("change set not deleted: %v", got)
	}

	if got := fake.called("DeleteStack"); len(got) != 0 {
		t.Errorf("a stack was deleted: %v", got)
	}
}

func TestOnlyAnOrphanOfTheSameNameIsDeleted(t *testing.T) {
	const orphan = "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/orphan"
	shell := strings.Replace(stack("REVIEW_IN_PROGRESS", "").body, stackARN, orphan, 1)
	fake := newFake(t)
	fake.respond("DescribeStacks", answer{200, shell}, answer{200, shell}, stack("CREATE_COMPLETE", ""))
	targettest.DriveToIntent(t, fake.driver(), fake.attempt(plainFiles(), nil))

	deleted := fake.called("DeleteStack")
	if len(deleted) != 1 {
		t.Fatalf("%d calls of DeleteStack, want 1", len(deleted))
	}
	if got := deleted[0].Get("StackName"); got != orphan {
		t.Errorf("DeleteStack of %s, want %s", got, orphan)
	}
}

func TestAdvanceReplacesAChangeSetThatCanNoLongerBeUsed(t *testing.T) {
	missing, available := noChangeSet(), changeSet("CREATE_COMPLETE", "AVAILABLE", "")
	obsolete, pending := changeSet("CREATE_COMPLETE", "OBSOLETE", ""), changeSet("CREATE_PENDING", "UNAVAILABLE", "")
	tests := map[string][]answer{
		"obsolete when made":             {missing, obsolete, missing, available},
		"deleted while it was made":      {missing, pending, missing, missing, available},
		"obsolete when executed":         {missing, available, obsolete, missing, available},
		"deleted before it was executed": {missing, available, missing, missing, available},
	}
	for name, answers := range tests {
		t.Run(name, func(t *testing.T) {
			fake := newFake(t)
			fake.respond("DescribeChangeSet", answers...)
			fake.respond("DescribeStackEvents",
				events(stackEvent("UPDATE_IN_PROGRESS", ""), stackEvent("UPDATE_COMPLETE", "")))
			fake.respond("DescribeStacks",
				stack("CREATE_COMPLETE", ""), stack("CREATE_COMPLETE", ""), stack("UPDATE_COMPLETE", ""))
			run := fake.run(plainFiles(), nil)
			targettest.CheckOutcome(t, run, lockstep.Applied)

			created := fake.called("CreateChangeSet")
			if len(created) != 2 || created[0].Get("ChangeSetName") == created[1].Get("ChangeSetName") {
				t.Errorf("change sets %v", created)
			}

			if len(fake.called("ExecuteChangeSet")) != 1 {
				t.Errorf("executed %d times", len(fake.called("ExecuteChangeSet")))
			}
		})
	}
}

func TestAdvanceGivesUpOnAStackThatOthersKeepChanging(t *testing.T) {
	fake := newFake(t)
	missing, obsolete := noChangeSet(), changeSet("CREATE_COMPLETE", "OBSOLETE", "")
	fake.respond("DescribeChangeSet", missing, obsolete, missing, obsolete, missing, obsolete)
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "happened 3 times"; !strings.Contains(run.End.Reason, want) {
		t.Errorf("got %q, want it to contain %q", run.End.Reason, want)
	}
	if n := len(fake.called("CreateChangeSet")); n != 3 {
		t.Errorf("%d change sets", n)
	}
}

func TestAdvanceDescribesTheStackAgainAfterAPause(t *testing.T) {
	fake := newFake(t)
	driver := fake.driver()
	baseline := `{"v":1,"stack":"` + stackARN + `","updated_at":"2026-01-02T02:00:00Z"}`
	attempt := fake.attempt(plainFiles(), []byte(baseline))
	step, err := driver.Advance(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}

	fake.respond("DescribeStacks", stack("UPDATE_COMPLETE", "<LastUpdatedTime>2026-01-02T03:00:00Z</LastUpdatedTime>"))
	attempt.Checkpoint, attempt.Now = step.Checkpoint, attempt.Now.Add(time.Hour)
	run := targettest.Run{}
	if step, err = driver.Advance(t.Context(), attempt); err == nil {
		attempt.Checkpoint = step.Checkpoint
		run = targettest.Drive(t, driver, attempt, false)
		err = run.Err
	}

	if lockstep.KindOf(err) != lockstep.Blocked || len(fake.called("CreateChangeSet")) != 0 {
		t.Errorf("got %v, %+v", err, run.End)
	}
}

func TestAdvanceDoesNotRetryCallsThatChangeSomething(t *testing.T) {
	for _, action := range []string{"CreateChangeSet", "ExecuteChangeSet"} {
		fake := newFake(t)
		fake.respond(action, errorAnswer(503, "ServiceUnavailable", "later"))
		d, attempt := fake.driver(), fake.attempt(plainFiles(), nil)
		var err error
		for err == nil {
			step, stepErr := d.Advance(t.Context(), attempt)
			attempt.Checkpoint, err = step.Checkpoint, stepErr
			if step.Intent != "" {
				attempt.Intent = step.Intent
			}
		}

		if n := len(fake.called(action)); n != 1 || lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("%s was called %d times in one step: %v", action, n, err)
		}
	}
}

func TestAdvanceReplacesTheChangeSetWhenAnotherStackHasTheName(t *testing.T) {
	fake := newFake(t)
	missing := noChangeSet()
	fake.respond("DescribeChangeSet", missing, missing, changeSet("CREATE_COMPLETE", "AVAILABLE", ""))
	fake.respond("CreateChangeSet", createdChangeSet("arn:other", nestedARN),
		createdChangeSet(changeSetARN, stackARN))
	run := targettest.DriveToIntent(t, fake.driver(), fake.attempt(plainFiles(), nil))
	if run.Attempt.Intent != changeSetARN {
		t.Errorf("intent %s", run.Attempt.Intent)
	}

	if got := fake.called("DeleteChangeSet"); len(got) != 1 || got[0].Get("ChangeSetName") != "arn:other" {
		t.Errorf("deleted %v", got)
	}
}

func TestAdvanceDescribesTheStackAgainWhenCreateChangeSetFails(t *testing.T) {
	tests := map[string]struct {
		refusal answer
		stack   answer
		kind    lockstep.Kind // Internal: no error, another change set
	}{
		"begun by another": {
			refusal: errorAnswer(400, "ValidationError", "Stack is in UPDATE_IN_PROGRESS state"),
			stack:   stack("UPDATE_IN_PROGRESS", ""),
			kind:    lockstep.Unavailable,
		},
		"broken by another": {
			refusal: errorAnswer(400, "ValidationError", "no"),
			stack:   stack("UPDATE_ROLLBACK_FAILED", ""),
			kind:    lockstep.Blocked,
		},
		"deleted by another": {
			refusal: errorAnswer(400, "ValidationError", "Stack [web] does not exist"),
			stack:   noStack(),
			kind:    lockstep.Internal,
		},
		"name is taken": {
			refusal: errorAnswer(400, "AlreadyExistsException", "exists"),
			stack:   stack("CREATE_COMPLETE", ""),
			kind:    lockstep.Internal,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fake := newFake(t)
			fake.respond("DescribeChangeSet", noChangeSet())
			fake.respond("CreateChangeSet", test.refusal)
			driver, attempt := fake.driver(), fake.attempt(plainFiles(), nil)
			step, err := driver.Advance(t.Context(), attempt)
			if err != nil {
				t.Fatal(err)
			}

			attempt.Checkpoint = step.Checkpoint
			fake.respond("DescribeStacks", test.stack)
			step, err = driver.Advance(t.Context(), attempt)
			if lockstep.KindOf(err) != test.kind {
				t.Errorf("got %v", err)
			}

			if err == nil && (len(step.Events) != 1 || step.Events[0].Type != "CHANGESET_REPLACED") {
				t.Errorf("events %v", step.Events)
			}
		})
	}
}
