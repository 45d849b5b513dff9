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
	// tick is how often queues look in bubbles, late how much later than due a job
	// may run.
	tick = 15 * time.Second
	late = 2*tick + time.Second
)

// A world is a node with a Git host beside it.
type world struct {
	testing.TB
	db     *db.DB
	seal   *seal.Key
	queue  *queue.Queue
	h      *connection.Controller
	git    *connectiontest.Host
	driver *connectiontest.Driver // of provider type GitLabSelfManaged
	log    *lines
}

// lines is a log that several goroutines write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// inBubble runs f on both databases where time is fake.
func inBubble(t *testing.T, f func(w *world)) {
	t.Helper()
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) {
		git := connectiontest.NewInProcess()
		w := newWorld(t, d, git, git)
		w.work()
		f(w)
	})
}

// newWorld makes a node that does not work yet.
func newWorld(t testing.TB, d *db.DB, git *connectiontest.Host, transport http.RoundTripper) *world {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return newNode(t, d, key, git, transport)
}

func newNode(t testing.TB, d *db.DB, key *seal.Key, git *connectiontest.Host, transport http.RoundTripper) *world {
	t.Helper()
	w := &world{TB: t, db: d, seal: key, git: git, log: &lines{},
		driver: &connectiontest.Driver{Host: git, Transport: transport, Kind: "GitLabSelfManaged"}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.queue = queue.New(queue.Options{DB: d, Log: log, PollOnly: true, PollInterval: tick})
	w.h = connection.New(connection.Options{DB: d, Queue: w.queue, Seal: key, Log: log,
		// The other type has no ability but to read.
		Providers: []provider.Driver{w.driver, struct{ provider.Driver }{&connectiontest.Driver{Host: git, Kind: "Git"}}},
		Transport: func(string) (http.RoundTripper, error) { return transport, nil }})

	if err := w.queue.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	return w
}

// work starts the node's queue; it ends with the test, or when stop is called.
func (w *world) work() (stop func()) {
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

// connection makes a connection of a provider type to the host.
func (w *world) connection(name string, kind lockstep.ProviderType) lockstep.ARN {
	w.Helper()
	host := lockstep.Host{ARN: lockstep.ARN("arn:aws:codeconnections:eu-central-1:111122223333:host/" + name), Account: account, Region: region,
		Name: name, ProviderType: kind, Endpoint: w.git.URL, Status: lockstep.HostAvailable}
	conn := lockstep.Connection{ARN: lockstep.ARN("arn:aws:codeconnections:eu-central-1:111122223333:connection/" + name), Account: account,
		Region: region, Name: name, ProviderType: kind, HostARN: host.ARN, Status: lockstep.ConnectionPending}
	w.update(func(tx *db.Tx) error {
		if err := store.InsertHost(tx, &host); err != nil {
			return err
		}
		return store.InsertConnection(tx, &conn)
	})

	return conn.ARN
}

// link makes a link over a connection that was looked at and worked.
func (w *world) link(arn lockstep.ARN, id string) string {
	w.Helper()
	l := lockstep.RepositoryLink{ID: id, ARN: lockstep.ARN("arn:" + id), Account: account, Region: region, ConnectionARN: arn,
		OwnerID: "acme", RepositoryName: id, ProviderType: "Git"}
	w.update(func(tx *db.Tx) error {
		if err := store.InsertLink(tx, &l); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE repository_link SET next_poll_at = $2, poll_interval = 1000 WHERE id = $1`, id, db.Millis(tx.Now.Add(1000*time.Hour)))
		return err
	})
	return id
}

// met tells what came of a look, as the poller does.
func (w *world) met(link string, cause error) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		var err error
		if cause != nil {
			_, err = store.SetOutage(tx, link, lockstep.Shown(cause))
		} else {
			_, err = store.EndOutage(tx, link)
		}

		if err != nil {
			return err
		}

		return w.h.RecordProbe(tx, link, cause)
	})
}

// give gives a connection a credential, as CompleteConnection does.
func (w *world) give(arn lockstep.ARN, g connection.HandshakeInput) (status lockstep.ConnectionStatus, err error) {
	var offer *connection.Handshake
	locked := func(f func(tx *db.Tx, conn lockstep.Connection) error) error {
		return w.db.Update(context.Background(), func(tx *db.Tx) error {
			conn, err := store.LockConnection(tx, account, region, arn)
			if err != nil {
				return err
			}
			return f(tx, conn)
		})
	}
	err = locked(func(tx *db.Tx, conn lockstep.Connection) (err error) {
		offer, err = w.h.BeginHandshake(tx, conn, g)
		return err
	})
	if err != nil {
		return "", err
	}

	if err := offer.Verify(context.Background()); err != nil {
		return "", err
	}

	err = locked(func(tx *db.Tx, conn lockstep.Connection) (err error) {
		status, err = offer.Complete(tx, conn)
		return err
	})
	return status, err
}

func token(secret string) connection.HandshakeInput {
	return connection.HandshakeInput{Credential: lockstep.Credential{Kind: lockstep.TokenCredential, Secret: secret}}
}

// given gives a connection a credential that it has to take.
func (w *world) given(arn lockstep.ARN, g connection.HandshakeInput, want lockstep.ConnectionStatus) {
	w.Helper()
	if got, err := w.give(arn, g); err != nil || got != want {
		w.Fatalf("the connection is %s, %v; want %s", got, err, want)
	}
}

// stands reads a connection's status and what else is known.
func (w *world) stands(arn lockstep.ARN) (status lockstep.ConnectionStatus, s connection.CredentialStatus) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		conn, err := store.ConnectionByARN(tx, arn)
		if err != nil {
			return err
		}
		status = conn.Status
		s, err = w.h.CredentialStatus(tx, conn)
		return err
	})
	return status, s
}

// is checks a connection's status and gives its reason.
func (w *world) is(arn lockstep.ARN, want lockstep.ConnectionStatus) string {
	w.Helper()
	got, s := w.stands(arn)
	if got != want {
		w.Errorf("the connection is %s (%q), want %s", got, s.Reason, want)
	}
	return s.Reason
}

// held opens what a connection holds, however it fares.
func (w *world) held(arn lockstep.ARN) (c lockstep.Credential) {
	w.Helper()
	w.update(func(tx *db.Tx) (err error) {
		c, err = store.Credential(tx, w.seal, arn)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		return err
	})
	return c
}

// hinted gives the links that are due for a look, and forgets that they are.
func (w *world) hinted() (ids []string) {
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

// oauth gives a connection what a person let it have.
func (w *world) oauth(arn lockstep.ARN) {
	w.Helper()
	code, state := w.letIn(arn)
	w.given(arn, connection.HandshakeInput{Code: code, State: state}, lockstep.ConnectionAvailable)
}

// letIn starts a handshake and lets the application in.
func (w *world) letIn(arn lockstep.ARN) (code, state string) {
	w.Helper()
	s, err := w.start(arn, callback)
	if err != nil {
		w.Fatal(err)
	}
	q := w.visit(s.URL)
	if q.Get("state") != s.State {
		w.Fatal("the host sends back another state")
	}
	return q.Get("code"), s.State
}

func (w *world) start(arn lockstep.ARN, redirect string) (s connection.AuthorizationRequest, err error) {
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

		s, err = w.h.StartAuthorization(tx, conn, connection.OAuthClient{ID: connectiontest.ClientID, Secret: secret, RedirectURI: redirect})
		return err
	})

	return s, err
}

func refused(t testing.TB, err error, kind lockstep.Kind, says string) {
	t.Helper()
	if lockstep.KindOf(err) != kind || err == nil || !bytes.Contains([]byte(err.Error()), []byte(says)) {
		t.Errorf("got %v (%v), want %v that says %q", err, lockstep.KindOf(err), kind, says)
	}
}

// around checks a time to within what a queue may be late.
func around(t testing.TB, what string, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+late {
		t.Errorf("%s after %s, want %s", what, got, want)
	}
}

var errRefused = fmt.Errorf("heads: %w", lockstep.Errorf(lockstep.Denied, "git.example.com refuses the credential."))

// receive begins to give a connection a credential.
func (w *world) receive(arn lockstep.ARN, g connection.HandshakeInput) (offer *connection.Handshake) {
	w.Helper()
	w.update(func(tx *db.Tx) error {
		conn, err := store.LockConnectionByARN(tx, arn)
		if err != nil {
			return err
		}
		offer, err = w.h.BeginHandshake(tx, conn, g)
		return err
	})
	return offer
}

// moveHost takes the host of a connection elsewhere, as UpdateHost does.
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

		return store.ForgetCredentials(tx, host.ARN)
	})
}

// sweep runs the sweeper until the test ends.
func (w *world) sweep() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.h.Sweep(ctx)
	}()
	w.Cleanup(func() {
		cancel()
		<-done
	})
}

// visit lets the application in, as a person's browser does.
func (w *world) visit(address string) url.Values {
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
