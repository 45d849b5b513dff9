package connect_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m) }

// connectAcme creates the connection acme.
func connectAcme(t testing.TB, i clitest.Installation) {
	t.Helper()
	i.Run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").OK(t)
}

// linkInfra creates the connection acme and a link to acme/infra.
func linkInfra(t testing.TB, i clitest.Installation) {
	t.Helper()
	connectAcme(t, i)
	i.Run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").OK(t)
}

func TestConnectCreatesTheHostAndTheConnection(t *testing.T) {
	i := clitest.NewInstallation(t)

	result := i.Run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").OK(t)

	result.Prints(t, "Created connection acme (AVAILABLE)\n", "lockstep link create --connection acme ")
	i.Run(t, "host", "list").OK(t).Prints(t, "git.example.com  Git       AVAILABLE  https://git.example.com  ")
}

func TestConnectUsesAnExistingHost(t *testing.T) {
	i := clitest.NewInstallation(t)
	hosts := map[string]bool{}
	for _, args := range [][]string{
		{"one", "--endpoint", "https://git.example.com"},
		{"two", "--endpoint", "https://git.example.com/"},
		{"three"},
		{"one"},
	} {
		var created struct{ HostArn string }
		result := i.Run(t, append([]string{"connect", "--provider", "Git", "--none", "-o", "json"}, args...)...).OK(t)
		if err := json.Unmarshal([]byte(result.Stdout), &created); err != nil {
			t.Fatal(err)
		}

		hosts[created.HostArn] = true
	}

	if len(hosts) != 1 {
		t.Errorf("hosts %v, want one", hosts)
	}

	// The second connect of one replaced its credential, so the name is unique.
	i.Run(t, "link", "create", "--connection", "one", "--repository", "infra").OK(t)
}

func TestConnectNeedsAnEndpointUnlessThereIsOneHost(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "connect", "one", "--provider", "Git", "--none", "--endpoint", "https://git.example.com").OK(t)
	i.Run(t, "connect", "two", "--provider", "Git", "--none", "--endpoint", "https://other.example.com").OK(t)

	i.Run(t, "connect", "three", "--provider", "Git", "--none").
		Fails(t, 2, "--endpoint is missing", "there are 2 hosts")
}

func TestConnectCreatesNoHostForAProviderWithItsOwnEndpoint(t *testing.T) {
	i := clitest.NewInstallation(t)

	result := i.Run(t, "connect", "hub", "--provider", "GitHub", "--none", "-o", "yaml").OK(t)

	if strings.Contains(result.Stdout, "HostArn") {
		t.Errorf("the connection has a host:\n%s", result.Stdout)
	}
}

func TestConnectRejectsANameThatIsTaken(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "connect", "acme", "--provider", "Git", "--none", "--endpoint", "https://one.example.com").OK(t)

	for _, args := range [][]string{
		{"--provider", "Git", "--endpoint", "https://two.example.com"},
		{"--provider", "GitHub"},
	} {
		i.Run(t, append([]string{"connect", "acme", "--none"}, args...)...).
			Fails(t, 1, "Connection acme exists already, with another host or provider.", "lockstep connect list")
	}

	if hosts := i.Run(t, "host", "list").OK(t).Stdout; strings.Contains(hosts, "two.example.com") {
		t.Errorf("a host was created:\n%s", hosts)
	}
}

const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n" +
	"-----END OPENSSH PRIVATE KEY-----\n"

// connectWith connects acme with standard input and further flags.
func connectWith(t testing.TB, i clitest.Installation, stdin string, flags ...string) clitest.Result {
	t.Helper()
	args := append([]string{"connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com"}, flags...)
	return clitest.RunWith(t, t.Context(), i.Env, stdin, args...)
}

// checkHidden checks that a result does not show the secret hunter2.
func checkHidden(t testing.TB, result clitest.Result) {
	t.Helper()
	if strings.Contains(result.Stdout+result.Stderr, "hunter2") {
		t.Errorf("the secret is shown:\n%s%s", result.Stdout, result.Stderr)
	}
}

func checkCredentials(t testing.TB, i clitest.Installation, want ...lockstep.Credential) {
	t.Helper()
	if diff := cmp.Diff(want, i.Credentials(t)); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
}

func TestConnectReadsSecretsFromStandardInput(t *testing.T) {
	i := clitest.NewInstallation(t)

	basic := connectWith(t, i, "jo:hunter2:x\r\n", "--basic-stdin").OK(t)
	checkHidden(t, basic)
	checkCredentials(t, i, lockstep.Credential{Kind: "BASIC", Username: "jo", Secret: "hunter2:x"})

	token := connectWith(t, i, "hunter2", "--token-stdin").OK(t)
	token.Prints(t, "Replaced the credential of connection acme")
	checkHidden(t, token)
	checkCredentials(t, i, lockstep.Credential{Kind: "TOKEN", Secret: "hunter2"})
}

func TestConnectReadsSSHKeys(t *testing.T) {
	i := clitest.NewInstallation(t)
	keyFile := filepath.Join(t.TempDir(), "key")
	clitest.WriteFile(t, keyFile, privateKey)

	i.Run(t, "connect", "file", "--provider", "Git",
		"--endpoint", "ssh://git@git.example.com/", "--ssh-key", keyFile).OK(t)
	clitest.RunWith(t, t.Context(), i.Env, privateKey, "connect", "stdin", "--provider", "Git",
		"--endpoint", "ssh://APKA1@git.example.com:2222", "--ssh-key", "-").OK(t)

	checkCredentials(t, i,
		lockstep.Credential{Kind: "SSH_KEY", Username: "git", Secret: privateKey},
		lockstep.Credential{Kind: "SSH_KEY", Username: "APKA1", Secret: privateKey})
}

func TestConnectRejectsWrongCredentialsWithoutShowingThem(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectWith(t, i, "good", "--token-stdin").OK(t)
	keyFile := filepath.Join(t.TempDir(), "key")
	clitest.WriteFile(t, keyFile, privateKey)

	for _, test := range []struct {
		name, stdin string
		flags       []string
	}{
		{"no kind", "hunter2", nil},
		{"two kinds", "hunter2", []string{"--none", "--token-stdin"}},
		{"two kinds with a file", "hunter2", []string{"--ssh-key", keyFile, "--token-stdin"}},
		{"not a private key", "hunter2", []string{"--ssh-key", "-"}},
		{"no such file", "", []string{"--ssh-key", keyFile + ".pub"}},
		{"SSH key over HTTPS", "", []string{"--ssh-key", keyFile}},
		{"token over SSH", "hunter2", []string{"--endpoint", "ssh://git.example.com", "--token-stdin"}},
		{"two lines", "hunter2\nhunter3", []string{"--token-stdin"}},
		{"empty", "", []string{"--token-stdin"}},
		{"too long", strings.Repeat("hunter2", 5000), []string{"--token-stdin"}},
		{"no user", "hunter2", []string{"--basic-stdin"}},
		{"empty user", ":hunter2", []string{"--basic-stdin"}},
		{"password in an SSH endpoint", "",
			[]string{"--endpoint", "ssh://git:hunter2@git.example.com", "--ssh-key", keyFile}},
		{"password in an HTTPS endpoint", "hunter2",
			[]string{"--endpoint", "https://jo:hunter2@git.example.com", "--none"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := connectWith(t, i, test.stdin, test.flags...)
			result.Fails(t, 2, "lockstep")
			checkHidden(t, result)
		})
	}

	checkCredentials(t, i, lockstep.Credential{Kind: "TOKEN", Secret: "good"})
}

// A name is not a path: ./-x would be another connection.
func TestANameThatBeginsWithAHyphenIsPrintedForPasting(t *testing.T) {
	i := clitest.NewInstallation(t)

	result := i.Run(t, "connect", "--provider", "GitHub", "--none", "--", "-x y").OK(t)

	result.Prints(t, "Created connection -x y ", "lockstep link create --connection '-x y' --repository ")
}

func TestConnectListAndShowPrintTheState(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "connect", "list").OK(t).Prints(t, "No connections.")

	connectAcme(t, i)

	i.Run(t, "connect", "list").OK(t).Prints(t, "acme        Git       AVAILABLE  arn:aws:codeconnections:")
	i.Run(t, "connect", "show", "acme").OK(t).Prints(t, "Status      AVAILABLE\n")
}

func TestConnectDeleteDeletesTheConnection(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectAcme(t, i)

	i.Run(t, "connect", "delete", "acme").OK(t).Prints(t, "Deleted connection acme.\n")

	i.Run(t, "connect", "delete", "acme").Fails(t, 1, "There is no connection acme.\n  There are no connections yet.")
}

func TestAnAmbiguousOrUnknownConnectionIsNotGuessed(t *testing.T) {
	i := clitest.NewInstallation(t)
	createLink := func(connection string) clitest.Result {
		return i.Run(t, "link", "create", "--connection", connection, "--repository", "acme/infra")
	}

	createLink("acme").Fails(t, 1, "There is no connection acme.\n  There are no connections yet.")

	connectAcme(t, i)
	i.Run(t, "connect", "other", "--provider", "Git", "--none", "--endpoint", "https://two.example.com").OK(t)
	i.RenameConnection(t, "other", "acme")

	createLink("acme").Fails(t, 1, "There are 2 connections named acme.", "arn:aws:codeconnections:")
	createLink("acne").Fails(t, 1, "There is no connection acne.", "Available: acme, acme.")
}

func TestUsageErrorsNameWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"connect":      "NAME is missing",
		"connect acme": "--provider is missing",
		"connect acme --provider Git": "give exactly one of --none, --basic-stdin, --token-stdin, --ssh-key," +
			" --app, --oauth",
		"connect x --provider GitLab --none --installation 3":         "--installation requires --app",
		"connect x --provider GitLab --token-stdin --client-id x":     "--client-id requires --oauth",
		"connect x --provider GitLab --app 3":                         "--installation, --app-key is missing",
		"connect x --provider GitLab --oauth":                         "--client-id is missing",
		"connect x --provider GitLab --none --certificate x.pem":      "--certificate requires --endpoint",
		"connect x --provider GitLab --oauth --client-id x --port -1": "--port -1 must be 0 to 65535",
		"connect x --provider GitLab --oauth --client-id x --port 80 --redirect-uri https://x.example": "give either" +
			" --port or --redirect-uri",
		"connect delete":   "CONNECTION is missing",
		"host create acme": "--endpoint is missing",
		"host create acme --endpoint https://a:b@c":                           "must not contain a user name or a password",
		"host update acme":                                                    "--endpoint is missing",
		"link create --connection acme":                                       "--repository is missing",
		"link create --connection a --repository /":                           `--repository "/"`,
		"link update acme/infra":                                              "--connection is missing",
		"link delete":                                                         "LINK is missing",
		"link propose acme/infra --resource web":                              "--template",
		"link propose acme/infra --resource web --template t.yaml --tag team": `--tag "team" must be NAME=VALUE`,
		"tag list web":                                                        `"web" cannot have tags`,
		"tag list host/":                                                      `"host/" cannot have tags`,
		"tag set host/acme":                                                   "KEY=VALUE is missing",
		"tag set host/acme team":                                              `"team" must be KEY=VALUE`,
		"tag remove host/acme":                                                "KEY is missing",
	} {
		t.Run(line, func(t *testing.T) { clitest.Run(t, nil, strings.Fields(line)...).Fails(t, 2, want) })
	}
}
