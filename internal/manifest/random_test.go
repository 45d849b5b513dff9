package manifest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep/internal/manifest"
)

// random makes a fleet whose names are few, so that two of them have many in
// common. All that refers leads somewhere.
func random(r *rand.Rand) manifest.Resources {
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

	var f manifest.Resources
	var connections, links []string
	for _, name := range some("h") {
		f.Hosts = append(f.Hosts, manifest.Host{Name: name, Provider: "Git", Endpoint: pick("https://a", "https://b"), Tags: tags()})
		// A connection cannot move, so that its name names its host.
		for _, connection := range some("c-" + name + "-") {
			connections = append(connections, connection)
			f.Connections = append(f.Connections, manifest.Connection{Name: connection, Host: name, Tags: tags()})
		}
	}

	if len(connections) > 0 {
		links = some("acme/l")
	}

	for _, link := range links {
		f.Links = append(f.Links, manifest.Link{Repository: link, Connection: pick(connections...), Provider: "Git", Tags: tags()})
	}

	if len(links) > 0 {
		for _, resource := range some("r") {
			f.Configurations = append(f.Configurations, manifest.Configuration{Type: "CFN_STACK_SYNC", Resource: resource, Link: pick(links...),
				Branch: pick("main", "dev"), File: "f", Role: deploy, Trigger: pick("ANY_CHANGE", "FILE_CHANGE"), PublishDeploymentStatus: "ENABLED", PullRequestComment: "ENABLED",
				Signers: []*manifest.Signers{nil, {}, {Allowed: ann}, {Allowed: "\t# Ann\n" + ann + " "}}[r.IntN(4)]})
		}
	}

	for _, name := range some("p") {
		f.Policies = append(f.Policies, manifest.Policy{Name: name, Document: pick("permit;\n", "forbid;\n", "1.0", "a\r\nb ")})
		f.Roles = append(f.Roles, manifest.Role{Name: name, Role: pick("ADMIN", "READER"), Issuer: "https://i", Audiences: []string{"a"}, Subjects: []string{pick("s", "t")}})
	}

	return f
}

// carryOut does a step to a model of a server, which refuses what refers to
// nothing and what something needs.
func carryOut(t *testing.T, f *manifest.Resources, s manifest.Step) {
	t.Helper()
	switch s.Kind {
	case manifest.HostKind:
		f.Hosts = changed(f.Hosts, s)
	case manifest.ConnectionKind:
		f.Connections = changed(f.Connections, s)
	case manifest.LinkKind:
		f.Links = changed(f.Links, s)
	case manifest.ConfigurationKind:
		if want, ok := s.Want.(manifest.Configuration); ok {
			had, _ := s.Have.(manifest.Configuration)
			s.Want = signed(want, had)
		}
		f.Configurations = changed(f.Configurations, s)

	case manifest.PolicyKind:
		f.Policies = changed(f.Policies, s)
	case manifest.RoleKind:
		f.Roles = changed(f.Roles, s)
	}

	for _, c := range f.Connections {
		if !there(f.Hosts, c.Host) {
			t.Fatalf("after %v the connection %s is at no host", lines([]manifest.Step{s}), c.Name)
		}
	}

	for _, l := range f.Links {
		if !there(f.Connections, l.Connection) {
			t.Fatalf("after %v the link %s is over no connection", lines([]manifest.Step{s}), l.Repository)
		}
	}

	for _, c := range f.Configurations {
		if !there(f.Links, c.Link) {
			t.Fatalf("after %v the configuration %s follows no link", lines([]manifest.Step{s}), c.Resource)
		}
	}
}

// signed is what a server has of a configuration that is asked for: who may sign
// stays where nothing is said of it.
func signed(want, had manifest.Configuration) manifest.Configuration {
	if want.Signers == nil {
		want.Signers = had.Signers
	}
	if want.Signers != nil && *want.Signers == (manifest.Signers{}) {
		want.Signers = nil
	}
	return want
}

func there[T manifest.Resource](all []T, id string) bool {
	return slices.ContainsFunc(all, func(t T) bool { return t.ID() == id })
}

func changed[T manifest.Resource](all []T, s manifest.Step) []T {
	all = slices.DeleteFunc(slices.Clone(all), func(t T) bool { return t.ID() == s.ID() })
	if s.Want != nil {
		all = append(all, s.Want.(T))
	}
	return all
}

func TestCarryingOutAPlanLeavesNothingToDo(t *testing.T) {
	everything := manifest.AllResources().Kinds
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		want, have := random(r), random(r)
		had := map[string]manifest.Configuration{}
		for i, c := range have.Configurations {
			have.Configurations[i] = signed(c, manifest.Configuration{})
			had[c.ID()] = have.Configurations[i]
		}

		file := manifest.File{Name: "f", Resources: want, Lists: everything}
		steps, err := manifest.Plan(file, have, true)
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

		if diff := cmp.Diff(want, have, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b manifest.Resource) bool { return a.ID() < b.ID() })); diff != "" {
			t.Fatalf("seed %d: after %v (-want +have):\n%s", seed, lines(steps), diff)
		}

		if steps, err := manifest.Plan(file, have, true); err != nil || len(steps) > 0 {
			t.Fatalf("seed %d: planned again: %v, %v", seed, lines(steps), err)
		}

		text, err := manifest.Export("f", have)
		if err != nil {
			t.Fatal(err)
		}

		if steps, err := manifest.Plan(read(t, string(text)), have, true); err != nil || len(steps) > 0 {
			t.Fatalf("seed %d: planned what was exported: %v, %v\n%s", seed, lines(steps), err, text)
		}
	}
}
