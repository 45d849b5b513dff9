package cfnstack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

func TestPlanHasTheChangedParametersAndTags(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	const template = `Parameters:
  %s: {Type: String, Default: one}
  Title: {Type: String, Default: one}
  Password: {Type: String, NoEcho: true, Default: none}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub "${Title}${Password}"}}
`
	files := func(third, file string) targettest.Tree {
		return deploymentFiles(file, fmt.Sprintf(template, third))
	}
	first := "parameters: {Title: a, Password: first-secret}\ntags: {keep: x, change: x, drop: x}"
	run := drive(t, driver, files("Old", first), nil)
	if run.Err != nil {
		t.Fatal(run.Err)
	}

	want := []lockstep.ValueChange{{Name: "change", After: "x"}, {Name: "drop", After: "x"}, {Name: "keep", After: "x"}}
	if diff := cmp.Diff(want, run.Plan.Tags); diff != "" {
		t.Errorf("tags of a creation (-want +got):\n%s", diff)
	}

	second := "parameters: {Title: b, Password: second-secret}\ntags: {keep: x, change: y, more: z}"
	run = drive(t, driver, files("New", second), run.End.Baseline)
	if run.Err != nil {
		t.Fatal(run.Err)
	}

	want = []lockstep.ValueChange{
		{Name: "New", After: "one"},
		{Name: "Old", Masked: true},
		{Name: "Password", Masked: true},
		{Name: "Title", Before: "a", After: "b"},
	}
	if diff := cmp.Diff(want, run.Plan.Parameters); diff != "" {
		t.Errorf("parameters of an update (-want +got):\n%s", diff)
	}

	want = []lockstep.ValueChange{
		{Name: "change", Before: "x", After: "y"},
		{Name: "drop", Before: "x"},
		{Name: "more", After: "z"},
	}
	if diff := cmp.Diff(want, run.Plan.Tags); diff != "" {
		t.Errorf("tags of an update (-want +got):\n%s", diff)
	}

	run = drive(t, driver, files("New", "parameters: {Title: c, Password: second-secret}"), run.End.Baseline)
	if run.Plan == nil || run.Plan.Tags != nil {
		t.Errorf("without tags in the file: %+v", run.Plan)
	}
}

func TestAttack18PlanHasNoValueThatMayBeASecret(t *testing.T) {
	fake := newFake(t)
	fake.respond("DescribeStacks", stack("CREATE_COMPLETE", "<Parameters>"+
		"<member><ParameterKey>Password</ParameterKey><ParameterValue>"+canary+"-before</ParameterValue></member>"+
		"<member><ParameterKey>Gone</ParameterKey><ParameterValue>"+canary+"-gone</ParameterValue></member>"+
		"</Parameters>"+
		"<Tags><member><Key>note</Key><Value>was "+canary+"</Value></member></Tags>"))
	cause := change("Topic", "<Details><member><ChangeSource>ParameterReference</ChangeSource>"+
		"<CausingEntity>Password</CausingEntity></member></Details>")
	files := withParameters("parameters: {Password: " + canary + "}\ntags: {note: is " + canary + "}")
	plan := planOf(t, fake, files, changePage("", cause))
	text, err := json.Marshal(plan)
	if err != nil || strings.Contains(string(text), canary) {
		t.Errorf("the secret shows: %s, %v", text, err)
	}

	masked := map[string]bool{}
	for _, v := range append(plan.Parameters, plan.Tags...) {
		masked[v.Name] = v.Masked
	}

	if diff := cmp.Diff(map[string]bool{"Password": true, "Gone": true, "note": true}, masked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanWithoutValuesIsTruncated(t *testing.T) {
	f := newFake(t)
	f.respond("DescribeStacks", stack("CREATE_COMPLETE", ""), errorAnswer(403, "AccessDenied", "not now"))
	p := planOf(t, f, withParameters("parameters: {Size: 2}"), changePage("", change("A", "")))
	if !p.Truncated || p.Parameters != nil || len(p.Changes) != 1 {
		t.Errorf("plan %+v", p)
	}
}

func TestPlanHasABoundedNumberOfValues(t *testing.T) {
	var old strings.Builder
	for i := range lockstep.MaxValueChanges + 1 {
		fmt.Fprintf(&old, "<member><Key>k%03d</Key><Value>%s</Value></member>", i, strings.Repeat("x", 1000))
	}
	f := newFake(t)
	f.respond("DescribeStacks", stack("CREATE_COMPLETE", "<Tags>"+old.String()+"</Tags>"))
	p := planOf(t, f, withParameters("tags: {}"), changePage("", change("A", "")))
	if len(p.Tags) != lockstep.MaxValueChanges || !p.Truncated || len(p.Tags[0].Before) > lockstep.MaxChangeText {
		t.Errorf("%d tags, cut: %t", len(p.Tags), p.Truncated)
	}
}
