package trigger_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/queue/queuetest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// A webhookReceiver handles webhooks for links that no poller probes.
type webhookReceiver struct {
	*world
	key   *seal.Key
	log   bytes.Buffer
	hooks *trigger.Webhooks
	woken int
}

func newWebhookReceiver(w *world) *webhookReceiver {
	key, err := seal.Generate()
	w.Must(err)
	receiver := &webhookReceiver{world: w, key: key}
	receiver.hooks = trigger.NewWebhooks(trigger.WebhookOptions{
		DB:     w.DB,
		Seal:   key,
		Log:    slog.New(slog.NewJSONHandler(&receiver.log, nil)),
		OnHint: func() { receiver.woken++ },
	})
	return receiver
}

// The secrets of the recorded deliveries.
const (
	everybodys = "It's a Secret to Everybody"
	signing    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// createWebhook creates a link with a webhook of a kind.
func (k *webhookReceiver) createWebhook(id string, kind lockstep.WebhookKind) lockstep.Webhook {
	k.T.Helper()
	secret := everybodys
	if kind == lockstep.GitLabSigningWebhook {
		secret = signing
	}
	w := lockstep.Webhook{LinkID: k.link("c", id).ID, Kind: kind}
	k.Update(func(tx *db.Tx) error { return store.PutWebhook(tx, k.key, &w, seal.NewSecret(secret)) })
	return w
}

// countRequestedPolls counts the polls that were requested for a link.
func (k *webhookReceiver) countRequestedPolls(linkID string) int {
	k.T.Helper()
	return k.Count(`SELECT requested_seq FROM repository_link WHERE id = $1`, linkID)
}

// A webhookRequest is a recorded delivery.
type webhookRequest struct {
	path   string
	header http.Header
	body   []byte
}

// readRecorded reads a delivery from testdata. Its path ends in ID.
func readRecorded(t testing.TB, name string) webhookRequest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "webhook", name+".http"))
	if err != nil {
		t.Fatal(err)
	}

	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head, "\n\n"...))))
	line, err := reader.ReadLine()
	if err != nil {
		t.Fatal(err)
	}

	header, err := reader.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}

	return webhookRequest{strings.Fields(line)[1], http.Header(header), body}
}

// addressedTo returns the request for a webhook.
func (m webhookRequest) addressedTo(w lockstep.Webhook) webhookRequest {
	m.path = strings.Replace(m.path, "ID", w.ID, 1)
	return m
}

func (m webhookRequest) with(name, value string) webhookRequest {
	m.header = m.header.Clone()
	m.header.Set(name, value)
	return m
}

func (m webhookRequest) without(name string) webhookRequest {
	m.header = m.header.Clone()
	m.header.Del(name)
	return m
}

func (m webhookRequest) withBody(body string) webhookRequest {
	m.body = []byte(body)
	return m
}

func (m webhookRequest) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, m.path, bytes.NewReader(m.body))
	r.Header = m.header
	return r
}

// deliver sends a request and returns the status and text of the response.
func (k *webhookReceiver) deliver(m webhookRequest) string {
	k.T.Helper()
	return k.serve(m.request())
}

func (k *webhookReceiver) serve(r *http.Request) string {
	k.T.Helper()
	rec := httptest.NewRecorder()
	k.hooks.ServeHTTP(rec, r)
	return fmt.Sprint(rec.Code, " ", strings.TrimSpace(rec.Body.String()))
}

// runWithReceiver runs f in fake time on SQLite.
func runWithReceiver(t *testing.T, f func(k *webhookReceiver)) {
	runInSQLiteBubble(t, func(w *world) { f(newWebhookReceiver(w)) })
}

// deliveries describes those in testdata: their kind, whether they are relevant,
// and whether they have an id.
var deliveries = []struct {
	name         string
	kind         lockstep.WebhookKind
	moves, known bool
}{
	{name: "github-push", kind: lockstep.GitHubWebhook, moves: true, known: true},
	{name: "github-ping", kind: lockstep.GitHubWebhook, moves: false, known: true},
	{name: "gitlab-push", kind: lockstep.GitLabWebhook, moves: true, known: true},
	{name: "gitlab-issue", kind: lockstep.GitLabWebhook, moves: false, known: true},
	{name: "gitlab-signing-push", kind: lockstep.GitLabSigningWebhook, moves: true, known: true},
	{name: "bitbucket-push", kind: lockstep.BitbucketWebhook, moves: true, known: true},
	{name: "bitbucket-server-ping", kind: lockstep.BitbucketWebhook, moves: false, known: true},
	{name: "azure-devops-push", kind: lockstep.AzureDevOpsWebhook, moves: true, known: false},
	{name: "gitea-push", kind: lockstep.GiteaWebhook, moves: true, known: true},
	{name: "forgejo-push", kind: lockstep.GiteaWebhook, moves: true, known: true},
	{name: "gogs-push", kind: lockstep.GiteaWebhook, moves: true, known: true},
	{name: "generic-signed", kind: lockstep.GenericWebhook, moves: true, known: true},
	{name: "generic-token", kind: lockstep.GenericWebhook, moves: true, known: false},
}

func TestADeliveryOfEachKindRequestsAPoll(t *testing.T) {
	runInBubble(t, func(w *world) {
		receiver := newWebhookReceiver(w)
		for _, test := range deliveries {
			hook := receiver.createWebhook(test.name, test.kind)
			want, hints, again, after := "202 accepted", 1, "202 already accepted", 1
			if !test.moves {
				want, again, hints, after = "202 accepted: event ignored", "202 accepted: event ignored", 0, 0
			}

			if !test.known {
				again, after = "202 accepted", 2
			}

			receiver.woken = 0
			got := receiver.deliver(readRecorded(t, test.name).addressedTo(hook))
			if got != want || receiver.countRequestedPolls(hook.LinkID) != hints ||
				receiver.woken != hints {
				t.Errorf("%s: %s with %d hints", test.name, got, receiver.countRequestedPolls(hook.LinkID))
			}

			got = receiver.deliver(readRecorded(t, test.name).addressedTo(hook))
			if got != again || receiver.countRequestedPolls(hook.LinkID) != after {
				t.Errorf("%s again: %s with %d hints", test.name, got, receiver.countRequestedPolls(hook.LinkID))
			}
		}
	})
}

// The test vectors that the providers publish.
func TestPublishedVectorsAreVerified(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		for name, message := range map[string]webhookRequest{
			"github": readRecorded(t, "github-push").withBody("Hello, World!").
				with("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
			"bitbucket": readRecorded(t, "bitbucket-push").withBody("Hello World!").
				with("X-Hub-Signature", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"),
		} {
			kind := lockstep.WebhookKind(strings.ToUpper(name))
			got := receiver.deliver(message.addressedTo(receiver.createWebhook(name, kind)))
			if got != "202 accepted" {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

func TestThePublishedVectorOfStandardWebhooksIsVerified(t *testing.T) {
	queuetest.BubbleOn(t, db.SQLite, func(t *testing.T, d *db.DB) {
		// No queue: it would poll often in the years that pass here.
		receiver := newWebhookReceiver(&world{Env: enginetest.Env{T: t, DB: d}})
		hook := receiver.createWebhook("standard", lockstep.GitLabSigningWebhook)
		time.Sleep(time.Until(time.Unix(1614265330, 0)))
		message := readRecorded(t, "gitlab-signing-push").withBody(`{"test": 2432232314}`).with("Webhook-Id",
			"msg_p5jXN8AQM9LWM0D4loKWxJek").
			with("Webhook-Timestamp", "1614265330").with("Webhook-Signature",
			"v1,AAAA v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=").addressedTo(hook)
		if got := receiver.deliver(message); got != "202 accepted" {
			t.Error(got)
		}

		time.Sleep(5*time.Minute + time.Second)
		got := receiver.deliver(message.with("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek"))
		if got != "401 not verified" {
			t.Errorf("five minutes later: %s", got)
		}
	})
}

// The poller probes as soon as the request is committed.
func TestAPollRequestedOnThisNodeIsMadeAtOnce(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		receiver := newWebhookReceiver(w)
		hook := receiver.createWebhook("infra", lockstep.GiteaWebhook)
		w.host.push("infra", "main")
		w.track(w.createLinkedWebhook("infra"))
		poller := trigger.NewPoller(trigger.PollerOptions{
			DB:           w.DB,
			Engine:       w.engine,
			Repositories: w.repositories,
			Log:          slog.New(slog.DiscardHandler),
			Interval:     time.Hour,
		})
		receiver.hooks = trigger.NewWebhooks(trigger.WebhookOptions{
			DB:     w.DB,
			Seal:   receiver.key,
			Log:    slog.New(slog.DiscardHandler),
			OnHint: poller.Wake,
		})
		w.startGivenPoller(poller)
		time.Sleep(time.Minute)
		began := time.Now()
		sha := w.host.push("infra", "main")

		if got := receiver.deliver(readRecorded(t, "gitea-push").addressedTo(hook)); got != "202 accepted" {
			t.Fatal(got)
		}

		synctest.Wait()
		time.Sleep(20 * time.Millisecond)
		if n := w.countProbesSince("infra", began); n < 1 || n > 2 { // the second is the sync's own
			t.Errorf("%d looks within 20 ms", w.countProbesSince("infra", began))
		}

		w.untilSynced(w.createLinkedWebhook("infra"), sha)
	})
}

// startGivenPoller runs a poller until the test ends.
func (w *world) startGivenPoller(p *trigger.Poller) {
	done := make(chan struct{})
	go func() {
		p.Run(w.T.Context())
		close(done)
	}()
	w.T.Cleanup(func() { <-done })
}

func (w *world) createLinkedWebhook(id string) (link lockstep.RepositoryLink) {
	w.T.Helper()
	w.Update(func(tx *db.Tx) (err error) {
		link, err = store.LinkByID(tx, id)
		return err
	})
	return link
}

// committedChecker reads the database when the response is written.
type committedChecker struct {
	http.ResponseWriter
	look func()
}

func (w committedChecker) WriteHeader(status int) {
	w.look()
	w.ResponseWriter.WriteHeader(status)
}

func TestARequestIsCommittedBeforeTheResponse(t *testing.T) {
	runInBubble(t, func(w *world) {
		receiver := newWebhookReceiver(w)
		hook := receiver.createWebhook("infra", lockstep.GitHubWebhook)
		r := readRecorded(t, "github-push").addressedTo(hook).request()
		receiver.hooks.ServeHTTP(committedChecker{httptest.NewRecorder(), func() {
			due := receiver.Count(`SELECT count(*) FROM repository_link WHERE id = $1 AND requested_seq = 1
				AND next_poll_at <= $2`,
				hook.LinkID, db.Millis(time.Now()))
			known := receiver.Count(`SELECT count(*) FROM webhook_delivery WHERE webhook_id = $1`, hook.ID)
			if diff := cmp.Diff([]int{1, 1}, []int{due, known}); diff != "" {
				t.Errorf("the answer was given before the hint was committed: %s", diff)
			}
		}}, r)
	})
}

func TestADatabaseFailureIsReported(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitHubWebhook)
		receiver.Update(func(tx *db.Tx) error {
			_, err := tx.Exec(`DROP TABLE webhook_delivery`)
			return err
		})
		if got := receiver.deliver(readRecorded(t, "github-push").addressedTo(hook)); got != "503 try again" ||
			receiver.countRequestedPolls("infra") != 0 {
			t.Errorf("%s with %d hints", got, receiver.countRequestedPolls("infra"))
		}
	})
}

func TestADeliveryIsLoggedInOneLineWithoutItsContent(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitHubWebhook)
		receiver.deliver(readRecorded(t, "github-push").addressedTo(hook))
		receiver.deliver(readRecorded(t, "github-push").addressedTo(hook).with("X-Hub-Signature-256",
			"sha256=c0ffee"))
		receiver.serve(httptest.NewRequest(http.MethodPost, "/webhooks/marker/marker", strings.NewReader("marker")))
		log := receiver.log.String()
		if n := strings.Count(log, "\n"); n != 3 {
			t.Errorf("%d lines: %s", n, log)
		}

		for _, sent := range []string{"marker", "c0ffee", hook.ID, everybodys, "Codertocat", "72d3162e"} {
			if strings.Contains(log, sent) {
				t.Errorf("%s is logged: %s", sent, log)
			}
		}

		if !strings.Contains(log, `"kind":"github","link":"infra","outcome":"accepted"`) {
			t.Error(log)
		}
	})
}

func TestANewSecretReplacesTheFormerOneAtOnce(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitLabWebhook)
		message := readRecorded(t, "gitlab-push").addressedTo(hook)
		if got := receiver.deliver(message); got != "202 accepted" {
			t.Fatal(got)
		}

		receiver.Update(func(tx *db.Tx) error {
			return store.PutWebhook(tx, receiver.key, &lockstep.Webhook{LinkID: "infra", Kind: hook.Kind},
				seal.NewSecret("another one, and long"))
		})
		if got := receiver.deliver(message.with("Idempotency-Key", "other")); got != "401 not verified" {
			t.Errorf("by the former secret: %s", got)
		}

		got := receiver.deliver(message.with("Idempotency-Key", "other").with("X-Gitlab-Token",
			"another one, and long"))
		if got != "202 accepted" {
			t.Errorf("by the new one: %s", got)
		}

		receiver.Update(func(tx *db.Tx) error { return store.DeleteWebhook(tx, "infra") })
		got = receiver.deliver(message.with("Idempotency-Key", "third").with("X-Gitlab-Token",
			"another one, and long"))
		if got != "401 not verified" {
			t.Errorf("of a deleted webhook: %s", got)
		}
	})
}

// endlessBody is a body without an end.
type endlessBody struct{ read int }

func (e *endlessBody) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}
