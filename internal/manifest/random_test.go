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

// randomResources returns resources with few different names, so that two results
// have many in common. All references are valid.
func randomResources(random *rand.Rand) manifest.Resources {
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	tags := func() map[string]string {
		return []map[string]string{{}, {"a": "1"}, {"a": "2", "b": ""}}[random.IntN(3)]
	}
	some := func(prefix string) (names []string) {
		for i := range 4 {
			if random.IntN(2) == 0 {
				names = append(names, fmt.Sprint(prefix, i))
			}
		}
		return names
	}

	var resources manifest.Resources
	var connections, links []string
	for _, name := range some("h") {
		resources.Hosts = append(resources.Hosts, manifest.Host{
			Name:     name,
			Provider: "Git",
			Endpoint: pick("https://a", "https://b"),
			Tags:     tags(),
		})
		// A connection cannot move, so that its name names its host.
		for _, connection := range some("c-" + name + "-") {
			connections = append(connections, connection)
			resources.Connections = append(resources.Connections, manifest.Connection{
				Name: connection,
				Host: name,
				Tags: tags(),
			})
		}
	}

	if len(connections) > 0 {
		links = some("acme/l")
	}

	for _, link := range links {
		resources.Links = append(resources.Links, manifest.Link{
			Repository: link,
			Connection: pick(connections...),
			Provider:   "Git",
			Tags:       tags(),
		})
	}

	if len(links) > 0 {
		for _, resource := range some("r") {
			resources.Configurations = append(resources.Configurations, manifest.Configuration{
				Type:                    "CFN_STACK_SYNC",
				Resource:                resource,
				Link:                    pick(links...),
				Branch:                  pick("main", "dev"),
				File:                    "f",
				Role:                    deploy,
				Trigger:                 pick("ANY_CHANGE", "FILE_CHANGE"),
				PublishDeploymentStatus: "ENABLED",
				PullRequestComment:      "ENABLED",
				Signers: []*manifest.Signers{
					nil,
					{},
					{Allowed: ann},
					{Allowed: "\t# Ann\n" + ann + " "},
				}[random.IntN(4)],
			})
		}
	}

	for _, name := range some("p") {
		resources.Policies = append(resources.Policies, manifest.Policy{
			Name:     name,
			Document: pick("permit;\n", "forbid;\n", "1.0", "a\r\nb "),
		})
		resources.Roles = append(resources.Roles, manifest.Role{
			Name:      name,
			Role:      pick("ADMIN", "READER"),
			Issuer:    "https://i",
			Audiences: []string{"a"},
			Subjects:  []string{pick("s", "t")},
		})
	}

	return resources
}

// applyToModel applies a step to a model of a server. It fails the test for a
// reference to nothing, and for the deletion of what something uses.
func applyToModel(t *testing.T, resources *manifest.Resources, step manifest.Step) {
	t.Helper()
	switch step.Kind {
	case manifest.HostKind:
		resources.Hosts = applyToList(resources.Hosts, step)
	case manifest.ConnectionKind:
		resources.Connections = applyToList(resources.Connections, step)
	case manifest.LinkKind:
		resources.Links = applyToList(resources.Links, step)
	case manifest.ConfigurationKind:
		if want, ok := step.Want.(manifest.Configuration); ok {
			had, _ := step.Have.(manifest.Configuration)
			step.Want = appliedConfiguration(want, had)
		}
		resources.Configurations = applyToList(resources.Configurations, step)

	case manifest.PolicyKind:
		resources.Policies = applyToList(resources.Policies, step)
	case manifest.RoleKind:
		resources.Roles = applyToList(resources.Roles, step)
	}

	for _, connection := range resources.Connections {
		if !contains(resources.Hosts, connection.Host) {
			t.Fatalf("after %v the connection %s is at no host", stepLines([]manifest.Step{step}), connection.Name)
		}
	}

	for _, l := range resources.Links {
		if !contains(resources.Connections, l.Connection) {
			t.Fatalf("after %v the link %s is over no connection", stepLines([]manifest.Step{step}), l.Repository)
		}
	}

	for _, connection := range resources.Configurations {
		if !contains(resources.Links, connection.Link) {
			t.Fatalf("after %v the configuration %s follows no link", stepLines([]manifest.Step{step}),
				connection.Resource)
		}
	}
}

// appliedConfiguration returns the configuration that a server has after applying want:
// signers that are not set stay.
func appliedConfiguration(want, had manifest.Configuration) manifest.Configuration {
	if want.Signers == nil {
		want.Signers = had.Signers
	}
	if want.Signers != nil && *want.Signers == (manifest.Signers{}) {
		want.Signers = nil
	}
	return want
}

func contains[T manifest.Resource](all []T, id string) bool {
	return slices.ContainsFunc(all, func(t T) bool { return t.ID() == id })
}

func applyToList[T manifest.Resource](all []T, s manifest.Step) []T {
	all = slices.DeleteFunc(slices.Clone(all), func(t T) bool { return t.ID() == s.ID() })
	if s.Want != nil {
		all = append(all, s.Want.(T))
	}
	return all
}

func TestApplyingAPlanLeavesNoSteps(t *testing.T) {
	everything := manifest.AllResources().Kinds
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		want, have := randomResources(r), randomResources(r)
		had := map[string]manifest.Configuration{}
		for i, cfg := range have.Configurations {
			have.Configurations[i] = appliedConfiguration(cfg, manifest.Configuration{})
			had[cfg.ID()] = have.Configurations[i]
		}

		file := manifest.File{Name: "f", Resources: want, Lists: everything}
		steps, err := manifest.Plan(file, have, true)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}

		for _, s := range steps {
			applyToModel(t, &have, s)
		}

		want.Configurations = slices.Clone(want.Configurations) // the file's stay as they are
		for i, cfg := range want.Configurations {
			want.Configurations[i] = appliedConfiguration(cfg, had[cfg.ID()])
		}

		diff := cmp.Diff(want, have, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b manifest.Resource) bool {
			return a.ID() < b.ID()
		}))
		if diff != "" {
			t.Fatalf("seed %d: after %v (-want +have):\n%s", seed, stepLines(steps), diff)
		}

		if steps, err := manifest.Plan(file, have, true); err != nil || len(steps) > 0 {
			t.Fatalf("seed %d: planned again: %v, %v", seed, stepLines(steps), err)
		}

		text, err := manifest.Export("f", have)
		if err != nil {
			t.Fatal(err)
		}

		if steps, err := manifest.Plan(parse(t, string(text)), have, true); err != nil || len(steps) > 0 {
			t.Fatalf("seed %d: planned what was exported: %v, %v\n%s", seed, stepLines(steps), err, text)
		}
	}
}
