package connection_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/queue/queuetest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

const (
	account  = "111122223333"
	region   = "eu-central-1"
	callback = "http://127.0.0.1:8000/callback"
	// pollInterval is how often queues poll in bubbles, maxDelay how late a job may
	// run.
	pollInterval = 30 * time.Second
	maxDelay     = 2*pollInterval + time.Second
)

// A world is a node and a Git host.
type world struct {
	testing.TB
	db         *db.DB
	seal       *seal.Key
	queue      *queue.Queue
	controller *connection.Controller
	git        *connectiontest.Host
	driver     *connectiontest.Driver // of provider type GitLabSelfManaged
	log        *logBuffer
}

// A logBuffer is a log that several goroutines may write to.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// runInBubble runs test on both databases, in fake time.
func runInBubble(t *testing.T, test func(w *world)) {
	t.Helper()
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) {
		git := connectiontest.NewInProcess()
		w := newWorld(t, d, git, git)
		w.startWorkers()
		test(w)
	})
}

// newWorld returns a node whose workers have not been started.
func newWorld(t testing.TB, database *db.DB, git *connectiontest.Host, transport http.RoundTripper) *world {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return newNode(t, database, key, git, transport)
}

func newNode(
	t testing.TB,
	database *db.DB,
	key *seal.Key,
	git *connectiontest.Host,
	transport http.RoundTripper,
) *world {
	t.Helper()
	w := &world{
		TB:     t,
		db:     database,
		seal:   key,
		git:    git,
		log:    &logBuffer{},
		driver: &connectiontest.Driver{Host: git, Transport: transport, ProviderType: "GitLabSelfManaged"},
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.queue = queue.New(queue.Options{
		DB:           database,
		Log:          log,
		PollOnly:     true,
		PollInterval: pollInterval,
	})
	w.controller = connection.New(connection.Options{
		DB:    database,
		Queue: w.queue,
		Seal:  key,
		Log:   log,
		// The other type implements no optional interface.
		Providers: []provider.Driver{
			w.driver,
			struct{ provider.Driver }{&connectiontest.Driver{Host: git, ProviderType: "Git"}},
		},
		Transport: func(string) (http.RoundTripper, error) { return transport, nil },
	})

	if err := w.queue.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	return w
}

// startWorkers starts the node's queue. It ends with the test, or when stop is
// called.
func (w *world) startWorkers() (stop func()) {
	w.Helper()
	if err := w.queue.Start(context.Background()); err != nil {
		w.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := w.queue.Stop(context.Background()); err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(stop)
	return stop
}

func (w *world) update(f func(tx *db.Tx) error) {
	w.Helper()
	if err := w.db.Update(context.Background(), f); err != nil {
		w.Fatal(err)
	}
}

// connection creates a connection of a provider type to the host.
func (w *world) connection(name string, kind lockstep.ProviderType) lockstep.ARN {
	w.Helper()
	host := lockstep.Host{
		ARN:          lockstep.ARN("arn:aws:codeconnections:eu-central-1:111122223333:host/" + name),
		Account:      account,
		Region:       region,
		Name:         name,
		ProviderType: kind,
		Endpoint:     w.git.URL,
		Status:       lockstep.HostAvailable,
	}
	conn := lockstep.Connection{
		ARN:          lockstep.ARN("arn:aws:codeconnections:eu-central-1:111122223333:connection/" + name),
		Account:      account,
		Region:       region,
		Name:         name,
		ProviderType: kind,
		HostARN:      host.ARN,
		Status:       lockstep.ConnectionPending,
	}
	w.update(func(tx *db.Tx) error {
		if err := store.InsertHost(tx, &host); err != nil {
			return err
		}
		return store.InsertConnection(tx, &conn)
	})

	return conn.ARN
}

// link creates a link whose probes have succeeded.
func (w *world) link(arn lockstep.ARN, id string) string {
	w.Helper()
	link := lockstep.RepositoryLink{
		ID:             id,
		ARN:            lockstep.ARN("arn:" + id),
		Account:        account,
		Region:         region,
		ConnectionARN:  arn,
		OwnerID:        "acme",
		RepositoryName: id,
		ProviderType:   "Git",
	}
	w.update(func(tx *db.Tx) error {
		if err := store.InsertLink(tx, &link); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE repository_link SET next_poll_at = $2, poll_interval = 1000 WHERE id = $1`, id,
			db.Millis(tx.Now.Add(1000*time.Hour)))
		return err
	})
	return id
}

// recordProbe records the result of a probe, as the poller does.
func (w *world) recordProbe(link string, cause error) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		var err error
		if cause != nil {
			_, err = store.SetOutage(tx, link, lockstep.Shown(cause))
		} else {
			_, err = store.ClearOutage(tx, link)
		}

		if err != nil {
			return err
		}

		return w.controller.RecordProbe(tx, link, cause)
	})
}

// complete completes a connection, as CompleteConnection does.
func (w *world) complete(
	arn lockstep.ARN,
	input connection.HandshakeInput,
) (status lockstep.ConnectionStatus, err error) {
	var handshake *connection.Handshake
	locked := func(change func(tx *db.Tx, conn lockstep.Connection) error) error {
		return w.db.Update(context.Background(), func(tx *db.Tx) error {
			conn, err := store.LockConnection(tx, account, region, arn)
			if err != nil {
				return err
			}
			return change(tx, conn)
		})
	}
	err = locked(func(tx *db.Tx, conn lockstep.Connection) (err error) {
		handshake, err = w.controller.BeginHandshake(tx, conn, input)
		return err
	})
	if err != nil {
		return "", err
	}

	if err := handshake.Verify(context.Background()); err != nil {
		return "", err
	}

	err = locked(func(tx *db.Tx, conn lockstep.Connection) (err error) {
		status, err = handshake.Complete(tx, conn)
		return err
	})
	return status, err
}

func tokenInput(secret string) connection.HandshakeInput {
	return connection.HandshakeInput{Credential: lockstep.Credential{Kind: lockstep.TokenCredential, Secret: secret}}
}

// mustComplete completes a connection and fails the test if that is refused.
func (w *world) mustComplete(arn lockstep.ARN, g connection.HandshakeInput, want lockstep.ConnectionStatus) {
	w.Helper()
	if got, err := w.complete(arn, g); err != nil || got != want {
		w.Fatalf("the connection is %s, %v; want %s", got, err, want)
	}
}

// credentialStatus returns a connection's status and the state of its credential.
func (w *world) credentialStatus(arn lockstep.ARN) (lockstep.ConnectionStatus, connection.CredentialStatus) {
	w.Helper()
	var status lockstep.ConnectionStatus
	var credential connection.CredentialStatus
	w.update(func(tx *db.Tx) error {
		conn, err := store.ConnectionByARN(tx, arn)
		if err != nil {
			return err
		}
		status = conn.Status
		credential, err = w.controller.CredentialStatus(tx, conn)
		return err
	})

	return status, credential
}

// wantStatus checks a connection's status and returns its reason.
func (w *world) wantStatus(arn lockstep.ARN, want lockstep.ConnectionStatus) string {
	w.Helper()
	got, status := w.credentialStatus(arn)
	if got != want {
		w.Errorf("the connection is %s (%q), want %s", got, status.Reason, want)
	}
	return status.Reason
}

// storedCredential returns the credential of a connection, or the zero one.
func (w *world) storedCredential(arn lockstep.ARN) (credential lockstep.Credential) {
	w.Helper()
	w.update(func(tx *db.Tx) (err error) {
		credential, err = store.Credential(tx, w.seal, arn)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		return err
	})
	return credential
}

// takeRequestedProbes returns the links that are due for a probe, and resets them.
func (w *world) takeRequestedProbes() (ids []string) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		polls, err := store.ClaimPolls(tx, 100, 1000*time.Hour)
		for _, p := range polls {
			ids = append(ids, p.LinkID)
		}
		return err
	})
	return ids
}

// completeByOAuth completes a connection by OAuth.
func (w *world) completeByOAuth(arn lockstep.ARN) {
	w.Helper()
	code, state := w.authorize(arn)
	w.mustComplete(arn, connection.HandshakeInput{Code: code, State: state}, lockstep.ConnectionAvailable)
}

// authorize starts an authorization and approves it.
func (w *world) authorize(arn lockstep.ARN) (code, state string) {
	w.Helper()
	request, err := w.startAuthorization(arn, callback)
	if err != nil {
		w.Fatal(err)
	}
	query := w.approveInBrowser(request.URL)
	if query.Get("state") != request.State {
		w.Fatal("the host sends back another state")
	}
	return query.Get("code"), request.State
}

func (w *world) startAuthorization(
	arn lockstep.ARN,
	redirect string,
) (request connection.AuthorizationRequest, err error) {
	secret := connectiontest.ClientSecret
	w.git.Update(func() {
		if w.git.PublicClient {
			secret = ""
		}
	})
	err = w.db.Update(context.Background(), func(tx *db.Tx) error {
		conn, err := store.LockConnection(tx, account, region, arn)
		if err != nil {
			return err
		}

		request, err = w.controller.StartAuthorization(tx, conn,
			connection.OAuthClient{ID: connectiontest.ClientID, Secret: secret, RedirectURI: redirect})
		return err
	})

	return request, err
}

func wantError(t testing.TB, err error, kind lockstep.Kind, says string) {
	t.Helper()
	if lockstep.KindOf(err) != kind || err == nil || !bytes.Contains([]byte(err.Error()), []byte(says)) {
		t.Errorf("got %v (%v), want %v that says %q", err, lockstep.KindOf(err), kind, says)
	}
}

// wantDelay checks a delay to within what a queue may be late.
func wantDelay(t testing.TB, what string, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+maxDelay {
		t.Errorf("%s after %s, want %s", what, got, want)
	}
}

var errRefused = fmt.Errorf("heads: %w", lockstep.Errorf(lockstep.Denied, "git.example.com refuses the credential."))

// beginHandshake starts to complete a connection.
func (w *world) beginHandshake(arn lockstep.ARN, input connection.HandshakeInput) (handshake *connection.Handshake) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		conn, err := store.LockConnectionByARN(tx, arn)
		if err != nil {
			return err
		}
		handshake, err = w.controller.BeginHandshake(tx, conn, input)
		return err
	})
	return handshake
}

// moveHost changes the endpoint of a connection's host, as UpdateHost does.
func (w *world) moveHost(arn lockstep.ARN, to string) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		conn, err := store.ConnectionByARN(tx, arn)
		if err != nil {
			return err
		}

		host, err := store.HostByARN(tx, conn.HostARN)
		if err != nil {
			return err
		}

		host.Endpoint = to
		if err := store.UpdateHost(tx, host); err != nil {
			return err
		}

		return store.DeleteCredentialsOfHost(tx, host.ARN)
	})
}

// startSweeper runs the sweeper until the test ends.
func (w *world) startSweeper() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.controller.Sweep(ctx)
	}()
	w.Cleanup(func() {
		cancel()
		<-done
	})
}

// approveInBrowser authorizes the application, as a person in a browser does.
func (w *world) approveInBrowser(address string) url.Values {
	w.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		w.Fatal(err)
	}

	answer := httptest.NewRecorder()
	w.git.ServeHTTP(answer, req)
	back, err := answer.Result().Location()
	if err != nil {
		w.Fatalf("the host answers %d: %s", answer.Code, answer.Body)
	}

	return back.Query()
}
