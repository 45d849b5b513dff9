package rollout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cfn/spec"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

const ms = time.Millisecond

// shown returns transitions as "ms logical STATUS reason", with "*" for the stack.
func shown(moments []rollout.Transition) []string {
	var out []string
	for _, moment := range moments {
		if moment.Silent {
			continue
		}

		id := "*"
		if moment.Resource != nil {
			id = moment.Resource.LogicalID
			if moment.PhysicalID != "" {
				id += "=" + moment.PhysicalID
			}
		}

		reason := strings.ReplaceAll(moment.Reason, rollout.Notice, "(notice)")
		line := moment.At.Truncate(ms).String() + " " + id + " " + string(moment.Status) + " " + reason
		out = append(out, strings.TrimSpace(line))
	}

	return out
}

func resource(id string, needs ...string) rollout.Resource {
	return rollout.Resource{LogicalID: id, Type: "AWS::SNS::Topic", PhysicalID: "p" + id, DependsOn: needs}
}

func adds(all []rollout.Resource) []rollout.Change {
	var out []rollout.Change
	for _, r := range all {
		out = append(out, rollout.Change{Action: "Add", LogicalID: r.LogicalID})
	}
	return out
}

func TestCreateWorksInParallelAsFarAsDependenciesAllow(t *testing.T) {
	slow := resource("B")
	slow.Behavior.Delay = 30 * ms
	all := []rollout.Resource{resource("A"), slow, resource("C", "A"), resource("D", "A", "B")}
	got := shown(rollout.Create(rollout.Request{Desired: all, Changes: adds(all), ResourceDuration: 10 * ms}))
	want := []string{
		"0s * CREATE_IN_PROGRESS User Initiated",
		"10ms A CREATE_IN_PROGRESS", "10ms B CREATE_IN_PROGRESS",
		"15ms A=pA CREATE_IN_PROGRESS Resource creation Initiated",
		"20ms A=pA CREATE_COMPLETE", "20ms C CREATE_IN_PROGRESS",
		"25ms B=pB CREATE_IN_PROGRESS Resource creation Initiated",
		"25ms C=pC CREATE_IN_PROGRESS Resource creation Initiated",
		"30ms C=pC CREATE_COMPLETE",
		"40ms B=pB CREATE_COMPLETE", "40ms D CREATE_IN_PROGRESS",
		"45ms D=pD CREATE_IN_PROGRESS Resource creation Initiated", "50ms D=pD CREATE_COMPLETE",
		"60ms * CREATE_COMPLETE (notice)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func failing() []rollout.Resource {
	bad := resource("Bad", "Good")
	bad.Behavior = rollout.Behavior{Fail: "quota"}
	slow := resource("Slow")
	slow.Behavior.Delay = time.Second
	return []rollout.Resource{resource("Good"), slow, bad, resource("Never", "Bad")}
}

func TestAFailedCreationIsRolledBack(t *testing.T) {
	got := shown(rollout.Create(rollout.Request{
		Desired:          failing(),
		Changes:          adds(failing()),
		ResourceDuration: 10 * ms,
	}))
	want := []string{
		"0s * CREATE_IN_PROGRESS User Initiated",
		"10ms Good CREATE_IN_PROGRESS", "10ms Slow CREATE_IN_PROGRESS",
		"15ms Good=pGood CREATE_IN_PROGRESS Resource creation Initiated", "20ms Good=pGood CREATE_COMPLETE",
		"20ms Slow=pSlow CREATE_IN_PROGRESS Resource creation Initiated", "20ms Bad CREATE_IN_PROGRESS",
		"25ms Bad=pBad CREATE_IN_PROGRESS Resource creation Initiated",
		"30ms Slow=pSlow CREATE_FAILED Resource creation cancelled", "30ms Bad=pBad CREATE_FAILED quota",
		"30ms * ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Bad, Slow]. Rollback requested " +
			"by user.",
		"40ms Bad=pBad DELETE_IN_PROGRESS", "40ms Slow=pSlow DELETE_IN_PROGRESS",
		"50ms Bad=pBad DELETE_COMPLETE", "50ms Slow=pSlow DELETE_COMPLETE", "50ms Good=pGood DELETE_IN_PROGRESS",
		"60ms Good=pGood DELETE_COMPLETE",
		"70ms * ROLLBACK_COMPLETE (notice)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// ends returns the transitions of the stack itself.
func ends(moments []rollout.Transition) []string {
	var out []string
	for _, m := range moments {
		if m.Resource == nil {
			out = append(out, string(m.Status))
		}
	}
	return out
}

func TestWhatBecomesOfAFailedStackIsTheCallersChoice(t *testing.T) {
	stuck := failing()
	stuck[0].Behavior = rollout.Behavior{Fail: "locked", FailOn: []rollout.Phase{rollout.RollingBack}}
	kept := failing()
	kept[0].DeletionPolicy = "Retain"

	for _, row := range []struct {
		name string
		req  rollout.Request
		want []string
	}{
		{
			name: "do nothing",
			req:  rollout.Request{Desired: failing(), OnFailure: rollout.DoNothing},
			want: []string{"CREATE_IN_PROGRESS", "CREATE_FAILED"},
		},
		{
			name: "delete",
			req:  rollout.Request{Desired: failing(), OnFailure: rollout.DeleteStack},
			want: []string{"CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"},
		},
		{
			name: "rollback fails",
			req:  rollout.Request{Desired: stuck},
			want: []string{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED"},
		},
		{
			name: "a resource is kept",
			req:  rollout.Request{Desired: kept},
			want: []string{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"},
		},
		{
			name: "fatal",
			req:  rollout.Request{Desired: failing(), FailureReason: "No export named x found."},
			want: []string{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"},
		},
	} {
		row.req.Changes = adds(row.req.Desired)
		moments := rollout.Create(row.req)
		if diff := cmp.Diff(row.want, ends(moments)); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}

		skipped := 0
		for _, m := range moments {
			if m.Status == "DELETE_SKIPPED" {
				skipped++
			}
		}

		if want := row.name == "a resource is kept"; (skipped == 1) != want {
			t.Errorf("%s: %d resources kept", row.name, skipped)
		}
	}
}

func TestACreationThatTakesTooLongIsRolledBack(t *testing.T) {
	all := failing()
	all[1].Behavior.Delay = time.Hour
	all[2].Behavior.Fail = ""
	got := shown(rollout.Create(rollout.Request{
		Desired:          all,
		Changes:          adds(all),
		ResourceDuration: 10 * ms,
		Timeout:          time.Minute,
	}))
	for _, want := range []string{
		"1m0s Slow=pSlow CREATE_FAILED Resource creation cancelled",
		"1m0s * ROLLBACK_IN_PROGRESS Stack creation time exceeded the specified timeout. Rollback requested by user.",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

// updated returns the update of a stack of Same, Changed, Replaced and Dropped to one
// of Same, Changed, Replaced and New.
func updated() rollout.Request {
	replaced := resource("Replaced")
	replaced.Generation = 1
	replaced.PhysicalID = "pReplaced2"
	changed := resource("Changed", "Same")
	changed.Properties = map[string]any{"x": "y"}

	return rollout.Request{
		Existing: []rollout.Resource{resource("Same"), resource("Changed", "Same"), resource("Replaced"),
			resource("Dropped")},
		Desired: []rollout.Resource{resource("Same"), changed, replaced, resource("New", "Changed")},
		Changes: []rollout.Change{
			{Action: "Modify", LogicalID: "Changed"}, {Action: "Modify", LogicalID: "Replaced"},
			{Action: "Add", LogicalID: "New"}, {Action: "Remove", LogicalID: "Dropped"},
		},
		ResourceDuration: 10 * ms,
	}
}

func TestAnUpdateReplacesBeforeItCleansUp(t *testing.T) {
	got := shown(rollout.Update(updated()))
	want := []string{
		"0s * UPDATE_IN_PROGRESS User Initiated",
		"10ms Changed=pChanged UPDATE_IN_PROGRESS",
		"10ms Replaced=pReplaced UPDATE_IN_PROGRESS " +
			"Requested update requires the creation of a new physical resource; hence creating one.",
		"15ms Replaced=pReplaced2 UPDATE_IN_PROGRESS Resource creation Initiated",
		"20ms Changed=pChanged UPDATE_COMPLETE", "20ms Replaced=pReplaced2 UPDATE_COMPLETE",
		"20ms New CREATE_IN_PROGRESS",
		"25ms New=pNew CREATE_IN_PROGRESS Resource creation Initiated", "30ms New=pNew CREATE_COMPLETE",
		"40ms * UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
		"40ms Dropped=pDropped DELETE_IN_PROGRESS", "40ms Replaced=pReplaced DELETE_IN_PROGRESS",
		"50ms Dropped=pDropped DELETE_COMPLETE", "50ms Replaced=pReplaced DELETE_COMPLETE",
		"60ms * UPDATE_COMPLETE (notice)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedUpdateIsRolledBack(t *testing.T) {
	req := updated()
	req.Desired[3].Behavior.Fail = "quota"
	got := shown(rollout.Update(req))
	want := []string{
		"30ms New=pNew CREATE_FAILED quota",
		"30ms * UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [New].",
		"40ms Changed=pChanged UPDATE_IN_PROGRESS", "40ms Replaced=pReplaced UPDATE_IN_PROGRESS",
		"50ms Changed=pChanged UPDATE_COMPLETE", "50ms Replaced=pReplaced UPDATE_COMPLETE",
		"60ms * UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
		"60ms New=pNew DELETE_IN_PROGRESS", "60ms Replaced=pReplaced2 DELETE_IN_PROGRESS",
		"70ms New=pNew DELETE_COMPLETE", "70ms Replaced=pReplaced2 DELETE_COMPLETE",
		"80ms * UPDATE_ROLLBACK_COMPLETE (notice)",
	}
	if diff := cmp.Diff(want, got[len(got)-len(want):]); diff != "" {
		t.Error(diff)
	}
}

func TestHowUpdatesAndDeletionsEnd(t *testing.T) {
	fail := func(i int, b rollout.Behavior, f rollout.OnFailure) rollout.Request {
		req := updated()
		req.Desired[i].Behavior = b
		req.OnFailure = f
		return req
	}

	stuck := updated()
	stuck.Existing[3].Behavior = rollout.Behavior{Fail: "in use", FailOn: []rollout.Phase{rollout.Deleting}}
	both := rollout.Behavior{Fail: "x", FailOn: []rollout.Phase{rollout.Updating, rollout.RollingBack}}
	for name, row := range map[string]struct {
		moments []rollout.Transition
		want    string
	}{
		"do nothing": {
			moments: rollout.Update(fail(1, rollout.Behavior{Fail: "x"}, rollout.DoNothing)),
			want:    "UPDATE_FAILED",
		},
		"rollback fails": {rollout.Update(fail(1, both, rollout.Rollback)), "UPDATE_ROLLBACK_FAILED"},
		"cleanup fails":  {rollout.Update(stuck), "UPDATE_COMPLETE"},
		"deletion fails": {rollout.Delete(rollout.DeleteRequest{Existing: stuck.Existing}), "DELETE_FAILED"},
		"deletion retains": {
			moments: rollout.Delete(rollout.DeleteRequest{Existing: stuck.Existing, Retain: []string{"Dropped"}}),
			want:    "DELETE_COMPLETE",
		},
		"deletion is forced": {
			moments: rollout.Delete(rollout.DeleteRequest{Existing: stuck.Existing, Force: true}),
			want:    "DELETE_COMPLETE",
		},
		"deletion of an empty": {rollout.Delete(rollout.DeleteRequest{}), "DELETE_COMPLETE"},
		"an import is missing": {
			moments: rollout.Update(rollout.Request{FailureReason: "No export named x found."}),
			want:    "UPDATE_ROLLBACK_COMPLETE",
		},
		"only outputs changed": {rollout.Update(rollout.Request{}), "UPDATE_COMPLETE"},
	} {
		all := ends(row.moments)
		if got := all[len(all)-1]; got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}

		if last := row.moments[len(row.moments)-1]; !strings.HasSuffix(last.Reason, rollout.Notice) {
			t.Errorf("%s: the last event says %q", name, last.Reason)
		}
	}
}

func TestLongChainsStillEndSoon(t *testing.T) {
	all := []rollout.Resource{resource("R0")}
	for i := 1; i < 100; i++ {
		prev := all[i-1].LogicalID
		all = append(all, resource("R"+strings.Repeat("x", i), prev))
	}
	moments := rollout.Create(rollout.Request{Desired: all, Changes: adds(all)})
	if took := moments[len(moments)-1].At; took > 300*ms {
		t.Errorf("took %s", took)
	}
}

func TestBehaviourIsReadFromMetadata(t *testing.T) {
	for _, row := range []struct {
		metadata any
		want     rollout.Behavior
		err      string
	}{
		{map[string]any{"Delay": "2s", "Fail": "no"}, rollout.Behavior{Delay: 2 * time.Second, Fail: "no"}, ""},
		{
			metadata: map[string]any{"Fail": "no", "FailOn": "DELETE"},
			want:     rollout.Behavior{Fail: "no", FailOn: []rollout.Phase{"DELETE"}},
			err:      "",
		},
		{"x", rollout.Behavior{}, "must be an object"},
		{map[string]any{"Delay": "soon"}, rollout.Behavior{}, "Delay must be a duration"},
		{map[string]any{"Delay": "-1s"}, rollout.Behavior{}, "Delay must be a duration"},
		{map[string]any{"Delay": "25h"}, rollout.Behavior{}, "Delay must be a duration"},
		{map[string]any{"Fail": ""}, rollout.Behavior{}, "Fail must be a reason"},
		{
			metadata: map[string]any{"FailOn": []any{"READ"}},
			want:     rollout.Behavior{FailOn: []rollout.Phase{"READ"}},
			err:      "FailOn must list",
		},
		{map[string]any{"Dealy": "1s"}, rollout.Behavior{}, `unknown key "Dealy"`},
	} {
		got, err := rollout.ReadBehavior(map[string]any{rollout.MetadataKey: row.metadata})
		if row.err == "" && err != nil || row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)) {
			t.Errorf("%v: error %v, want %q", row.metadata, err, row.err)
		}

		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%v: %s", row.metadata, diff)
		}
	}
}

func TestOrderedSurvivesCircles(t *testing.T) {
	var got []string
	resources := []rollout.Resource{
		resource("C", "B"),
		resource("B", "A", "elsewhere"),
		resource("A"),
		resource("X", "Y"),
		resource("Y", "X"),
	}
	for _, sorted := range rollout.SortByDependencies(resources) {
		got = append(got, sorted.LogicalID)
	}
	if diff := cmp.Diff([]string{"A", "B", "C", "X", "Y"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompareWithoutDifferenceIsEmpty(t *testing.T) {
	catalog, err := spec.New()
	if err != nil {
		t.Fatal(err)
	}

	resources := []rollout.Resource{resource("A")}
	if got := (rollout.Comparison{Catalog: catalog}).Compare(resources, resources); got != nil {
		t.Error(got)
	}

	tagged := (rollout.Comparison{Catalog: catalog, Tags: true}).Compare(resources, resources)
	want := []rollout.Change{{
		Action:      "Modify",
		LogicalID:   "A",
		PhysicalID:  "pA",
		Type:        "AWS::SNS::Topic",
		Replacement: "False",
		Scope:       []string{"Tags"},
		Details:     []rollout.Detail{{Attribute: "Tags", Evaluation: "Static", Source: "DirectModification"}},
	}}
	if diff := cmp.Diff(want, tagged); diff != "" {
		t.Error(diff)
	}
}
