package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep/internal/manifest"
)

// served is what a server has: a host, a connection, a link, a configuration, a
// policy and a role.
func served() manifest.Resources {
	hour := 3600
	return manifest.Resources{
		Hosts:       []manifest.Host{{Name: "git", Provider: "Git", Endpoint: "https://git", ARN: "arn:git"}},
		Connections: []manifest.Connection{{Name: "acme", Provider: "Git", Host: "git", ARN: "arn:acme", Tags: map[string]string{"a": "1", "b": "2"}}},
		Links:       []manifest.Link{{Repository: "acme/infra", Connection: "acme", Provider: "Git", ARN: "arn:infra", UUID: "uuid"}},
		Configurations: []manifest.Configuration{{Type: "CFN_STACK_SYNC", Resource: "web", Link: "acme/infra", Branch: "main", File: "web.yaml",
			Role: deploy, Trigger: "ANY_CHANGE"}},
		Policies: []manifest.Policy{{Name: "read", Document: "permit;"}},
		Roles:    []manifest.Role{{Name: "ci", Role: "READER", Issuer: "https://i", Audiences: []string{"a"}, Subjects: []string{"s"}, MaxSessionDuration: &hour}},
	}
}

// lines are steps as a table has them.
func lines(steps []manifest.Step) []string {
	all := []string{}
	for _, s := range steps {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Verb, s.Kind, s.ID(), strings.Join(s.Details, ", "))))
	}
	return all
}

const (
	hosts          = "hosts: [{name: git, provider: Git, endpoint: https://git}]\n"
	connections    = "connections: [{name: acme, host: git}]\n"
	links          = "links: [{repository: acme/infra, connection: acme}]\n"
	configurations = "configurations: [{resource: web, link: acme/infra, branch: main, file: web.yaml, role: '" + deploy + "'}]\n"
	policies       = "policies: {read: permit;}\n"
	roles          = "roles: {ci: {role: READER, issuer: https://i, audiences: [a], subjects: [s]}}\n"
	whole          = hosts + connections + links + configurations + policies + roles
)

func TestAPlanIsWhatDiffersInAnOrderThatCanBe(t *testing.T) {
	for _, c := range []struct {
		name, file string
		have       manifest.Resources
		prune      bool
		want       []string
	}{
		{"all is new", whole, manifest.Resources{}, true, []string{"create host git", "create connection acme", "create link acme/infra",
			"create configuration web", "create role ci", "create policy read"}},
		{"all is there", whole, served(), true, []string{}},
		{"all goes", "hosts: []\nconnections: []\nlinks: []\nconfigurations: []\npolicies: {}\nroles: {}\n", served(), true,
			[]string{"delete configuration web", "delete link acme/infra", "delete connection acme", "delete host git", "delete policy read", "delete role ci"}},
		{"nothing goes unless it is pruned", "configurations: []\npolicies: {}\n", served(), false, []string{}},
		{"what the file has no list for stays", "configurations: []\n", served(), true, []string{"delete configuration web"}},
		{"an endpoint", strings.ReplaceAll(hosts, "https://git", "https://new"), served(), false, []string{"change host git endpoint https://git → https://new"}},
		{"a network", "hosts: [{name: git, provider: Git, endpoint: https://git, vpc: {id: vpc-01234567, subnets: [subnet-01234567], security-groups: [sg-01234567]}}]",
			served(), false, []string{"change host git vpc"}},
		{"tags", "connections: [{name: acme, host: git, tags: {a: '1', b: '3', c: ''}}]", served(), false, []string{"change connection acme tag b=3, tag c="}},
		{"no tags", "connections: [{name: acme, host: git, tags: {}}]", served(), false, []string{"change connection acme tag a removed, tag b removed"}},
		{"a link moves", "connections: [{name: new, host: git}]\nlinks: [{repository: acme/infra, connection: new}]", served(), true,
			[]string{"create connection new", "change link acme/infra connection acme → new", "delete connection acme"}},
		{"a configuration", strings.NewReplacer("main", "dev", "web.yaml", "w.yaml").Replace(configurations), served(), false,
			[]string{"change configuration web branch main → dev, file web.yaml → w.yaml"}},
		{"a choice", "configurations: [{resource: web, link: acme/infra, branch: main, file: web.yaml, role: '" + deploy +
			"', trigger: FILE_CHANGE, publish-deployment-status: ENABLED}]", served(), false,
			[]string{"change configuration web trigger ANY_CHANGE → FILE_CHANGE, publish-deployment-status none → ENABLED"}},
		{"a policy", "policies: {read: forbid;}", served(), false, []string{"change policy read text"}},
		{"a role", "roles: {ci: {role: ADMIN, issuer: https://i, audiences: [a], subjects: [s, t], jwks: '{}', max-session-duration: 900}}", served(), false,
			[]string{"change role ci role READER → ADMIN, subjects, jwks, max-session-duration"}},
		{"who may assume a role", "roles: {ci: {role: READER, issuer: https://j, audiences: [b], subjects: [s], claims: [{name: n, pattern: p}]}}", served(), false,
			[]string{"change role ci issuer https://i → https://j, audiences, claims"}},
		{"what is deleted comes after what is made", "configurations: [{resource: api, link: acme/infra, branch: main, file: f, role: '" + deploy + "'}]", served(), true,
			[]string{"create configuration api", "delete configuration web"}},
	} {
		steps, err := manifest.Plan(read(t, c.file), c.have, c.prune)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}

		if diff := cmp.Diff(c.want, lines(steps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestAPlanRefusesWhatCannotBe(t *testing.T) {
	twice := served()
	twice.Hosts = append(twice.Hosts, manifest.Host{Name: "git", ARN: "arn:other"})
	twice.Connections = append(twice.Connections, manifest.Connection{Name: "acme", ARN: "arn:second"})
	twice.Links = append(twice.Links, manifest.Link{Repository: "acme/infra", ARN: "arn:third"})
	github := served()
	github.Connections = append(github.Connections, manifest.Connection{Name: "github", Provider: "GitHub"})

	for _, c := range []struct {
		file, says string
		have       manifest.Resources
		prune      bool
	}{
		{hosts, `1:9: the server has 2 hosts "git": arn:git, arn:other. Delete all but one`, twice, false},
		{connections, `1:15: the server has 2 connections "acme": arn:acme, arn:second. Delete all but one` + "\n" +
			`fleet.yaml:1:15: the server has 2 hosts "git": arn:git, arn:other. Delete all but one`, twice, false},
		{"connections: [{name: new, host: git}]", `1:15: the server has 2 hosts "git": arn:git, arn:other. Delete all but one`, twice, false},
		{"links: [{repository: new, connection: acme}]", `1:9: the server has 2 connections "acme": arn:acme, arn:second. Delete all but one`, twice, false},
		{configurations, `1:18: the server has 2 links "acme/infra": arn:infra, arn:third. Delete all but one`, twice, false},
		{connections, `1:15: the connection "acme" needs the host "git", which neither the file nor the server has`, manifest.Resources{}, false},
		{links, `1:9: the link "acme/infra" needs the connection "acme", which neither the file nor the server has`, manifest.Resources{}, false},
		{configurations, `1:18: the configuration "web" needs the link "acme/infra", which neither the file nor the server has`, manifest.Resources{}, false},
		{strings.ReplaceAll(hosts, "Git", "GitLabSelfManaged"), `1:9: the host "git" is of type Git and cannot become GitLabSelfManaged: give the new one another name`, served(), false},
		{"connections: [{name: acme, provider: GitHub}]", `1:15: the connection "acme" is at the host "git" and cannot move: give the new one another name`, served(), false},
		{"connections: [{name: github, provider: GitLab}]", `1:15: the connection "github" is of type GitHub and cannot become GitLab: give the new one another name`, github, false},
		{"connections: [{name: github, host: git}]", `1:15: the connection "github" is at the provider GitHub and cannot move to a host: give the new one another name`, github, false},
		{"links: [{repository: acme/infra, connection: github}]", `1:9: the link "acme/infra" cannot move to the connection "github", which is of type GitHub and not Git: ` +
			`delete the link first, with what follows it (their stacks stay)`, github, false},
		{"hosts: []", ` the host "git" cannot be pruned: the connection "acme" needs it, and the file has no list of connections`, served(), true},
		{"connections: []", ` the connection "acme" cannot be pruned: the link "acme/infra" needs it, and the file has no list of links`, served(), true},
		{"links: []", ` the link "acme/infra" cannot be pruned: the configuration "web" needs it, and the file has no list of configurations`, served(), true},
	} {
		steps, err := manifest.Plan(read(t, c.file), c.have, c.prune)
		if err == nil || err.Error() != "fleet.yaml:"+c.says {
			t.Errorf("%s\ngot  %v, %v\nwant fleet.yaml:%s", c.file, lines(steps), err, c.says)
		}
	}
}

func TestAPlanAsksForWhatItNeedsToKnow(t *testing.T) {
	for _, c := range []struct {
		file  string
		prune bool
		want  []manifest.Kind
	}{
		{"policies: {}", true, []manifest.Kind{manifest.PolicyKind}},
		{"configurations: []", true, []manifest.Kind{manifest.ConfigurationKind}},
		{"hosts: []", false, []manifest.Kind{manifest.HostKind}},
		{"hosts: []", true, []manifest.Kind{manifest.ConfigurationKind, manifest.ConnectionKind, manifest.HostKind, manifest.LinkKind}},
	} {
		var got []manifest.Kind
		for kind, wanted := range read(t, c.file).ReadOptions(c.prune).Kinds {
			if wanted {
				got = append(got, kind)
			}
		}

		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s, prune %v (-want +got):\n%s", c.file, c.prune, diff)
		}
	}
}

func TestWhatIsExportedIsReadAsWhatItWas(t *testing.T) {
	have := served()
	have.Hosts[0].VPC = &manifest.VPC{ID: "vpc-01234567", Subnets: []string{"subnet-01234567"}, SecurityGroups: []string{"sg-01234567"}, Certificate: "-----BEGIN\nx\n"}
	have.Hosts[0].Tags = map[string]string{"cost": "42", "on": "true"}
	have.Links[0].EncryptionKey = "arn:aws:kms:us-east-1:111122223333:key/k"
	have.Links[0].Tags = map[string]string{"a b": "~", "c": ""}
	have.Connections = append(have.Connections, manifest.Connection{Name: "null", Provider: "GitHub", ARN: "arn:null"})
	have.Configurations[0].PublishDeploymentStatus, have.Configurations[0].PullRequestComment = "DISABLED", "ENABLED"
	have.Configurations[0].Branch = "2026-11-22"
	have.Roles[0].Claims = []manifest.Claim{{Name: "ref", Pattern: "*"}}
	have.Roles[0].JWKS = `{"keys": []}`
	text, err := manifest.Export("server", have)
	if err != nil {
		t.Fatal(err)
	}

	ours := cmp.Options{placeless, cmpopts.IgnoreFields(manifest.Host{}, "ARN"), cmpopts.IgnoreFields(manifest.Connection{}, "ARN"),
		cmpopts.IgnoreFields(manifest.Link{}, "ARN", "UUID", "Provider")}
	have.Connections[0].Provider = "" // the host says it
	if diff := cmp.Diff(have, read(t, string(text)).Resources, ours); diff != "" {
		t.Errorf("read again (-exported +read):\n%s\n%s", diff, text)
	}
}

func TestExportRefusesANameThatTwoThingsHave(t *testing.T) {
	have := served()
	have.Connections = append(have.Connections, manifest.Connection{Name: "acme", ARN: "arn:second"})
	_, err := manifest.Export("server", have)
	if want := `server: the server has 2 connections "acme": arn:acme, arn:second. Delete all but one`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
