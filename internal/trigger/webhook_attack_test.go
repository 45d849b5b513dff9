package trigger_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/trigger"
)

func TestAttack12ABodyIsReadToALimitAndNotKept(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitHubWebhook)
		message := readRecorded(t, "github-push").addressedTo(hook)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		body := &endlessBody{}
		r := message.request()
		r.Body, r.ContentLength = io.NopCloser(body), -1

		if got := receiver.serve(r); got != "413 too large" || body.read > 26<<20 {
			t.Errorf("%s after %d bytes", got, body.read)
		}

		runtime.ReadMemStats(&after)
		if held := after.TotalAlloc - before.TotalAlloc; held > 1<<20 {
			t.Errorf("%d bytes were allocated for it", held)
		}

		body.read = 0
		r = message.request()
		r.Body, r.ContentLength = io.NopCloser(body), 26<<20

		if got := receiver.serve(r); got != "413 too large" || body.read != 0 {
			t.Errorf("%s after %d bytes that were announced", got, body.read)
		}
	})
}

// panickingBody is a body that panics when it is read.
type panickingBody struct{}

func (panickingBody) Read([]byte) (int, error) { panic("a bug of ours") }

func TestAttack13APanicOrABadPayloadEndsThatDeliveryAlone(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.AzureDevOpsWebhook)
		message := readRecorded(t, "azure-devops-push").addressedTo(hook)
		r := message.request()
		r.Body = io.NopCloser(panickingBody{})

		if got := receiver.serve(r); got != "500 internal error" {
			t.Error(got)
		}

		r = message.request()
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
		if got := receiver.serve(r); got != "400 incomplete body" || receiver.countRequestedPolls("infra") != 0 {
			t.Errorf("%s with %d hints", got, receiver.countRequestedPolls("infra"))
		}

		// The body is not parsed, so any body is valid.
		for _, body := range []string{"", "{", `{"eventType":7}`, "\x00\xff", strings.Repeat("[", 1<<20)} {
			if got := receiver.deliver(message.withBody(body)); got != "202 accepted" {
				t.Errorf("%.20q: %s", body, got)
			}
		}
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// forgeries returns invalid variants of a request.
func forgeries(message webhookRequest, secret string) map[string]webhookRequest {
	all := map[string]webhookRequest{}
	for _, name := range []string{
		"X-Hub-Signature-256", "X-Hub-Signature", "X-Gitlab-Token", "Webhook-Signature", "Webhook-Id",
		"Webhook-Timestamp",
		"Authorization", "X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature",
		"X-Lockstep-Signature"} {
		value := message.header.Get(name)
		if value == "" {
			continue
		}

		all["without "+name] = message.without(name)
		all[name+" cut"] = message.with(name, value[:len(value)-1])
		all[name+" longer"] = message.with(name, value+"0")
		all[name+" empty"] = message.with(name, "sha256=")
		flipped := []byte(value)
		flipped[len(flipped)-3] ^= 1
		all[name+" changed"] = message.with(name, string(flipped))

		if !strings.Contains(value, secret) {
			all[name+" is the secret"] = message.with(name, secret)
			all[name+" has an empty key"] = message.with(name, "sha256="+emptyKey)
		}
	}

	return all
}

// emptyKey is the HMAC-SHA256 of the empty text with an empty key.
const emptyKey = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"

func TestAttack14AForgedDeliveryIsRefused(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		for _, test := range deliveries {
			hook := receiver.createWebhook(test.name, test.kind)
			other := receiver.createWebhook(test.name+"-other", test.kind)
			message := readRecorded(t, test.name)
			wrong := forgeries(message.addressedTo(hook), everybodys)
			signs := message.header.Get("X-Gitlab-Token") == "" && message.header.Get("Authorization") == ""
			if signs {
				wrong["another body"] = message.addressedTo(hook).withBody(string(message.body) + " ")
				wrong["no body"] = message.addressedTo(hook).withBody("")
			}

			unknown := lockstep.Webhook{ID: strings.Repeat("a", 26), Kind: test.kind}
			wrong["an unknown id"] = message.addressedTo(unknown)
			wrong["the link's id"] = message.addressedTo(lockstep.Webhook{ID: hook.LinkID})

			for _, kind := range lockstep.WebhookKinds() {
				if kind != test.kind {
					// Schemes that sign must not accept the secret itself.
					message := message.addressedTo(hook).with("Authorization",
						"Bearer "+everybodys).with("X-Gitlab-Token",
						everybodys).with("X-Lockstep-Token", everybodys)
					message.path = "/webhooks/" + kind.Slug() + "/" + hook.ID
					wrong["sent to "+kind.Slug()] = message
				}
			}

			for name, message := range wrong {
				time.Sleep(100 * time.Millisecond)
				if got := receiver.deliver(message); got != "401 not verified" {
					t.Errorf("%s, %s: %s", test.name, name, got)
				}
			}

			if receiver.countRequestedPolls(hook.LinkID) != 0 || receiver.countRequestedPolls(other.LinkID) != 0 {
				t.Errorf("%s: a forgery is a hint", test.name)
			}
		}
	})
}

func TestAttack14AnEmptySecretVerifiesNothing(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		for _, test := range deliveries {
			hook := receiver.createWebhook(test.name, test.kind)
			box, err := receiver.key.Seal(nil,
				[]byte("webhook secret of "+hook.ID+", "+string(hook.Kind)+" of "+hook.LinkID))
			receiver.Must(err)
			receiver.Update(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE webhook SET sealed = $2 WHERE id = $1`, hook.ID, []byte(box))
				return err
			})
			message := readRecorded(t, test.name).addressedTo(hook).withBody("").with("X-Gitlab-Token",
				"").with("Authorization",
				"Bearer ")
			for _, name := range []string{"X-Hub-Signature-256", "X-Hub-Signature", "X-Lockstep-Signature"} {
				message = message.with(name, "sha256="+emptyKey)
			}

			message = message.with("X-Gitea-Signature", emptyKey).with("X-Forgejo-Signature", emptyKey).
				with("X-Gogs-Signature", emptyKey)
			if test.kind == lockstep.AzureDevOpsWebhook {
				message = message.with("Authorization", "Basic Og==")
			}

			time.Sleep(time.Second)
			if got := receiver.deliver(message); got != "401 not verified" {
				t.Errorf("%s: %s", test.name, got)
			}
		}
	})
}

func TestAttack14AReplayedDeliveryDoesNothing(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitHubWebhook)
		m := readRecorded(t, "github-push").addressedTo(hook)
		for range 50 {
			receiver.deliver(m)
		}

		if receiver.countRequestedPolls("infra") != 1 {
			t.Errorf("%d hints", receiver.countRequestedPolls("infra"))
		}

		// Another process does not accept it either.
		receiver.hooks = newWebhookReceiver(receiver.world).hooks
		sealed := receiver.createWebhook("signed", lockstep.GitLabSigningWebhook)
		again := readRecorded(t, "gitlab-signing-push").addressedTo(sealed)
		time.Sleep(6 * time.Minute)

		if got := receiver.deliver(again); got == "202 accepted" {
			t.Error("what is older than five minutes is accepted")
		}
	})
}

// signed returns a correctly signed delivery of Standard Webhooks.
func signed(t *testing.T, id string, at time.Time, body string) webhookRequest {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signing, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+seconds+"."+body)
	return readRecorded(t, "gitlab-signing-push").withBody(body).with("Webhook-Id", id).with("Webhook-Timestamp",
		seconds).
		with("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func TestAttack14ASignatureIsValidForItsTimeAndParts(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitLabSigningWebhook)
		now := time.Now()
		text := strconv.FormatInt(now.Unix(), 10)
		for name, test := range map[string]struct {
			sent webhookRequest
			want string
		}{
			"as it should be":    {signed(t, "a", now, text+".rest"), "202 accepted"},
			"a clock ahead":      {signed(t, "b", now.Add(5*time.Minute), "{}"), "202 accepted"},
			"a clock far ahead":  {signed(t, "c", now.Add(5*time.Minute+time.Second), "{}"), "401 not verified"},
			"a clock far behind": {signed(t, "d", now.Add(-5*time.Minute-time.Second), "{}"), "401 not verified"},
			"parts moved": {signed(t, "a", now, text+".rest").with("Webhook-Id",
				"a."+text).withBody("rest"), "401 not verified"},
			"no id": {signed(t, "", now, "{}"), "401 not verified"},
		} {
			if got := receiver.deliver(test.sent.addressedTo(hook)); got != test.want {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

// A refusal does not reveal which webhooks exist.
func TestAttack14AnUnknownWebhookIsRefusedLikeAWrongSignature(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitHubWebhook)
		message := readRecorded(t, "github-push").with("X-Hub-Signature-256", "sha256=00")
		answers := map[string]http.Header{}
		for name, path := range map[string]string{
			"known": "/webhooks/github/" + hook.ID,
			"unknown": "/webhooks/github/" + strings.Repeat("a",
				26),
			"of another kind": "/webhooks/gitlab/" + hook.ID,
			"no kind":         "/webhooks/svn/" + hook.ID,
			"no id":           "/webhooks/github/",
			"neither":         "/webhooks/",
			"more":            "/webhooks/github/" + hook.ID + "/x",
		} {
			message.path = path
			rec := httptest.NewRecorder()
			receiver.hooks.ServeHTTP(rec, message.request())

			if rec.Code != http.StatusUnauthorized || rec.Body.String() != "not verified\n" {
				t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
			}

			answers[name] = rec.Header()
		}

		for name, header := range answers {
			if len(header) != len(answers["known"]) {
				t.Errorf("%s is answered with other headers: %v", name, header)
			}
		}
	})
}

func TestAttack15UnverifiedRequestsAreRateLimitedByAddress(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitLabWebhook)
		message := readRecorded(t, "gitlab-push").addressedTo(hook)
		wrong := message.with("X-Gitlab-Token", "guess")
		refused := 0
		for range 300 {
			if receiver.deliver(wrong) == "401 not verified" {
				refused++
			}
		}

		if refused != 100 {
			t.Errorf("%d guesses were verified", refused)
		}

		if got := receiver.deliver(message); got != "429 too many requests" {
			t.Errorf("the right one from the same address: %s", got)
		}

		r := message.request()
		r.RemoteAddr = "198.51.100.7:443"
		if got := receiver.serve(r); got != "202 accepted" {
			t.Errorf("from another address: %s", got)
		}

		time.Sleep(time.Second)
		if got := receiver.deliver(message.with("Idempotency-Key", "later")); got != "202 accepted" {
			t.Errorf("a second later: %s", got)
		}
	})
}

// Many deliveries cause few probes of one repository, and none of others.
func TestAttack15ManyDeliveriesCauseFewProbes(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "other")
		receiver := newWebhookReceiver(w)
		hook := receiver.createWebhook("infra", lockstep.AzureDevOpsWebhook)
		w.host.push("infra", "main")
		w.track(w.createLinkedWebhook("infra"))
		w.startPoller(trigger.PollerOptions{Interval: time.Hour})
		time.Sleep(2 * time.Minute)
		began := time.Now()

		for range 1000 {
			receiver.deliver(readRecorded(t, "azure-devops-push").addressedTo(hook))
		}

		time.Sleep(2 * time.Second)
		infra, other := w.countProbesSince("infra", began), w.countProbesSince("other", began)
		if infra < 1 || infra > 2 || other != 0 {
			t.Errorf("%d looks, and %d at another repository", infra, other)
		}
	})
}

func TestAttack20OnlyPostIsAccepted(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		hook := receiver.createWebhook("infra", lockstep.GitLabWebhook)
		for _, method := range []string{
			http.MethodGet, http.MethodHead, http.MethodPut, http.MethodOptions, http.MethodConnect,
		} {
			r := readRecorded(t, "gitlab-push").addressedTo(hook).request()
			r.Method = method
			if got := receiver.serve(r); got != "405 use POST" || receiver.countRequestedPolls("infra") != 0 {
				t.Errorf("%s: %s", method, got)
			}
		}
	})
}
