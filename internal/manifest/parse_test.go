package manifest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep/internal/manifest"
)

// parse returns a parsed file, which must be valid.
func parse(t testing.TB, text string) manifest.File {
	t.Helper()
	file, err := manifest.Parse("lockstep.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// example returns the example of docs/manifest.md.
func example(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, begun := strings.Cut(string(text), "```yaml\n")
	yaml, _, ended := strings.Cut(after, "```\n")
	if !begun || !ended {
		t.Fatal("docs/manifest.md has no example")
	}
	return yaml
}

var placeless = cmpopts.IgnoreTypes(manifest.Position{})

const deploy = "arn:aws:iam::111122223333:role/deploy"

func TestParseReadsTheExampleInTheDocumentation(t *testing.T) {
	hour := 3600
	want := manifest.Resources{
		Hosts: []manifest.Host{{
			Name:     "git.example.com",
			Provider: "Git",
			Endpoint: "https://git.example.com",
			Tags:     map[string]string{"team": "platform"},
		}},
		Connections: []manifest.Connection{
			{Name: "acme", Host: "git.example.com", Tags: map[string]string{}},
			{Name: "tools", Host: "git.example.com"},
		},
		Links: []manifest.Link{
			{Repository: "acme/infra", Connection: "acme"},
			{Repository: "acme/tools/site", Connection: "tools", Tags: map[string]string{"team": "web"}},
		},
		Configurations: []manifest.Configuration{
			{
				Type:     "CFN_STACK_SYNC",
				Resource: "network",
				Link:     "acme/infra",
				Branch:   "main",
				File:     "network.yaml",
				Role:     deploy,
				Signers:  &manifest.Signers{Allowed: strings.Replace(ann, " ", ` namespaces="git" `, 1)},
			},
			{
				Type:                    "CFN_STACK_SYNC",
				Resource:                "web",
				Link:                    "acme/tools/site",
				Branch:                  "1.0",
				File:                    "stacks/web.yaml",
				Role:                    deploy,
				Trigger:                 "ANY_CHANGE",
				PublishDeploymentStatus: "ENABLED",
				PullRequestComment:      "DISABLED",
			},
		},
		Policies: []manifest.Policy{{
			Name:     "everyone-reads",
			Document: "permit (principal, action in Action::\"Read\", resource);\n",
		}},
		Roles: []manifest.Role{{
			Name:               "ci",
			Role:               "OPERATOR",
			Issuer:             "https://token.actions.githubusercontent.com",
			Audiences:          []string{"lockstep"},
			Subjects:           []string{"repo:acme/infra:*"},
			Claims:             []manifest.Claim{{Name: "ref", Pattern: "refs/heads/main"}},
			MaxSessionDuration: &hour,
		}},
	}

	file := parse(t, example(t))
	if diff := cmp.Diff(want, file.Resources, placeless); diff != "" {
		t.Errorf("things (-want +got):\n%s", diff)
	}

	at := file.Configurations[1].Position
	if at.Line == 0 || !strings.HasPrefix(strings.Split(example(t), "\n")[at.Line-1][at.Column-1:], "resource: web") {
		t.Errorf("the second configuration is at %v", at)
	}

	tagged := file.ReadOptions(false).Tagged
	if tagged(manifest.ConnectionKind, "tools") || !tagged(manifest.ConnectionKind, "acme") {
		t.Error("an empty mapping of tags asks for tags, and none does not")
	}
}

func TestParseErrorsHaveAPosition(t *testing.T) {
	const config = "{resource: web, link: infra, branch: main, file: f, role: 'arn:aws:iam::111122223333:role/deploy'"
	for _, test := range []struct{ file, want string }{
		{"", ` the file is empty; ` + "`lockstep export` writes an example"},
		{"# nothing\n", ` the file is empty; ` + "`lockstep export` writes an example"},
		{"[]", `1:1: the file must be a mapping, not a list`},
		{"hosts: [", `1:1: not valid YAML: did not find expected node content`},
		{"hosts: []\n---\nlinks: []", `2:1: a file must have only one document`},
		{"hosts: []\nhosts: []", `2:1: the key "hosts" is repeated`},
		{
			file: "host: []",
			want: `1:1: the file has no key "host"; its keys are hosts, connections, links, configurations, ` +
				`policies, roles`,
		},
		{"hosts:", `1:7: hosts must be a list, not null`},
		{"hosts: {}", `1:8: hosts must be a list, not a mapping`},
		{"policies: []", `1:11: policies must be a mapping of names, not a list`},
		{"hosts: [git]", `1:9: a host must be a mapping, not text`},
		{"hosts: [{name: h, provider: Git}]", `1:9: a host needs the key endpoint`},
		{
			file: "hosts: [{name: h, provider: Bazaar, endpoint: e}]",
			want: `1:29: provider must be one of Bitbucket, GitHub, GitHubEnterpriseServer, GitLab, ` +
				`GitLabSelfManaged, AzureDevOps, Git`,
		},
		{
			file: "hosts: [{name: h, provider: Git, endpoint: 'https://jo:hunter2@git.example.com'}]",
			want: `1:44: a manifest must not contain secrets: endpoint must not have a user name or a password; ` +
				`give them to the connection with ` + "`lockstep connect NAME --basic-stdin`",
		},
		{
			file: "connections: [{name: c, provider: Git, token: hunter2}]",
			want: `1:40: a manifest must not contain secrets: remove "token", change the secret if it was real, ` +
				`and give it to the connection with ` + "`lockstep connect NAME --token-stdin`",
		},
		{
			file: "connections: [{name: c, provider: Git, Client-Secret: hunter2}]",
			want: `1:40: a manifest must not contain secrets: remove "Client-Secret", change the secret if it was ` +
				`real, and give it to the connection with ` + "`lockstep connect NAME --token-stdin`",
		},
		{"connections: [{name: c}]", `1:15: a connection needs either provider or host`},
		{"connections: [{name: c, provider: Git, host: h}]", `1:15: a connection needs either provider or host`},
		{
			file: "connections: [{name: 123456789012345678901234567890123, provider: Git}]",
			want: `1:22: name must be text, not a number (quote it to make it text)`,
		},
		{
			file: "connections: [{name: '123456789012345678901234567890123', provider: Git}]",
			want: `1:22: name must have 1 to 32 characters, not 33`,
		},
		{
			file: "connections: [{name: c, provider: Git, tags: {a: 1}}]",
			want: `1:50: the tag "a" must be text, not a number (quote it to make it text)`,
		},
		{"connections: [{name: c, provider: Git, tags: {a: b, a: c}}]", `1:53: the key "a" is repeated`},
		{"links: [{connection: c, repository: acme/}]", `1:37: repository must be OWNER/NAME`},
		{"links: [{connection: c, repository: -/infra}]", `1:37: repository must be OWNER/NAME`},
		{
			file: "configurations: [" + config + ", trigger: SOMETIMES}]",
			want: `1:126: trigger must be one of ANY_CHANGE, FILE_CHANGE`,
		},
		{"configurations: [" + config + ", branch: dev}]", `1:117: the key "branch" is repeated`},
		{"configurations:\n- " + config + "}\n- " + config + "}", `3:3: the configuration "web" is already in line 2`},
		{
			file: "links: []\nconfigurations: [" + config + "}]",
			want: `2:18: the configuration "web" refers to the link "infra", which is not in the file`,
		},
		{
			file: "connections: []\nlinks: [{connection: c, repository: r}]",
			want: `2:9: the link "r" refers to the connection "c", which is not in the file`,
		},
		{
			file: "hosts: []\nconnections: [{name: c, host: h}]",
			want: `2:15: the connection "c" refers to the host "h", which is not in the file`,
		},
		{"policies: {p: [permit]}", `1:15: the policy "p" must be text, not a list`},
		{"policies: {p: ''}", `1:15: the policy "p" must have 1 to 16384 characters, not 0`},
		{
			file: "roles: {ci: {role: ADMIN, issuer: https://i, audiences: [], subjects: [s]}}",
			want: `1:57: audiences must have 1 to 20 entries`,
		},
		{"roles: {ci: {role: ADMIN, issuer: https://i, audiences: [a], subjects: [s], max-session-duration: 1h}}",
			`1:99: max-session-duration must be a whole number, not text`},
		{"roles: {ci: {role: ADMIN, issuer: https://i, audiences: [a], subjects: [s], max-session-duration: 5}}",
			`1:99: max-session-duration must be 900 to 3600`},
		{"hosts: [!!binary aGk=]", `1:9: a host must be a mapping, not a value with the tag "!!binary"`},
		{"? [a]\n: b", `1:3: a key must be text`},
	} {
		_, err := manifest.Parse("lockstep.yaml", []byte(test.file))
		if err == nil || err.Error() != "lockstep.yaml:"+test.want {
			t.Errorf("%s\ngot  %v\nwant lockstep.yaml:%s", test.file, err, test.want)
		}

		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret is shown", test.file)
		}
	}
}

func TestParseReportsAllProblemsInOrder(t *testing.T) {
	_, err := manifest.Parse("f", []byte("links: [{connection: 1}]\nhosts: 2\nconnections: 3\n"))
	want := "f:1:9: a link needs the key repository\nf:1:22: connection must be text, not a number (quote it to " +
		"make it text)\n" +
		"f:2:8: hosts must be a list, not a number (quote it to make it text)\n" +
		"f:3:14: connections must be a list, not a number (quote it to make it text)"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = manifest.Parse("f", []byte("hosts:\n"+strings.Repeat("- 1\n", 50)))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 21 || lines[20] != "… and 30 more" {
		t.Errorf("got %d lines:\n%v", len(lines), err)
	}
}

func TestParseResolvesAliases(t *testing.T) {
	f := parse(t, "configurations:\n- &web {resource: web, link: infra, branch: &b main, file: f, role: &r '"+deploy+
		"'}\n"+
		"- {resource: api, link: infra, branch: *b, file: f, role: *r}\n")
	if c := f.Configurations[1]; c.Branch != "main" || c.Role != deploy {
		t.Errorf("got %+v", c)
	}
	if _, err := manifest.Parse("f", []byte("hosts: &h\n- *h\n")); err == nil {
		t.Error("a list that holds itself is a host")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example(f))
	f.Add("hosts: &h\n- *h\n")
	f.Add("a: &a [x]\nb: [*a, *a]\n")
	f.Add("links: [{connection: c, repository: '/'}]")
	f.Add("? {}\n: []\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := manifest.Parse("f", []byte(text))
		if err != nil {
			return
		}

		written, err := manifest.Export("f", file.Resources)
		if err != nil {
			t.Fatal(err)
		}

		again, err := manifest.Parse("f", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}

		steps, err := manifest.Plan(again, file.Resources, true)
		if err != nil || len(steps) > 0 {
			t.Errorf("exported again it differs: %v, %v\n%s", steps, err, written)
		}
	})
}
