package policy_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/policy"
)

func resolve(t *testing.T) *resolved.Schema {
	t.Helper()
	var parsed schema.Schema
	if err := parsed.UnmarshalCedar([]byte(policy.Schema())); err != nil {
		t.Fatal(err)
	}
	resolved, err := parsed.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func TestTheSchemaHasTheActions(t *testing.T) {
	want := map[string]policy.Action{}
	for _, action := range policy.Actions() {
		action.ResourceTypes = slices.Sorted(slices.Values(action.ResourceTypes))
		if _, twice := want[action.Name]; twice {
			t.Errorf("%s is there twice", action.Name)
		}

		want[action.Name] = action
	}

	got := map[string]policy.Action{}
	var groups []string
	for uid, action := range resolve(t).Actions {
		if action.AppliesTo == nil {
			groups = append(groups, string(uid.ID))
			continue
		}

		if diff := cmp.Diff([]types.EntityType{"User", "Session"}, action.AppliesTo.Principals); diff != "" {
			t.Errorf("%s is for other principals:\n%s", uid, diff)
		}

		declared := policy.Action{Name: string(uid.ID)}
		for parent := range action.Entity.Parents.All() {
			declared.Group += policy.ActionGroup(parent.ID)
		}

		for _, kind := range action.AppliesTo.Resources {
			declared.ResourceTypes = append(declared.ResourceTypes, policy.EntityType(kind))
		}

		slices.Sort(declared.ResourceTypes)
		got[declared.Name] = declared
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Actions() and schema.cedarschema differ:\n%s", diff)
	}

	slices.Sort(groups)
	if diff := cmp.Diff([]string{"Administer", "Configure", "Operate", "Read"}, groups); diff != "" {
		t.Error(diff)
	}
}

// The schema must declare exactly the attributes of the entities that Decide uses.
func TestTheSchemaHasTheAttributes(t *testing.T) {
	s := resolve(t)
	for kind, thing := range things() {
		entity, ok := s.Entities[types.EntityType(kind)]
		if !ok {
			t.Errorf("the schema has no %s", kind)
			continue
		}

		var names []string
		for name, attribute := range entity.Shape {
			names = append(names, string(name))
			if _, ok := attribute.Type.(resolved.StringType); !ok || attribute.Optional {
				t.Errorf("%s.%s is not a string that is always there", kind, name)
			}
		}

		slices.Sort(names)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(thing.Attributes)), names); diff != "" {
			t.Errorf("attributes of a %s: the room's (-) and the schema's (+):\n%s", kind, diff)
		}

		for _, in := range thing.Parents {
			if !slices.Contains(entity.ParentTypes, types.EntityType(in.Type)) {
				t.Errorf("a %s is in a %s, which the schema does not say", kind, in.Type)
			}
		}

		inAccount := slices.Contains(entity.ParentTypes, "Account")
		if parents := len(entity.ParentTypes); inAccount && parents != len(thing.Parents)+1 ||
			!inAccount && parents != 0 {
			t.Errorf("the schema has a %s in %v, and it is in %v", kind, entity.ParentTypes, thing.Parents)
		}

		if tagged := kind != policy.Account && kind != policy.IAMRole; tagged != (entity.Tags != nil) {
			t.Errorf("tags of a %s: %v", kind, entity.Tags)
		}
	}
}

func TestTheBuiltInPoliciesAreRight(t *testing.T) {
	text, err := os.ReadFile("builtin.cedar")
	if err != nil {
		t.Fatal(err)
	}

	if err := policy.Validate(string(text)); err != nil {
		t.Error(err)
	}

	var list cedar.PolicyList
	if err := list.UnmarshalCedar(text); err != nil || len(list) != len(policy.BuiltInRoles()) {
		t.Errorf("%d policies, %v", len(list), err)
	}

	for _, role := range policy.BuiltInRoles() {
		if !policy.IsBuiltInRole(role) {
			t.Errorf("%s is not built-in", role)
		}
	}

	if policy.IsBuiltInRole("ci") || policy.IsBuiltInRole("") {
		t.Error("any role is built-in")
	}
}
