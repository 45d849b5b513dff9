package server_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// An echoingHost is a Git host that refuses every request and repeats all of it.
type echoingHost struct {
	*httptest.Server
	mu   sync.Mutex
	seen strings.Builder
}

func newEchoingHost(t *testing.T) *echoingHost {
	host := &echoingHost{}
	host.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		said := fmt.Sprintln(r.URL, r.Header, user, password, string(body))
		host.mu.Lock()
		host.seen.WriteString(said)
		host.mu.Unlock()

		if strings.HasPrefix(r.URL.Path, "/api/") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": said, "error_description": said})
			return
		}
		http.Error(w, said, http.StatusForbidden)
	}))
	t.Cleanup(host.Close)
	return host
}

// saw reports whether the host was sent a text.
func (h *echoingHost) saw(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.seen.String(), text)
}

// canaries are secrets by where they are kept.
type canaries map[string]string

// encodings returns how a secret may be written.
func encodings(secret string) map[string]string {
	reversed := []byte(secret)
	slices.Reverse(reversed)
	forms := map[string]string{
		"plain":    secret,
		"quoted":   strings.Trim(fmt.Sprintf("%q", secret), `"`),
		"URL":      url.QueryEscape(secret),
		"hex":      hex.EncodeToString([]byte(secret)),
		"reversed": string(reversed),
	}

	// In Base64 a secret has three forms, by where it begins. Its ends depend on what is around it.
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
		forms[fmt.Sprint("base64 at ", offset)] = encoded[4 : len(encoded)-4]
	}
	return forms
}

// expectHidden fails the test if a text contains a secret.
func (c canaries) expectHidden(t *testing.T, where, text string) {
	t.Helper()
	for kind, secret := range c {
		for encoding, form := range encodings(secret) {
			if strings.Contains(text, form) {
				t.Errorf("%s: the %s is shown (%s)", where, kind, encoding)
			}
		}
	}
}

// pemCanary returns a line of a PEM file that no other one has.
func pemCanary(file string) string { return strings.Split(file, "\n")[2] }

func newPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// newCredentials returns a credential of each kind, and its secrets.
func newCredentials(t *testing.T, secrets canaries) map[string]lockstep.Credential {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, sshKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	appPEM, sshPEM := newPEM(t, rsaKey), newPEM(t, sshKey)

	canary := func(kind string) string {
		secrets[kind] = "Canary" + rand.Text()
		return secrets[kind]
	}
	secrets["app's key"], secrets["SSH key"] = pemCanary(appPEM), strings.Split(sshPEM, "\n")[1][20:]

	return map[string]lockstep.Credential{
		"Git":               {Kind: lockstep.BasicCredential, Username: "me", Secret: canary("password")},
		"GitLabSelfManaged": {Kind: lockstep.TokenCredential, Secret: canary("token")},
		"GitHubEnterpriseServer": {
			Kind:           lockstep.AppCredential,
			Secret:         appPEM,
			AppID:          "1",
			InstallationID: "2",
		},
		"OAuth": {
			Kind:         lockstep.OAuthCredential,
			Secret:       canary("access token"),
			RefreshToken: canary("refresh token"),
			ClientID:     "client",
			ClientSecret: canary("client secret"),
			ExpiresAt:    time.Now().Add(-time.Minute),
		},
		"SSH": {Kind: lockstep.SSHKeyCredential, Username: "git", Secret: sshPEM},
	}
}

// A canaryServer is a server with a connection for each kind of credential.
type canaryServer struct {
	t           *testing.T
	run         *servertest.Run
	key         server.AccessKey
	connections map[string]lockstep.ARN
	// answers is everything that the API has answered.
	answers strings.Builder
}

// call calls an operation and returns its answer.
func (s *canaryServer) call(operation string, input any) map[string]any {
	s.t.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		s.t.Fatal(err)
	}

	for _, service := range wire.Services() {
		isOne := slices.ContainsFunc(service.Operations, func(o wire.Operation) bool { return o.Name == operation })
		if !isOne || service.Name == wire.CodeStarConnectionsName {
			continue
		}

		call := rawCall{service: service.Name, target: service.Prefix + "." + operation, body: body}
		_, answer := call.send(s.t, s.key, s.run.URL())
		if operation != "PutRepositoryWebhook" { // shows the secret once
			s.answers.WriteString(operation + ": " + answer + "\n")
		}
		var decoded map[string]any
		if err := json.Unmarshal([]byte(answer), &decoded); err != nil {
			s.t.Fatalf("%s is answered with %q: %v", operation, answer, err)
		}
		return decoded
	}

	s.t.Fatalf("there is no operation %s", operation)
	return nil
}

// insertConnections adds to a database a connection with each credential.
func insertConnections(
	t *testing.T, path, endpoint string, credentials map[string]lockstep.Credential,
) map[string]lockstep.ARN {
	t.Helper()
	sealKey, err := seal.OpenOrCreate(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	database, err := db.Open(t.Context(), "sqlite:"+path, db.Schema())
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	connections := map[string]lockstep.ARN{}
	err = database.Update(t.Context(), func(tx *db.Tx) error {
		for name, credential := range credentials {
			providerType, at := lockstep.ProviderType(name), endpoint
			switch name {
			case "OAuth":
				providerType = "GitLabSelfManaged"
			case "SSH":
				providerType, at = "Git", strings.Replace(endpoint, "http://", "ssh://", 1)
			}

			prefix := "arn:aws:codeconnections:" + region + ":" + account + ":"
			host := lockstep.Host{
				ARN:          lockstep.ARN(prefix + "host/" + name + "/0123abcd"),
				Account:      account,
				Region:       region,
				Name:         name,
				ProviderType: providerType,
				Endpoint:     at,
				Status:       lockstep.HostAvailable,
			}
			connection := lockstep.Connection{
				ARN:          lockstep.ARN(prefix + "connection/" + name),
				Account:      account,
				Region:       region,
				Name:         name,
				ProviderType: providerType,
				HostARN:      host.ARN,
				Status:       lockstep.ConnectionAvailable,
			}
			if err := store.InsertHost(tx, &host); err != nil {
				return err
			}
			if err := store.InsertConnection(tx, &connection); err != nil {
				return err
			}
			if err := store.SaveCredential(tx, sealKey, connection.ARN, credential); err != nil {
				return err
			}
			connections[name] = connection.ARN
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return connections
}

func TestAttack18NoSecretIsShownOrStoredInPlain(t *testing.T) {
	t.Parallel()
	secrets := canaries{"webhook's secret": "Canary" + rand.Text(), "NoEcho value": "Canary" + rand.Text()}
	credentials := newCredentials(t, secrets)
	host := newEchoingHost(t)
	path := filepath.Join(t.TempDir(), "lockstep.db")
	s := &canaryServer{t: t, key: createKey(t, "sqlite:"+path, "")}
	s.connections = insertConnections(t, path, host.URL, credentials)
	secrets["secret of the access key"] = s.key.Secret.Reveal()

	const template = "Parameters:\n  Password: {Type: String, NoEcho: true}\n" +
		"Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: {DisplayName: !Ref Password}\n"
	work := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{
		"topic.yaml":    "template-file-path: template.yaml\nparameters:\n  Password: " + secrets["NoEcho value"] + "\n",
		"template.yaml": template,
	}).Commit()

	s.run = servertest.Serve(t, "--db", "sqlite:"+path, "--target", "sandbox", "--git-loopback",
		"--git-roots", filepath.Dir(work.Dir), "--poll-interval", "1s", "--metrics-listen", "127.0.0.1:0")
	s.syncFolder(work.Dir)
	for name, connection := range s.connections {
		s.syncFrom(name, connection, secrets["webhook's secret"])
	}
	s.waitUntil("the host has refused every credential", func() bool {
		return host.saw(secrets["password"]) && host.saw(secrets["token"]) && host.saw(secrets["refresh token"])
	})
	s.completeConnections(credentials)
	s.readEverything()

	secrets.expectHidden(t, "the API", s.answers.String())
	metrics := s.run.WaitFor(`(?m)^metrics (http\S+)$`)[1]
	for _, page := range []string{metrics, s.run.URL() + "/readyz"} {
		_, body, _ := get(t, page, "")
		secrets.expectHidden(t, page, body)
	}

	s.run.Stop()
	secrets.expectHidden(t, "standard output", s.run.Out())
	secrets.expectHidden(t, "the log", s.run.Errs())
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(file, ".sandbox") { // holds stacks, as CloudFormation would
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		secrets.expectHidden(t, filepath.Base(file), string(content))
	}
}

// syncFolder syncs the stack topic from a local repository, and waits for it.
func (s *canaryServer) syncFolder(dir string) {
	s.t.Helper()
	host := s.call("CreateHost", wire.CreateHostInput{
		Name: "folder", ProviderType: "Git", ProviderEndpoint: "file://" + filepath.Dir(dir),
	})
	connection := s.call("CreateConnection", wire.CreateConnectionInput{
		ConnectionName: "folder", HostArn: fmt.Sprint(host["HostArn"]),
	})
	arn := fmt.Sprint(connection["ConnectionArn"])
	s.call("CompleteConnection", wire.CompleteConnectionInput{
		ConnectionArn: arn, Credential: wire.Credential{Kind: "NONE"},
	})
	s.createSync("topic", arn, "-", filepath.Base(dir))
	s.waitUntil("topic is synced", func() bool {
		syncs := s.call("ListResourceSyncs", wire.ListResourceSyncsInput{})
		text := fmt.Sprint(syncs)
		return strings.Contains(text, "topic") && strings.Contains(text, "SUCCEEDED")
	})
}

// syncFrom syncs a stack from a repository of a connection, with a webhook.
func (s *canaryServer) syncFrom(name string, connection lockstep.ARN, webhookSecret string) {
	s.t.Helper()
	link := s.createSync(strings.ToLower(name), string(connection), "acme", "infra")
	s.call("PutRepositoryWebhook", wire.PutRepositoryWebhookInput{
		RepositoryLinkId: link, Kind: "GENERIC", Secret: webhookSecret,
	})
}

func (s *canaryServer) createSync(stack, connection, owner, repository string) (link string) {
	s.t.Helper()
	created := s.call("CreateRepositoryLink", wire.CreateRepositoryLinkInput{
		ConnectionArn: connection, OwnerId: owner, RepositoryName: repository,
	})
	info, _ := created["RepositoryLinkInfo"].(map[string]any)
	link = fmt.Sprint(info["RepositoryLinkId"])
	answer := s.call("CreateSyncConfiguration", wire.CreateSyncConfigurationInput{
		Branch: "main", ConfigFile: "topic.yaml", RepositoryLinkId: link, ResourceName: stack,
		RoleArn: "arn:aws:iam::" + account + ":role/deployer", SyncType: "CFN_STACK_SYNC",
	})
	if answer["SyncConfiguration"] == nil {
		s.t.Fatalf("CreateSyncConfiguration of %s is answered with %v", stack, answer)
	}
	return link
}

// completeConnections gives each connection its credential again, which the host refuses.
func (s *canaryServer) completeConnections(credentials map[string]lockstep.Credential) {
	s.t.Helper()
	for name, credential := range credentials {
		if credential.Kind == lockstep.OAuthCredential {
			s.call("StartConnectionHandshake", wire.StartConnectionHandshakeInput{
				ConnectionArn: string(s.connections[name]),
				ClientId:      credential.ClientID,
				ClientSecret:  credential.ClientSecret,
				RedirectUri:   "http://127.0.0.1:1/",
			})
			continue
		}
		s.call("CompleteConnection", wire.CompleteConnectionInput{
			ConnectionArn: string(s.connections[name]),
			Credential: wire.Credential{
				Kind:           string(credential.Kind),
				Username:       credential.Username,
				Secret:         credential.Secret,
				AppId:          credential.AppID,
				InstallationId: credential.InstallationID,
			},
		})
	}
}

// readEverything calls the operations that return what was stored.
func (s *canaryServer) readEverything() {
	s.t.Helper()
	for _, operation := range []string{
		"ListConnections", "ListHosts", "ListRepositoryLinks", "ListResourceSyncs", "ListSyncBlockers", "ListSyncEvents",
		"ListAccessKeys", "ListPolicies", "ListWebIdentityRoles", "ListSignaturePolicies",
	} {
		s.call(operation, struct{}{})
	}

	for name, connection := range s.connections {
		s.call("GetConnection", wire.GetConnectionInput{ConnectionArn: string(connection)})
		s.call("GetConnectionHandshake", wire.GetConnectionHandshakeInput{ConnectionArn: string(connection)})
		resource := strings.ToLower(name)
		s.call("GetResourceSyncStatus", map[string]string{"ResourceName": resource, "SyncType": "CFN_STACK_SYNC"})
		s.call("GetSyncBlockerSummary", map[string]string{"ResourceName": resource, "SyncType": "CFN_STACK_SYNC"})
	}

	topic := map[string]string{"ResourceName": "topic", "SyncType": "CFN_STACK_SYNC"}
	s.call("GetResourceSyncStatus", topic)
	attempts := s.call("ListResourceSyncAttempts", topic)
	s.answers.WriteString(fmt.Sprint(attempts))
}

func (s *canaryServer) waitUntil(what string, isSo func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(servertest.Timeout); !isSo(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not in time: %s\n%s", what, s.run.Errs())
		}
	}
}

func TestAttack18PrintedSettingsHideSecrets(t *testing.T) {
	secrets := canaries{"database's password": "Canary" + rand.Text(), "proxy's password": "Canary" + rand.Text()}
	environment := map[string]string{
		"LOCKSTEP_DB":            "postgres://me:" + secrets["database's password"] + "@db.example.com/lockstep",
		"LOCKSTEP_GIT_PROXY":     "http://me:" + secrets["proxy's password"] + "@proxy.example.com:3128",
		"LOCKSTEP_SEAL_KEY_FILE": filepath.Join(t.TempDir(), "key"),
	}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	settings, err := config.Load(flags, func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}

	var printed bytes.Buffer
	if err := settings.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(printed.String(), "db.example.com") {
		t.Errorf("the database is not printed: %s", &printed)
	}
	secrets.expectHidden(t, "--print-config", printed.String())
}

func TestAttack18ACredentialInTheNameOfARepositoryIsRefused(t *testing.T) {
	t.Parallel()
	secrets := canaries{"token": "Canary" + rand.Text()}
	path := "sqlite:" + filepath.Join(t.TempDir(), "lockstep.db")
	s := &canaryServer{t: t, key: createKey(t, path, "")}
	s.run = servertest.Serve(t, "--db", path, "--target", "sandbox")

	for _, owner := range []string{"user:" + secrets["token"] + "@x", "a/user:" + secrets["token"] + "@x?"} {
		answer := s.call("CreateRepositoryLink", wire.CreateRepositoryLinkInput{
			ConnectionArn:  "arn:aws:codeconnections:us-east-1:" + account + ":connection/6bd2e9a5-1b3b-4b8c-9d53-3a2d6f1d7c11",
			OwnerId:        owner,
			RepositoryName: "infra",
		})
		if answer["RepositoryLinkInfo"] != nil {
			t.Errorf("OwnerId with a credential is accepted")
		}
	}
	for _, endpoint := range []string{"https://user:" + secrets["token"] + "@git.example.com"} {
		answer := s.call("CreateHost", wire.CreateHostInput{
			Name: "host", ProviderType: "Git", ProviderEndpoint: endpoint,
		})
		if answer["HostArn"] != nil {
			t.Errorf("an endpoint with a credential is accepted")
		}
	}

	s.run.Stop()
	secrets.expectHidden(t, "the API", s.answers.String())
	secrets.expectHidden(t, "the log", s.run.Errs())
}
