package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/apiserver"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

const (
	account = "111122223333"
	other   = "444455556666"
	region  = "eu-central-1"
	role    = "arn:aws:iam::111122223333:role/sync"
	noLink  = "00000000-0000-4000-8000-000000000000"
)

// The engine is what the operations need of one.
var (
	_ api.Syncs        = (*engine.Engine)(nil)
	_ api.Repositories = (*repository.Repositories)(nil)
)

// A world is a server on a real database, with an engine that only takes notes.
type world struct {
	testing.TB
	url    string
	client *http.Client
	db     *db.DB
	seal   *seal.Key
	// directory may have to be told that policies have changed.
	directory *identity.Directory
	engine    *notes
	handshake *connection.Controller
	queue     *queue.Queue         // never started, and only some tests give it its tables
	git       *connectiontest.Host // of provider type GitLabSelfManaged
	admin     identity.AccessKey
}

// each runs f on a world of its own per database engine.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(t, newWorld(t, d)) })
}

// newWorld makes a world with options changed as a test needs them.
func newWorld(t testing.TB, d *db.DB, change ...func(*options)) *world {
	t.Helper()
	w, handler := build(t, d, change...)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.url, w.client = server.URL, http.DefaultClient
	return w
}

// newUnplugged is newWorld without a socket, for a bubble of testing/synctest.
func newUnplugged(t testing.TB, d *db.DB, change ...func(*options)) *world {
	t.Helper()
	w, handler := build(t, d, change...)
	w.url, w.client = "http://lockstep.example", &http.Client{Transport: unplugged{handler}}
	return w
}

type unplugged struct{ http.Handler }

// RoundTrip calls the handler.
func (u unplugged) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	u.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// options are those of a world.
type options struct {
	api.Options
	Rates access.Rates
}

func build(t testing.TB, database *db.DB, change ...func(*options)) (*world, http.Handler) {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}

	directory, err := identity.NewDirectory(identity.Options{DB: database, Key: key})
	if err != nil {
		t.Fatal(err)
	}

	w := &world{TB: t, db: database, seal: key, directory: directory, engine: &notes{}, git: connectiontest.NewInProcess()}
	log := slog.New(slog.DiscardHandler)
	w.queue = queue.New(queue.Options{DB: database, Log: log})
	w.handshake = connection.New(connection.Options{DB: database, Queue: w.queue, Seal: key, Log: log,
		Providers: []provider.Driver{&connectiontest.Driver{Host: w.git, Transport: w.git, ProviderType: "GitLabSelfManaged"}},
		Transport: func(string) (http.RoundTripper, error) { return w.git, nil }})
	o := options{Options: api.Options{
		DB: database, Syncs: w.engine, Repositories: w.engine, Directory: directory, Seal: key, Connections: w.handshake,
		Providers: map[lockstep.ProviderType]api.Provider{
			"Git":    {NeedsHost: true, ValidEndpoint: noSSH},
			"GitHub": {}, "GitLabSelfManaged": {NeedsHost: true},
		},
		ValidName: map[lockstep.SyncType]func(string) error{"CFN_STACK_SYNC": noUnderscore},
	}}
	for _, change := range change {
		change(&o)
	}

	w.admin = w.key(account, identity.Admin)
	return w, apiserver.New(apiserver.Options{
		API: api.New(o.Options),
		IAM: iam.New(iam.Options{
			DB: database, Directory: o.Directory, Seal: key, WebIdentityIssuers: []string{issuer}, Quotas: o.Quotas,
		}),
		Directory: o.Directory,
		Rates:     o.Rates,
	})
}

func noSSH(endpoint string) error {
	if strings.HasPrefix(endpoint, "ssh:") {
		return lockstep.Errorf(lockstep.Invalid, "Give the https form of the URL.")
	}
	return nil
}

func noUnderscore(name string) error {
	if strings.Contains(name, "_") {
		return lockstep.Errorf(lockstep.Invalid, "A stack cannot be called %q.", name)
	}
	return nil
}

func (w *world) key(account string, role identity.Role) (accessKey identity.AccessKey) {
	w.Helper()
	w.update(func(tx *db.Tx) (err error) {
		accessKey, err = identity.CreateKey(tx, w.seal, identity.CreateKeyInput{Account: account, Principal: "jo", Role: role})
		return err
	})
	return accessKey
}

// as is the same world for the owner of another key.
func (w *world) as(k identity.AccessKey) *world {
	they := *w
	they.admin = k
	return &they
}

// principal makes a user for whom policies speak, beside a role.
func (w *world) principal(name string, role identity.Role, policies ...string) (accessKey identity.AccessKey) {
	w.Helper()
	w.update(func(tx *db.Tx) (err error) {
		if accessKey, err = identity.CreateKey(tx, w.seal, identity.CreateKeyInput{Account: account, Principal: name, Role: role}); err != nil {
			return err
		}

		for i, p := range policies {
			if err := identity.PutPolicy(tx, w.seal, account, fmt.Sprintf("%s-%d", name, i), p); err != nil {
				return err
			}
		}

		return nil
	})

	w.directory.InvalidatePolicies(account)
	return accessKey
}

func (w *world) update(f func(tx *db.Tx) error) {
	w.Helper()
	if err := w.db.Update(w.Context(), f); err != nil {
		w.Fatal(err)
	}
}

func credentialsOf(k identity.AccessKey) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.Secret.Reveal(), "")
}

// broken tries again only where the SDK has itself closed the connection under
// an answer that was longer than its buffer, which happens on a busy machine
// (aws/aws-sdk-go-v2#2737).
func broken() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxBackoff = time.Millisecond
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(errors.Is(err, net.ErrClosed))
		})}
	})
}

// sdk gives the SDK's client of the newer service.
func (w *world) sdk() *codeconnections.Client {
	return codeconnections.New(codeconnections.Options{
		Region: region, BaseEndpoint: &w.url, Credentials: credentialsOf(w.admin), Retryer: broken(), HTTPClient: w.client,
	})
}

// oldSDK gives the SDK's client of the older service.
func (w *world) oldSDK() *codestarconnections.Client {
	return codestarconnections.New(codestarconnections.Options{
		Region: region, BaseEndpoint: &w.url, Credentials: credentialsOf(w.admin), Retryer: broken(), HTTPClient: w.client,
	})
}

// A request is one that no SDK would make: of our own service, or a wrong one.
type request struct {
	key     identity.AccessKey
	token   string // of a session
	region  string
	target  string // prefix.Operation
	service string // of the signature's scope
	body    string
}

// signed fills what a request leaves open: the admin's key, the region.
func (w *world) signed(service, target, body string) request {
	return request{key: w.admin, region: region, service: service, target: target, body: body}
}

// send gives the status and the body of the answer.
func (w *world) send(q request) (int, []byte) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.url+"/", bytes.NewReader([]byte(q.body)))
	if err != nil {
		w.Fatal(err)
	}

	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", q.target)
	if q.key.AccessKeyID != "" {
		sum := sha256.Sum256([]byte(q.body))
		creds := aws.Credentials{AccessKeyID: q.key.AccessKeyID, SecretAccessKey: q.key.Secret.Reveal(), SessionToken: q.token}
		if err := v4.NewSigner().SignHTTP(w.Context(), creds, r, hex.EncodeToString(sum[:]), q.service, q.region, time.Now()); err != nil {
			w.Fatal(err)
		}
	}

	answer, err := w.client.Do(r)
	if err != nil {
		w.Fatal(err)
	}

	defer answer.Body.Close()

	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}

	return answer.StatusCode, body
}

// ours calls an operation of Lockstep's own service.
func (w *world) ours(operation string, in, out any) error {
	w.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}

	status, answer := w.send(w.signed("lockstep", "Lockstep_20261122."+operation, string(body)))
	if status != http.StatusOK {
		return exception(w, answer)
	}

	if err := json.Unmarshal(answer, out); err != nil {
		w.Fatalf("%s answered %s: %v", operation, answer, err)
	}

	return nil
}

// lists gives how many things an answer lists and its token.
func lists(t testing.TB, body []byte) (n int, token string) {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}

	for name, value := range out {
		switch v := value.(type) {
		case string:
			if name == "NextToken" {
				token = v
			}
		case []any:
			n = len(v)
		}
	}

	return n, token
}

// exception reads an error's body as the SDKs do.
func exception(t testing.TB, body []byte) *smithy.GenericAPIError {
	t.Helper()
	var e struct {
		Type    string `json:"__type"`
		Message string // either spelling
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v in an error's body: %s", err, body)
	}
	return &smithy.GenericAPIError{Code: e.Type[strings.IndexByte(e.Type, '#')+1:], Message: e.Message}
}

// refused checks that an operation was answered with an exception whose message
// says something.
func refused(t testing.TB, err error, code, says string) {
	t.Helper()
	got, ok := errors.AsType[smithy.APIError](err)
	if !ok || got.ErrorCode() != code || !strings.Contains(got.ErrorMessage(), says) {
		t.Errorf("got %v, want %s that says %q", err, code, says)
	}
}

// must stops the test where a call that has to succeed did not.
func must[Out any](t testing.TB) func(out Out, err error) Out {
	return func(out Out, err error) Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// notes is an engine that writes down what it is asked for.
type notes struct {
	mu     sync.Mutex
	taken  []string
	err    error // of the methods that take a transaction
	head   lockstep.SHA
	noHead error
	// hostErr is of every call that asks a host's API, noHook of those that change
	// its webhooks.
	hostErr, noHook error
	answer          engine.RevisionStatus
}

func (n *notes) note(text string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken = append(n.taken, text)
	return n.err
}

// take gives what was noted since the last time.
func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.taken
	n.taken = nil
	return taken
}

func (n *notes) AttachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	return n.note("configured " + cfg.ResourceName + " " + cfg.Branch)
}

func (n *notes) DetachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	return n.note("deconfigured " + cfg.ResourceName)
}

func (n *notes) Retry(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	return n.note("retry " + cfg.ResourceName)
}

func (n *notes) ResolveBlocker(tx *db.Tx, cfg lockstep.SyncConfiguration, id, reason string) (lockstep.Blocker, error) {
	b, err := syncstate.BlockerByID(tx, cfg, id)
	if err != nil {
		return b, lockstep.Wrapf(lockstep.NotFound, engine.ErrNoBlocker, "Could not find sync blocker: %s", id)
	}
	return b, n.note("resolve " + cfg.ResourceName + " " + reason)
}

func (n *notes) RetryCommit(_ context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error {
	if n.noHead != nil {
		return n.noHead
	}
	return n.note("retry " + cfg.ResourceName + " at " + string(sha))
}

func (n *notes) RequestSync(tx *db.Tx, linkID, branch string) error {
	return n.note("request " + branch)
}

func (n *notes) ResolveHead(context.Context, lockstep.SyncConfiguration) (lockstep.SHA, error) {
	return n.head, n.noHead
}

func (n *notes) RevisionStatus(_ context.Context, _ lockstep.SyncConfiguration, sha lockstep.SHA) (engine.RevisionStatus, error) {
	h := n.answer
	h.SHA = sha
	return h, nil
}
