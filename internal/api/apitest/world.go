// Package apitest serves the operations of packages api and iam over HTTP, on a real
// database, for tests.
//
// A [World] has SDK clients, and sends requests that no SDK would send. The engine
// is replaced by [Syncs], which records the requests it receives. The Git host is a
// connectiontest.Host.
package apitest

import (
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
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	// Account and Region are those of a World's requests.
	Account = "111122223333"
	Region  = "eu-central-1"
	// Issuer is an issuer whose tokens web identity roles may trust.
	Issuer = "https://issuer.example.com"
)

// A World is a server and a client with a key.
type World struct {
	testing.TB
	URL    string
	Client *http.Client
	DB     *db.DB
	Seal   *seal.Key
	// Directory caches policies. A test that stores policies itself must invalidate
	// them.
	Directory   *identity.Directory
	Syncs       *Syncs
	Connections *connection.Controller
	// Queue is never started. Tests that insert jobs must migrate it.
	Queue *queue.Queue
	// GitHost has provider type GitLabSelfManaged.
	GitHost *connectiontest.Host
	// Key signs requests. It is an administrator's.
	Key identity.AccessKey
}

// Options are those of the services of a World.
type Options struct {
	api.Options
	Rates access.Rates
}

// New returns a World on database. Each change may change its options.
func New(t testing.TB, database *db.DB, changes ...func(*Options)) *World {
	t.Helper()
	w, handler := newWorld(t, database, changes...)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.URL = server.URL
	w.Client = http.DefaultClient
	return w
}

// NewInProcess is New without a socket, for a bubble of testing/synctest.
func NewInProcess(t testing.TB, database *db.DB, changes ...func(*Options)) *World {
	t.Helper()
	w, handler := newWorld(t, database, changes...)
	w.URL = "http://lockstep.example"
	w.Client = &http.Client{Transport: inProcessTransport{handler}}
	return w
}

type inProcessTransport struct{ http.Handler }

// RoundTrip calls the handler.
func (i inProcessTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response := httptest.NewRecorder()
	i.ServeHTTP(response, r)
	return response.Result(), nil
}

func newWorld(t testing.TB, database *db.DB, changes ...func(*Options)) (*World, http.Handler) {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}

	directory, err := identity.NewDirectory(identity.Options{DB: database, Key: key})
	if err != nil {
		t.Fatal(err)
	}

	w := &World{
		TB:        t,
		DB:        database,
		Seal:      key,
		Directory: directory,
		Syncs:     &Syncs{},
		GitHost:   connectiontest.NewInProcess(),
	}
	w.newConnections()

	options := Options{Options: api.Options{
		DB:           database,
		Syncs:        w.Syncs,
		Repositories: w.Syncs,
		Directory:    directory,
		Seal:         key,
		Connections:  w.Connections,
		Providers: map[lockstep.ProviderType]api.Provider{
			"Git":               {NeedsHost: true, ValidEndpoint: checkEndpoint},
			"GitHub":            {},
			"GitLabSelfManaged": {NeedsHost: true},
		},
		ValidName: map[lockstep.SyncType]func(string) error{"CFN_STACK_SYNC": checkName},
	}}
	for _, change := range changes {
		change(&options)
	}

	w.Key = w.CreateKey(Account, identity.Admin)
	return w, apiserver.New(apiserver.Options{
		API: api.New(options.Options),
		IAM: iam.New(iam.Options{
			DB:                 database,
			Directory:          options.Directory,
			Seal:               key,
			WebIdentityIssuers: []string{Issuer},
			Quotas:             options.Quotas,
		}),
		Directory: options.Directory,
		Rates:     options.Rates,
	})
}

func (w *World) newConnections() {
	log := slog.New(slog.DiscardHandler)
	w.Queue = queue.New(queue.Options{DB: w.DB, Log: log})
	w.Connections = connection.New(connection.Options{
		DB:    w.DB,
		Queue: w.Queue,
		Seal:  w.Seal,
		Log:   log,
		Providers: []provider.Driver{
			&connectiontest.Driver{Host: w.GitHost, Transport: w.GitHost, ProviderType: "GitLabSelfManaged"},
		},
		Transport: func(string) (http.RoundTripper, error) { return w.GitHost, nil },
	})
}

// checkEndpoint refuses SSH URLs.
func checkEndpoint(endpoint string) error {
	if strings.HasPrefix(endpoint, "ssh:") {
		return lockstep.Errorf(lockstep.Invalid, "Give the https form of the URL.")
	}
	return nil
}

// checkName refuses underscores, as CloudFormation does.
func checkName(name string) error {
	if strings.Contains(name, "_") {
		return lockstep.Errorf(lockstep.Invalid, "A stack cannot be called %q.", name)
	}
	return nil
}

// CreateKey creates an access key of the user jo.
func (w *World) CreateKey(account string, role identity.Role) (key identity.AccessKey) {
	w.Helper()
	w.Update(func(tx *db.Tx) (err error) {
		key, err = identity.CreateKey(tx, w.Seal, identity.CreateKeyInput{
			Account:   account,
			Principal: "jo",
			Role:      role,
		})
		return err
	})
	return key
}

// CreatePrincipal creates an access key of a user, and policies for it.
func (w *World) CreatePrincipal(name string, role identity.Role, policies ...string) (key identity.AccessKey) {
	w.Helper()
	w.Update(func(tx *db.Tx) (err error) {
		key, err = identity.CreateKey(tx, w.Seal, identity.CreateKeyInput{
			Account:   Account,
			Principal: name,
			Role:      role,
		})
		if err != nil {
			return err
		}

		for i, document := range policies {
			if err := identity.PutPolicy(tx, w.Seal, Account, fmt.Sprintf("%s-%d", name, i), document); err != nil {
				return err
			}
		}

		return nil
	})

	w.Directory.InvalidatePolicies(Account)
	return key
}

// As returns the world with another key.
func (w *World) As(key identity.AccessKey) *World {
	other := *w
	other.Key = key
	return &other
}

// Update runs update in a transaction.
func (w *World) Update(update func(tx *db.Tx) error) {
	w.Helper()
	if err := w.DB.Update(w.Context(), update); err != nil {
		w.Fatal(err)
	}
}

// CredentialsOf returns a key as the SDK needs it.
func CredentialsOf(key identity.AccessKey) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.Secret.Reveal(), "")
}

// RetryClosedConnections retries if the SDK itself has closed the connection under
// a response that is longer than its buffer, which happens on a busy machine
// (aws/aws-sdk-go-v2#2737).
func RetryClosedConnections() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxBackoff = time.Millisecond
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(errors.Is(err, net.ErrClosed))
		})}
	})
}

// SDK returns the SDK's client of AWS CodeConnections.
func (w *World) SDK() *codeconnections.Client {
	return codeconnections.New(codeconnections.Options{
		Region:       Region,
		BaseEndpoint: &w.URL,
		Credentials:  CredentialsOf(w.Key),
		Retryer:      RetryClosedConnections(),
		HTTPClient:   w.Client,
	})
}

// CodeStarSDK returns the SDK's client of AWS CodeStar Connections.
func (w *World) CodeStarSDK() *codestarconnections.Client {
	return codestarconnections.New(codestarconnections.Options{
		Region:       Region,
		BaseEndpoint: &w.URL,
		Credentials:  CredentialsOf(w.Key),
		Retryer:      RetryClosedConnections(),
		HTTPClient:   w.Client,
	})
}

// A Request is one that no SDK sends: to Lockstep's own service, or invalid.
type Request struct {
	Key     identity.AccessKey // the zero key does not sign
	Token   string             // of a session
	Region  string
	Target  string // prefix.Operation
	Service string // of the signature's scope
	Body    string
}

// NewRequest returns a Request that is signed with the world's key.
func (w *World) NewRequest(service, target, body string) Request {
	return Request{
		Key:     w.Key,
		Region:  Region,
		Service: service,
		Target:  target,
		Body:    body,
	}
}

// Send returns the status and the body of the response.
func (w *World) Send(request Request) (status int, body []byte) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.URL+"/", strings.NewReader(request.Body))
	if err != nil {
		w.Fatal(err)
	}

	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", request.Target)
	if request.Key.AccessKeyID != "" {
		w.sign(r, request)
	}

	response, err := w.Client.Do(r)
	if err != nil {
		w.Fatal(err)
	}

	defer response.Body.Close()

	body, err = io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}

	return response.StatusCode, body
}

func (w *World) sign(r *http.Request, request Request) {
	w.Helper()
	sum := sha256.Sum256([]byte(request.Body))
	err := v4.NewSigner().SignHTTP(w.Context(), aws.Credentials{
		AccessKeyID:     request.Key.AccessKeyID,
		SecretAccessKey: request.Key.Secret.Reveal(),
		SessionToken:    request.Token,
	}, r, hex.EncodeToString(sum[:]), request.Service, request.Region, time.Now())
	if err != nil {
		w.Fatal(err)
	}
}

// Call calls an operation of Lockstep's own service.
func (w *World) Call(operation string, input, output any) error {
	w.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		w.Fatal(err)
	}

	status, response := w.Send(w.NewRequest("lockstep", "Lockstep_20261122."+operation, string(body)))
	if status != http.StatusOK {
		return DecodeError(w, response)
	}

	if err := json.Unmarshal(response, output); err != nil {
		w.Fatalf("%s returned %s: %v", operation, response, err)
	}

	return nil
}

// CountItems returns the number of items of a response that is a page, and its
// token.
func CountItems(t testing.TB, body []byte) (count int, token string) {
	t.Helper()
	var output map[string]any
	if err := json.Unmarshal(body, &output); err != nil {
		t.Fatal(err)
	}

	for name, member := range output {
		switch value := member.(type) {
		case string:
			if name == "NextToken" {
				token = value
			}
		case []any:
			count = len(value)
		}
	}

	return count, token
}

// DecodeError decodes an error response as SDKs do.
func DecodeError(t testing.TB, body []byte) *smithy.GenericAPIError {
	t.Helper()
	var response struct {
		Type    string `json:"__type"`
		Message string // in either case
	}
	if err := json.Unmarshal(body, &response); err != nil {
		t.Fatalf("decode the error response %s: %v", body, err)
	}
	return &smithy.GenericAPIError{
		Code:    response.Type[strings.IndexByte(response.Type, '#')+1:],
		Message: response.Message,
	}
}

// ExpectError fails the test unless err is the exception code and its message
// contains text.
func ExpectError(t testing.TB, err error, code, text string) {
	t.Helper()
	got, ok := errors.AsType[smithy.APIError](err)
	if !ok || got.ErrorCode() != code || !strings.Contains(got.ErrorMessage(), text) {
		t.Errorf("got %v, want %s that contains %q", err, code, text)
	}
}

// Must returns a function that returns its first argument, and stops the test if
// the second is an error.
func Must[Out any](t testing.TB) func(out Out, err error) Out {
	return func(out Out, err error) Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}
