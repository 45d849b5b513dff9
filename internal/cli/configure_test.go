package cli_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/apiserver"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/sts"
)

const role = "arn:aws:iam::111122223333:role/sync"

// An installation is the production API on a real database, whose first key
// was made by the program itself. Its engine only takes notes.
type installation struct {
	db     string // the URL
	env    map[string]string
	engine *notes
	key    *seal.Key
	open   *db.DB
	git    *connectiontest.Host // of provider types GitLab and GitLabSelfManaged
	issuer *identitytest.Issuer // of tokens that roles may trust
}

func newInstallation(t testing.TB) installation {
	t.Helper()
	i := installation{db: "sqlite:" + filepath.Join(t.TempDir(), "lockstep.db"), engine: &notes{},
		git: connectiontest.New(t), issuer: identitytest.NewIssuer(t)}
	var made struct{ AccessKeyId, SecretAccessKey string }
	out := run(t, nil, "key", "create", "--db", i.db, "--admin", "--account", "111122223333", "-o", "json").ok(t).stdout
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}

	d, err := db.Open(t.Context(), i.db, db.Schema())
	if err != nil {
		t.Fatal(err)
	}

	key, err := seal.Open(strings.TrimPrefix(i.db, "sqlite:") + ".key")
	if err != nil {
		t.Fatal(err)
	}

	directory, err := identity.NewDirectory(identity.Options{DB: d, Key: key})
	if err != nil {
		t.Fatal(err)
	}

	i.key, i.open = key, d
	service := api.New(api.Options{
		Seal: key,
		DB:   d, Syncs: i.engine, Directory: directory,
		Providers:   map[lockstep.ProviderType]api.Provider{"Git": {NeedsHost: true}, "GitHub": {}, "GitLab": {}, "GitLabSelfManaged": {NeedsHost: true}},
		ValidName:   map[lockstep.SyncType]func(string) error{"CFN_STACK_SYNC": func(string) error { return nil }},
		Connections: i.handshake(t, d, key),
	})
	operations := apiserver.New(apiserver.Options{
		API: service,
		IAM: iam.New(iam.Options{
			DB: d, Directory: directory, Seal: key, WebIdentityIssuers: []string{i.issuer.URL},
		}),
		Directory: directory,
	})

	sessions := sts.New(sts.Options{Directory: directory,
		WebIdentities: identity.NewTokenExchange(identity.TokenExchangeOptions{DB: d, Key: key, Issuers: []string{i.issuer.URL}})})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sts.Wants(r) {
			sessions.ServeHTTP(w, r)
		} else {
			operations.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})

	i.env = map[string]string{"LOCKSTEP_ENDPOINT_URL": server.URL,
		"LOCKSTEP_ACCESS_KEY_ID": made.AccessKeyId, "LOCKSTEP_SECRET_ACCESS_KEY": made.SecretAccessKey}
	return i
}

// handshake has a host of two types that can be asked; a queue that nobody works.
func (i installation) handshake(t testing.TB, d *db.DB, key *seal.Key) *connection.Controller {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	q := queue.New(queue.Options{DB: d, Log: log})
	if err := q.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return connection.New(connection.Options{DB: d, Queue: q, Seal: key, Log: log,
		Providers: []provider.Driver{&connectiontest.Driver{Host: i.git, ProviderType: "GitLab"}, &connectiontest.Driver{Host: i.git, ProviderType: "GitLabSelfManaged"}},
		Transport: func(string) (http.RoundTripper, error) { return http.DefaultTransport, nil }})
}

// held gives the credentials of all connections, oldest first.
func (i installation) held(t testing.TB) (all []lockstep.Credential) {
	t.Helper()
	err := i.open.View(t.Context(), func(tx *db.Tx) error {
		found, _, err := store.Connections(tx, "111122223333", "us-east-1", store.ConnectionFilter{}, db.Page{Limit: 100})
		for _, conn := range found {
			c, err := store.Credential(tx, i.key, conn.ARN)
			if err != nil {
				return err
			}

			all = append(all, c)
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

func (i installation) run(t testing.TB, args ...string) result {
	t.Helper()
	return run(t, i.env, args...)
}

// notes is an engine that writes down what it is asked for.
type notes struct {
	mu    sync.Mutex
	taken []string
}

func (n *notes) note(text string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken = append(n.taken, text)
	return nil
}

func (n *notes) AttachConfiguration(_ *db.Tx, cfg lockstep.SyncConfiguration) error {
	return n.note("configured " + cfg.ResourceName + " " + cfg.Branch + " " + cfg.ConfigFile + " " + string(cfg.TriggerResourceUpdateOn))
}

func (n *notes) DetachConfiguration(_ *db.Tx, cfg lockstep.SyncConfiguration) error {
	return n.note("deconfigured " + cfg.ResourceName)
}

func (n *notes) Retry(_ *db.Tx, cfg lockstep.SyncConfiguration) error {
	return n.note("retry " + cfg.ResourceName)
}

func (n *notes) RetryCommit(_ context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error {
	return n.note("retry " + cfg.ResourceName + " at " + string(sha))
}

func (n *notes) ResolveBlocker(_ *db.Tx, cfg lockstep.SyncConfiguration, id, _ string) (lockstep.Blocker, error) {
	return lockstep.Blocker{ID: id}, n.note("resolve " + cfg.ResourceName)
}

func (n *notes) RequestSync(_ *db.Tx, _, branch string) error { return n.note("request " + branch) }

func (n *notes) ResolveHead(context.Context, lockstep.SyncConfiguration) (lockstep.SHA, error) {
	return sha1, nil
}

func (n *notes) RevisionStatus(_ context.Context, _ lockstep.SyncConfiguration, sha lockstep.SHA) (engine.RevisionStatus, error) {
	return engine.RevisionStatus{State: engine.Succeeded, SHA: sha}, nil
}

func TestAFileIsConnectedLinkedAndSynced(t *testing.T) {
	i := newInstallation(t)
	out := i.run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t).stdout
	if !strings.Contains(out, "acme connected (AVAILABLE)") || !strings.Contains(out, "lockstep link create --connection acme ") {
		t.Errorf("connect says:\n%s", out)
	}

	out = i.run(t, "link", "create", "--connection", "acme", "--repository", "teams/acme/infra").ok(t).stdout
	if !strings.Contains(out, "teams/acme/infra linked") || !strings.Contains(out, "lockstep sync create --resource NAME --link teams/acme/infra ") {
		t.Errorf("link create says:\n%s", out)
	}

	var links struct {
		RepositoryLinks []struct{ RepositoryLinkId, OwnerId, RepositoryName string }
	}
	if err := json.Unmarshal([]byte(i.run(t, "link", "list", "-o", "json").ok(t).stdout), &links); err != nil || len(links.RepositoryLinks) != 1 {
		t.Fatalf("links %v, %v", links, err)
	}

	id := links.RepositoryLinks[0].RepositoryLinkId
	if got := links.RepositoryLinks[0].OwnerId; got != "teams/acme" {
		t.Errorf("the owner is %q", got)
	}

	if out = i.run(t, "link", "list").ok(t).stdout; !strings.Contains(out, "teams/acme/infra  "+id+"  Git") {
		t.Errorf("link list says:\n%s", out)
	}

	out = i.run(t, "sync", "create", "--resource", "web", "--link", "teams/acme/infra", "--branch", "main", "--file", "web.yaml", "--role-arn", role).ok(t).stdout
	if want := "web is synced from web.yaml of teams/acme/infra on branch main\nNext: lockstep wait web\n"; out != want {
		t.Errorf("sync create says:\n%s", out)
	}

	if out = i.run(t, "wait", "web").ok(t).stdout; out != "web SUCCEEDED main@11111111\n" {
		t.Errorf("wait says %q", out)
	}

	i.run(t, "sync", "update", "--resource", "web", "--file", "new.yaml", "--trigger", "ANY_CHANGE").ok(t)
	i.run(t, "sync", "now", "web").ok(t)
	i.run(t, "sync", "now", "--link", id).ok(t)
	i.run(t, "retry", "web").ok(t)
	i.run(t, "link", "delete", id).refused(t, 1, "SyncConfigurationStillExistsException")

	if out = i.run(t, "sync", "delete", "--resource", "web").ok(t).stdout; !strings.Contains(out, "The stack stays as it is.") {
		t.Errorf("sync delete says %q", out)
	}

	i.run(t, "link", "delete", "teams/acme/infra").ok(t)
	want := []string{"configured web main web.yaml ", "configured web main new.yaml ANY_CHANGE", "request main", "request main", "retry web", "deconfigured web"}
	if diff := cmp.Diff(want, i.engine.taken); diff != "" {
		t.Errorf("the engine was told (-want +got):\n%s", diff)
	}
}

func TestConnectUsesTheHostThatIsThere(t *testing.T) {
	i := newInstallation(t)
	hosts := map[string]bool{}
	for _, args := range [][]string{
		{"one", "--endpoint", "https://git.example.com"}, {"two", "--endpoint", "https://git.example.com/"}, {"three"}, {"one"},
	} {
		var made struct{ HostArn, ConnectionArn string }
		out := i.run(t, append([]string{"connect", "--provider", "Git", "--none", "-o", "json"}, args...)...).ok(t).stdout
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			t.Fatal(err)
		}

		hosts[made.HostArn] = true
	}

	if len(hosts) != 1 {
		t.Errorf("hosts %v", hosts)
	}

	i.run(t, "link", "create", "--connection", "one", "--repository", "infra").ok(t) // made once, so not ambiguous
	i.run(t, "connect", "four", "--provider", "Git", "--none", "--endpoint", "https://other.example.com").ok(t)
	i.run(t, "connect", "five", "--provider", "Git", "--none").refused(t, 2, "--endpoint is missing", "there are 2 hosts")

	if out := i.run(t, "connect", "hub", "--provider", "GitHub", "--none", "-o", "yaml").ok(t).stdout; strings.Contains(out, "HostArn") {
		t.Errorf("a provider with an address of its own got a host:\n%s", out)
	}
}

func TestConnectReadsSecretsFromStdinOrAKeysFile(t *testing.T) {
	i := newInstallation(t)
	base := []string{"connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com"}
	with := func(stdin string, more ...string) result {
		return runWith(t, t.Context(), i.env, stdin, append(base[:len(base):len(base)], more...)...)
	}
	basic := with("jo:hunter2:x\r\n", "--basic-stdin").ok(t)

	if diff := cmp.Diff([]lockstep.Credential{{Kind: "BASIC", Username: "jo", Secret: "hunter2:x"}}, i.held(t)); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}

	token := with("hunter2", "--token-stdin").ok(t)
	if !strings.Contains(token.stdout, "acme has a new credential") {
		t.Errorf("it says:\n%s", token.stdout)
	}

	sealed := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n"
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(sealed), 0o600); err != nil {
		t.Fatal(err)
	}

	overSSH := func(name, endpoint, key string) []string {
		return []string{"connect", name, "--provider", "Git", "--endpoint", endpoint, "--ssh-key", key}
	}
	i.run(t, overSSH("keyed", "ssh://git@git.example.com/", keyFile)...).ok(t)
	runWith(t, t.Context(), i.env, sealed, overSSH("piped", "ssh://APKA1@git.example.com:2222", "-")...).ok(t)
	want := []lockstep.Credential{{Kind: "TOKEN", Secret: "hunter2"}, {Kind: "SSH_KEY", Username: "git", Secret: sealed}, {Kind: "SSH_KEY", Username: "APKA1", Secret: sealed}}
	if diff := cmp.Diff(want, i.held(t)); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}

	refused := []result{
		with("hunter2", "--ssh-key", "-"), with("", "--ssh-key", keyFile+".pub"), with("hunter2", "--ssh-key", keyFile, "--token-stdin"),
		with("", "--endpoint", "ssh://git:hunter2@git.example.com", "--ssh-key", keyFile),
		with("hunter2", "--endpoint", "ssh://git.example.com", "--token-stdin"), with("", "--ssh-key", keyFile), // over https
		with("hunter2\nhunter3", "--token-stdin"), with("", "--token-stdin"), with("hunter2", "--basic-stdin"),
		with(":hunter2", "--basic-stdin"), with(strings.Repeat("hunter2", 5000), "--token-stdin"), with("hunter2"),
		with("hunter2", "--none", "--token-stdin"), with("hunter2", "--endpoint", "https://jo:hunter2@git.example.com", "--none"),
	}
	for _, r := range refused {
		r.refused(t, 2, "lockstep")
	}

	for _, r := range append(refused, basic, token) {
		if strings.Contains(r.stdout+r.stderr, "hunter2") {
			t.Errorf("a secret is shown:\n%s%s", r.stdout, r.stderr)
		}
	}

	if diff := cmp.Diff(want, i.held(t)); diff != "" {
		t.Errorf("credentials after refusals (-want +got):\n%s", diff)
	}
}

func TestWhatNamesSeveralOrNothingIsNotGuessed(t *testing.T) {
	i := newInstallation(t)
	i.run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").refused(t, 1, "There is no connection acme; there is none at all.")
	i.run(t, "connect", "acme", "--provider", "Git", "--none", "--endpoint", "https://one.example.com").ok(t)

	for _, elsewhere := range [][]string{{"--provider", "Git", "--endpoint", "https://two.example.com"}, {"--provider", "GitHub"}} {
		i.run(t, append([]string{"connect", "acme", "--none"}, elsewhere...)...).
			refused(t, 1, "There is a connection acme already, at another host or provider.", "lockstep connect list")
	}

	if hosts := i.run(t, "host", "list").ok(t).stdout; strings.Contains(hosts, "two.example.com") {
		t.Errorf("a host was made for nothing:\n%s", hosts)
	}

	i.run(t, "connect", "other", "--provider", "Git", "--none", "--endpoint", "https://two.example.com").ok(t)
	err := i.open.Update(t.Context(), func(tx *db.Tx) error { // as the API does, when it is asked for a second acme
		_, err := tx.Exec("UPDATE connection SET name = 'acme' WHERE name = 'other'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	i.run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").refused(t, 1, "There are 2 connections acme.", "arn:aws:codeconnections:")
	i.run(t, "link", "create", "--connection", "acne", "--repository", "acme/infra").refused(t, 1, "There is no connection acne.", "There is: acme, acme.")
	i.run(t, "sync", "now", "--link", "acme/infra").refused(t, 1, "There is no link to repository acme/infra")
}

func TestConfigurationCommandsNameTheFlagThatIsWrong(t *testing.T) {
	for line, says := range map[string]string{
		"connect":                                               "NAME is missing",
		"connect acme":                                          "--provider is missing",
		"connect acme --provider Git":                           "one of --none, --basic-stdin, --token-stdin, --ssh-key, --app, --oauth is needed",
		"link create --connection acme":                         "--repository is missing",
		"link create --connection a --repository /":             `--repository "/"`,
		"link delete":                                           "LINK is missing",
		"sync create --resource web":                            "--link, --branch, --file, --role-arn is missing",
		"sync create --resource=":                               "--resource",
		"sync update --branch main":                             "--resource is missing",
		"sync update --resource web":                            "nothing is to be changed",
		"sync update --resource web --trigger SOME_CHANGE":      `--trigger "SOME_CHANGE"`,
		"sync delete":                                           "--resource is missing",
		"sync now":                                              "either RESOURCE or --link",
		"sync now web --link x":                                 "either RESOURCE or --link",
		"sync now web --branch main":                            "either RESOURCE or --link",
		"retry":                                                 "RESOURCE is missing",
		"key create --admin":                                    "NAME is missing: whose key it is",
		"key create jo --role root":                             "it is none of admin, operator, reader, none",
		"key create jo --role admin --account 111122223333":     "--account goes with --db",
		"key create jo --principal jo --db sqlite:x --admin":    "either NAME or --principal",
		"key create --db sqlite:x":                              "one of --role, --admin, --reader is needed",
		"key list --db sqlite:x --endpoint-url http://x":        "--db names a database, and another flag a server",
		"key rotate LSAK --keep-old-for 1.5s":                   "--keep-old-for 1.5s is not a number of whole seconds",
		"key list --db sqlite:/nowhere/x.db":                    "no database /nowhere/x.db",
		"key disable --db sqlite:x":                             "ID is missing",
		"history":                                               "RESOURCE is missing",
		"history web --attempt x":                               "either RESOURCE or --attempt",
		"history web --limit 0":                                 "--limit 0",
		"blockers web --reason x":                               "--reason goes with --resolve",
		"blockers --resolve --reason x":                         "RESOURCE is missing",
		"blockers web --resolve":                                "--reason is missing",
		"blockers web --resolve --all":                          "either --all or --resolve",
		"retry web --sha 1111":                                  `--sha "1111" is not the whole id`,
		"status web --blocked":                                  "either RESOURCE or flags",
		"status --status BLOCKED":                               `--status "BLOCKED" is none of`,
		"status --repository /":                                 `--repository "/" is not OWNER/NAME`,
		"host create acme":                                      "--endpoint is missing",
		"host create acme --endpoint https://a:b@c":             "no user name and no password",
		"host update acme":                                      "--endpoint is missing",
		"link update acme/infra":                                "--connection is missing",
		"connect delete":                                        "CONNECTION is missing",
		"sync show":                                             "RESOURCE is missing",
		"sync update --resource web --pull-request-comment yes": "it is neither on nor off",
		"tag list web":                                          `"web" is no thing that has tags`,
		"tag list host/":                                        `"host/" is no thing that has tags`,
		"tag set host/acme":                                     "KEY=VALUE is missing",
		"tag set host/acme team":                                `"team" is not KEY=VALUE`,
		"tag remove host/acme":                                  "KEY is missing",
		"policy put p":                                          "FILE is missing",
		"policy put p /nowhere/x.cedar":                         "no policy to be read",
		"policy check":                                          "FILE is missing",
		"role put ci":                                           "--issuer, --audience, --subject is missing",
		"role put ci --issuer github --audience a --subject s --claim x":        `--claim "x" is not NAME=PATTERN`,
		"role put ci --issuer github --audience a --subject s --jwks /nowhere":  "--jwks",
		"role put ci --issuer github --audience a --subject s --duration 901ms": "--duration",
		"role delete": "NAME is missing",
	} {
		t.Run(line, func(t *testing.T) { run(t, nil, strings.Fields(line)...).refused(t, 2, says) })
	}
}

// A name is no path: ./-x would be another connection.
func TestANameThatBeginsWithAHyphenCanBePasted(t *testing.T) {
	i := newInstallation(t)
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	write(t, file, "connections:\n- {name: -x y, provider: GitHub}\n")
	out := i.run(t, "apply", "-f", file).ok(t).stdout
	if !strings.Contains(out, "\n  lockstep connect --provider GitHub --token-stdin -- '-x y'\n") {
		t.Errorf("apply says:\n%s", out)
	}
	out = i.run(t, "connect", "--provider", "GitHub", "--none", "--", "-x y").ok(t).stdout
	if !strings.Contains(out, "-x y has a new credential") || !strings.Contains(out, "lockstep link create --connection '-x y' --repository ") {
		t.Errorf("connect says:\n%s", out)
	}
}
