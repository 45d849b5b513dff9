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

// existingResources returns the resources of a server: one of each kind.
func existingResources() manifest.Resources {
	hour := 3600
	return manifest.Resources{
		Hosts: []manifest.Host{{Name: "git", Provider: "Git", Endpoint: "https://git", ARN: "arn:git"}},
		Connections: []manifest.Connection{{
			Name:     "acme",
			Provider: "Git",
			Host:     "git",
			ARN:      "arn:acme",
			Tags:     map[string]string{"a": "1", "b": "2"},
		}},
		Links: []manifest.Link{{
			Repository: "acme/infra",
			Connection: "acme",
			Provider:   "Git",
			ARN:        "arn:infra",
			UUID:       "uuid",
		}},
		Configurations: []manifest.Configuration{{
			Type:     "CFN_STACK_SYNC",
			Resource: "web",
			Link:     "acme/infra",
			Branch:   "main",
			File:     "web.yaml",
			Role:     deploy,
			Trigger:  "ANY_CHANGE",
		}},
		Policies: []manifest.Policy{{Name: "read", Document: "permit;"}},
		Roles: []manifest.Role{{
			Name:               "ci",
			Role:               "READER",
			Issuer:             "https://i",
			Audiences:          []string{"a"},
			Subjects:           []string{"s"},
			MaxSessionDuration: &hour,
		}},
	}
}

// stepLines returns steps as text, one line each.
func stepLines(steps []manifest.Step) []string {
	all := []string{}
	for _, s := range steps {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Verb, s.Kind, s.ID(),
			strings.Join(s.Details, ", "))))
	}
	return all
}

const (
	hosts          = "hosts: [{name: git, provider: Git, endpoint: https://git}]\n"
	connections    = "connections: [{name: acme, host: git}]\n"
	links          = "links: [{repository: acme/infra, connection: acme}]\n"
	configurations = "configurations: [{resource: web, link: acme/infra, branch: main, file: web.yaml, role: '" +
		deploy + "'}]\n"
	policies = "policies: {read: permit;}\n"
	roles    = "roles: {ci: {role: READER, issuer: https://i, audiences: [a], subjects: [s]}}\n"
	whole    = hosts + connections + links + configurations + policies + roles
)

func TestPlanReturnsTheChangesInOrder(t *testing.T) {
	for _, test := range []struct {
		name, file string
		have       manifest.Resources
		prune      bool
		want       []string
	}{
		{
			name:  "all is new",
			file:  whole,
			have:  manifest.Resources{},
			prune: true,
			want: []string{"create host git", "create connection acme", "create link acme/infra",
				"create configuration web", "create role ci", "create policy read"},
		},
		{name: "all is there", file: whole, have: existingResources(), prune: true, want: []string{}},
		{
			name:  "all goes",
			file:  "hosts: []\nconnections: []\nlinks: []\nconfigurations: []\npolicies: {}\nroles: {}\n",
			have:  existingResources(),
			prune: true,
			want: []string{
				"delete configuration web",
				"delete link acme/infra",
				"delete connection acme",
				"delete host git",
				"delete policy read",
				"delete role ci",
			},
		},
		{
			name: "nothing goes unless it is pruned",
			file: "configurations: []\npolicies: {}\n",
			have: existingResources(),
			want: []string{},
		},
		{
			name:  "what the file has no list for stays",
			file:  "configurations: []\n",
			have:  existingResources(),
			prune: true,
			want:  []string{"delete configuration web"},
		},
		{
			name: "an endpoint",
			file: strings.ReplaceAll(hosts, "https://git", "https://new"),
			have: existingResources(),
			want: []string{"change host git endpoint https://git → https://new"},
		},
		{
			name: "a network",
			file: "hosts: [{name: git, provider: Git, endpoint: https://git, vpc: {id: vpc-01234567, subnets: " +
				"[subnet-01234567], security-groups: [sg-01234567]}}]",
			have: existingResources(),
			want: []string{"change host git vpc"},
		},
		{
			name: "tags",
			file: "connections: [{name: acme, host: git, tags: {a: '1', b: '3', c: ''}}]",
			have: existingResources(),
			want: []string{"change connection acme tag b=3, tag c="},
		},
		{
			name: "no tags",
			file: "connections: [{name: acme, host: git, tags: {}}]",
			have: existingResources(),
			want: []string{"change connection acme tag a removed, tag b removed"},
		},
		{
			name:  "a link moves",
			file:  "connections: [{name: new, host: git}]\nlinks: [{repository: acme/infra, connection: new}]",
			have:  existingResources(),
			prune: true,
			want: []string{
				"create connection new",
				"change link acme/infra connection acme → new",
				"delete connection acme",
			},
		},
		{
			name: "a configuration",
			file: strings.NewReplacer("main", "dev", "web.yaml", "w.yaml").Replace(configurations),
			have: existingResources(),
			want: []string{"change configuration web branch main → dev, file web.yaml → w.yaml"},
		},
		{
			name: "a choice",
			file: "configurations: [{resource: web, link: acme/infra, branch: main, file: web.yaml, role: '" + deploy +
				"', trigger: FILE_CHANGE, publish-deployment-status: ENABLED}]",
			have: existingResources(),
			want: []string{"change configuration web trigger ANY_CHANGE → FILE_CHANGE, " +
				"publish-deployment-status none → ENABLED"},
		},
		{
			name: "a policy",
			file: "policies: {read: forbid;}",
			have: existingResources(),
			want: []string{"change policy read text"},
		},
		{
			name: "a role",
			file: "roles: {ci: {role: ADMIN, issuer: https://i, audiences: [a], subjects: [s, t], jwks: '{}', " +
				"max-session-duration: 900}}",
			have: existingResources(),
			want: []string{"change role ci role READER → ADMIN, subjects, jwks, max-session-duration"},
		},
		{
			name: "who may assume a role",
			file: "roles: {ci: {role: READER, issuer: https://j, audiences: [b], subjects: [s], claims: [{name: " +
				"n, pattern: p}]}}",
			have: existingResources(),
			want: []string{"change role ci issuer https://i → https://j, audiences, claims"},
		},
		{
			name:  "what is deleted comes after what is made",
			file:  "configurations: [{resource: api, link: acme/infra, branch: main, file: f, role: '" + deploy + "'}]",
			have:  existingResources(),
			prune: true,
			want:  []string{"create configuration api", "delete configuration web"},
		},
	} {
		steps, err := manifest.Plan(parse(t, test.file), test.have, test.prune)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}

		if diff := cmp.Diff(test.want, stepLines(steps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestPlanRejectsWhatCannotBeDone(t *testing.T) {
	twice := existingResources()
	twice.Hosts = append(twice.Hosts, manifest.Host{Name: "git", ARN: "arn:other"})
	twice.Connections = append(twice.Connections, manifest.Connection{Name: "acme", ARN: "arn:second"})
	twice.Links = append(twice.Links, manifest.Link{Repository: "acme/infra", ARN: "arn:third"})
	github := existingResources()
	github.Connections = append(github.Connections, manifest.Connection{Name: "github", Provider: "GitHub"})

	for _, test := range []struct {
		file, want string
		have       manifest.Resources
		prune      bool
	}{
		{
			file: hosts,
			want: `1:9: the server has 2 hosts named "git": arn:git, arn:other. Delete all but one`,
			have: twice,
		},
		{
			file: connections,
			want: `1:15: the server has 2 connections named "acme": arn:acme, arn:second. Delete all but one` + "\n" +
				`lockstep.yaml:1:15: the server has 2 hosts named "git": arn:git, arn:other. Delete all but one`,
			have: twice,
		},
		{
			file: "connections: [{name: new, host: git}]",
			want: `1:15: the server has 2 hosts named "git": arn:git, arn:other. Delete all but one`,
			have: twice,
		},
		{
			file: "links: [{repository: new, connection: acme}]",
			want: `1:9: the server has 2 connections named "acme": arn:acme, arn:second. Delete all but one`,
			have: twice,
		},
		{
			file: configurations,
			want: `1:18: the server has 2 links named "acme/infra": arn:infra, arn:third. Delete all but one`,
			have: twice,
		},
		{
			file: connections,
			want: `1:15: the connection "acme" refers to the host "git", which is neither in the file nor on the ` +
				`server`,
			have: manifest.Resources{},
		},
		{
			file: links,
			want: `1:9: the link "acme/infra" refers to the connection "acme", which is neither in the file nor ` +
				`on the server`,
			have: manifest.Resources{},
		},
		{
			file: configurations,
			want: `1:18: the configuration "web" refers to the link "acme/infra", which is neither in the file ` +
				`nor on the server`,
			have: manifest.Resources{},
		},
		{
			file: strings.ReplaceAll(hosts, "Git", "GitLabSelfManaged"),
			want: `1:9: cannot change the type of the host "git" from Git to GitLabSelfManaged: create one with ` +
				`another name`,
			have: existingResources(),
		},
		{
			file: "connections: [{name: acme, provider: GitHub}]",
			want: `1:15: cannot move the connection "acme" from the host "git": create one with another name`,
			have: existingResources(),
		},
		{
			file: "connections: [{name: github, provider: GitLab}]",
			want: `1:15: cannot change the type of the connection "github" from GitHub to GitLab: create one with ` +
				`another name`,
			have: github,
		},
		{
			file: "connections: [{name: github, host: git}]",
			want: `1:15: cannot move the connection "github" from the provider GitHub to a host: create one with ` +
				`another name`,
			have: github,
		},
		{
			file: "links: [{repository: acme/infra, connection: github}]",
			want: `1:9: cannot move the link "acme/infra" to the connection "github", which is of type GitHub and ` +
				`not Git: delete the link and its sync configurations first; stacks are not changed`,
			have: github,
		},
		{
			file: "hosts: []",
			want: ` cannot delete the host "git": the connection "acme" uses it, and the file has no list of ` +
				`connections`,
			have:  existingResources(),
			prune: true,
		},
		{
			file: "connections: []",
			want: ` cannot delete the connection "acme": the link "acme/infra" uses it, and the file has no list ` +
				`of links`,
			have:  existingResources(),
			prune: true,
		},
		{
			file: "links: []",
			want: ` cannot delete the link "acme/infra": the configuration "web" uses it, and the file has no ` +
				`list of configurations`,
			have:  existingResources(),
			prune: true,
		},
	} {
		steps, err := manifest.Plan(parse(t, test.file), test.have, test.prune)
		if err == nil || err.Error() != "lockstep.yaml:"+test.want {
			t.Errorf("%s\ngot  %v, %v\nwant lockstep.yaml:%s", test.file, stepLines(steps), err, test.want)
		}
	}
}

func TestReadOptionsIncludeWhatPlanningNeeds(t *testing.T) {
	for _, test := range []struct {
		file  string
		prune bool
		want  []manifest.Kind
	}{
		{"policies: {}", true, []manifest.Kind{manifest.PolicyKind}},
		{"configurations: []", true, []manifest.Kind{manifest.ConfigurationKind}},
		{"hosts: []", false, []manifest.Kind{manifest.HostKind}},
		{
			file:  "hosts: []",
			prune: true,
			want: []manifest.Kind{
				manifest.ConfigurationKind,
				manifest.ConnectionKind,
				manifest.HostKind,
				manifest.LinkKind,
			},
		},
	} {
		var got []manifest.Kind
		for kind, wanted := range parse(t, test.file).ReadOptions(test.prune).Kinds {
			if wanted {
				got = append(got, kind)
			}
		}

		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s, prune %v (-want +got):\n%s", test.file, test.prune, diff)
		}
	}
}

func TestParseReadsWhatExportWrites(t *testing.T) {
	have := existingResources()
	have.Hosts[0].VPC = &manifest.VPC{
		ID:             "vpc-01234567",
		Subnets:        []string{"subnet-01234567"},
		SecurityGroups: []string{"sg-01234567"},
		Certificate:    "-----BEGIN\nx\n",
	}
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

	ours := cmp.Options{
		placeless,
		cmpopts.IgnoreFields(manifest.Host{}, "ARN"),
		cmpopts.IgnoreFields(manifest.Connection{}, "ARN"),
		cmpopts.IgnoreFields(manifest.Link{}, "ARN", "UUID", "Provider"),
	}
	have.Connections[0].Provider = "" // the host determines it
	if diff := cmp.Diff(have, parse(t, string(text)).Resources, ours); diff != "" {
		t.Errorf("read again (-exported +read):\n%s\n%s", diff, text)
	}
}

func TestExportRejectsAmbiguousNames(t *testing.T) {
	have := existingResources()
	have.Connections = append(have.Connections, manifest.Connection{Name: "acme", ARN: "arn:second"})
	_, err := manifest.Export("server", have)
	want := `server: the server has 2 connections named "acme": arn:acme, arn:second. Delete all but one`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
