package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep/internal/fleet"
)

// random makes a fleet whose names are few, so that two of them have many in
// common. All that refers leads somewhere.
func random(r *rand.Rand) fleet.Things {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	tags := func() map[string]string {
		return []map[string]string{{}, {"a": "1"}, {"a": "2", "b": ""}}[r.IntN(3)]
	}
	some := func(prefix string) (names []string) {
		for i := range 4 {
			if r.IntN(2) == 0 {
				names = append(names, fmt.Sprint(prefix, i))
			}
		}
		return names
	}

	var f fleet.Things
	var connections, links []string
	for _, name := range some("h") {
		f.Hosts = append(f.Hosts, fleet.Host{Name: name, Provider: "Git", Endpoint: pick("https://a", "https://b"), Tags: tags()})
		// A connection cannot move, so that its name names its host.
		for _, connection := range some("c-" + name + "-") {
			connections = append(connections, connection)
			f.Connections = append(f.Connections, fleet.Connection{Name: connection, Host: name, Tags: tags()})
		}
	}

	if len(connections) > 0 {
		links = some("acme/l")
	}

	for _, link := range links {
		f.Links = append(f.Links, fleet.Link{Repository: link, Connection: pick(connections...), Provider: "Git", Tags: tags()})
	}

	if len(links) > 0 {
		for _, resource := range some("r") {
			f.Configurations = append(f.Configurations, fleet.Configuration{Type: "CFN_STACK_SYNC", Resource: resource, Link: pick(links...),
				Branch: pick("main", "dev"), File: "f", Role: deploy, Trigger: pick("ANY_CHANGE", "FILE_CHANGE"), PublishDeploymentStatus: "ENABLED", PullRequestComment: "ENABLED",
				Signers: []*fleet.Signers{nil, {}, {Allowed: ann}, {Allowed: "\t# Ann\n" + ann + " "}}[r.IntN(4)]})
		}
	}

	for _, name := range some("p") {
		f.Policies = append(f.Policies, fleet.Policy{Name: name, Document: pick("permit;\n", "forbid;\n", "1.0", "a\r\nb ")})
		f.Roles = append(f.Roles, fleet.Role{Name: name, Role: pick("ADMIN", "READER"), Issuer: "https://i", Audiences: []string{"a"}, Subjects: []string{pick("s", "t")}})
	}

	return f
}

// carryOut does a step to a model of a server, which refuses what refers to
// nothing and what something needs.
func carryOut(t *testing.T, f *fleet.Things, s fleet.Step) {
	t.Helper()
	switch s.Kind {
	case fleet.HostKind:
		f.Hosts = changed(f.Hosts, s)
	case fleet.ConnectionKind:
		f.Connections = changed(f.Connections, s)
	case fleet.LinkKind:
		f.Links = changed(f.Links, s)
	case fleet.ConfigurationKind:
		if want, ok := s.Want.(fleet.Configuration); ok {
			had, _ := s.Have.(fleet.Configuration)
			s.Want = signed(want, had)
		}
		f.Configurations = changed(f.Configurations, s)

	case fleet.PolicyKind:
		f.Policies = changed(f.Policies, s)
	case fleet.RoleKind:
		f.Roles = changed(f.Roles, s)
	}

	for _, c := range f.Connections {
		if !there(f.Hosts, c.Host) {
			t.Fatalf("after %v the connection %s is at no host", lines([]fleet.Step{s}), c.Name)
		}
	}

	for _, l := range f.Links {
		if !there(f.Connections, l.Connection) {
			t.Fatalf("after %v the link %s is over no connection", lines([]fleet.Step{s}), l.Repository)
		}
	}

	for _, c := range f.Configurations {
		if !there(f.Links, c.Link) {
			t.Fatalf("after %v the configuration %s follows no link", lines([]fleet.Step{s}), c.Resource)
		}
	}
}

// signed is what a server has of a configuration that is asked for: who may sign
// stays where nothing is said of it.
func signed(want, had fleet.Configuration) fleet.Configuration {
	if want.Signers == nil {
		want.Signers = had.Signers
	}
	if want.Signers != nil && *want.Signers == (fleet.Signers{}) {
		want.Signers = nil
	}
	return want
}

func there[T fleet.Thing](all []T, id string) bool {
	return slices.ContainsFunc(all, func(t T) bool { return t.ID() == id })
}

func changed[T fleet.Thing](all []T, s fleet.Step) []T {
	all = slices.DeleteFunc(slices.Clone(all), func(t T) bool { return t.ID() == s.ID() })
	if s.Want != nil {
		all = append(all, s.Want.(T))
	}
	return all
}

func TestCarryingOutAPlanLeavesNothingToDo(t *testing.T) {
	everything := fleet.Everything().Kinds
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		want, have := random(r), random(r)
		had := map[string]fleet.Configuration{}
		for i, c := range have.Configurations {
			have.Configurations[i] = signed(c, fleet.Configuration{})
			had[c.ID()] = have.Configurations[i]
		}

		file := fleet.File{Name: "f", Things: want, Lists: everything}
		steps, err := fleet.Plan(file, have, true)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}

		for _, s := range steps {
			carryOut(t, &have, s)
		}

		want.Configurations = slices.Clone(want.Configurations) // the file's stay as they are
		for i, c := range want.Configurations {
			want.Configurations[i] = signed(c, had[c.ID()])
		}

		if diff := cmp.Diff(want, have, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b fleet.Thing) bool { return a.ID() < b.ID() })); diff != "" {
			t.Fatalf("seed %d: after %v (-want +have):\n%s", seed, lines(steps), diff)
		}

		if steps, err := fleet.Plan(file, have, true); err != nil || len(steps) > 0 {
			t.Fatalf("seed %d: planned again: %v, %v", seed, lines(steps), err)
		}

		text, err := fleet.Export("f", have)
		if err != nil {
			t.Fatal(err)
		}

		if steps, err := fleet.Plan(read(t, string(text)), have, true); err != nil || len(steps) > 0 {
			t.Fatalf("seed %d: planned what was exported: %v, %v\n%s", seed, lines(steps), err, text)
		}
	}
}
