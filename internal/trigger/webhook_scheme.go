package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

// A scheme is how the webhooks of one kind are sent.
type scheme struct {
	kind lockstep.WebhookKind
	// prove begins to verify a request: the body is to be written to what it
	// gives, and then proven says whether the sender knows the secret.
	prove func(secret string, r *http.Request, now time.Time) (body io.Writer, proven func() bool)
	// delivery are headers with an id that a delivery keeps when it is sent again;
	// the first that is there counts.
	delivery []string
	// event is the header that says what happened, moving what it says of what can
	// move a branch or change a pull request. Without the header anything may have
	// happened.
	event  string
	moving []string
	// nobodys is a secret of this kind that nobody knows.
	nobodys seal.Secret
}

// schemes gives all kinds by their slugs.
func schemes() map[string]scheme {
	all := map[string]scheme{}
	for _, s := range []scheme{
		{kind: lockstep.GitHubWebhook, prove: signature("sha256=", "X-Hub-Signature-256"),
			delivery: []string{"X-GitHub-Delivery"}, event: "X-GitHub-Event", moving: []string{"push", "create", "delete", "pull_request"}},
		// GitLab's event id is shared by deliveries that others have caused; the
		// other, which is not, came later.
		{kind: lockstep.GitLabWebhook, prove: token(header("X-Gitlab-Token")),
			delivery: []string{"Idempotency-Key", "X-Gitlab-Event-UUID"}, event: "X-Gitlab-Event", moving: gitLabEvents()},
		{kind: lockstep.GitLabSigningWebhook, prove: standard,
			delivery: []string{"Webhook-Id"}, event: "X-Gitlab-Event", moving: gitLabEvents()},
		{kind: lockstep.BitbucketWebhook, prove: signature("sha256=", "X-Hub-Signature"),
			delivery: []string{"X-Request-Uuid", "X-Request-Id"}, event: "X-Event-Key", moving: bitbucketEvents()},
		// Azure DevOps signs nothing, and has ids and events in the body alone.
		{kind: lockstep.AzureDevOpsWebhook, prove: token(password, header("X-Lockstep-Token"))},
		{kind: lockstep.GiteaWebhook, prove: signature("", "X-Gitea-Signature", "X-Forgejo-Signature"),
			delivery: []string{"X-Gitea-Delivery", "X-Forgejo-Delivery"}, event: "X-Gitea-Event", moving: []string{"push", "create", "delete", "pull_request", "pull_request_sync"}},
		{kind: lockstep.GenericWebhook, prove: generic, delivery: []string{"X-Lockstep-Delivery"}},
	} {
		s.nobodys = store.NewWebhookSecret(s.kind)
		all[s.kind.Slug()] = s
	}

	return all
}

func gitLabEvents() []string { return []string{"Push Hook", "Merge Request Hook", "System Hook"} }

func bitbucketEvents() []string {
	return []string{"repo:push", "repo:refs_changed", "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected",
		// As Data Center says it.
		"pr:opened", "pr:from_ref_updated", "pr:merged", "pr:declined", "pr:deleted"}
}

// signature is HMAC-SHA256 of the body in hexadecimal, in the first of some
// headers that is there.
func signature(prefix string, headers ...string) func(string, *http.Request, time.Time) (io.Writer, func() bool) {
	return func(secret string, r *http.Request, _ time.Time) (io.Writer, func() bool) {
		mac := hmac.New(sha256.New, []byte(secret))
		return mac, func() bool {
			for _, name := range headers {
				if text := r.Header.Get(name); text != "" {
					text, ok := strings.CutPrefix(text, prefix)
					sent, err := hex.DecodeString(text)
					return ok && err == nil && hmac.Equal(sent, mac.Sum(nil))
				}
			}

			return false
		}
	}
}

// token is the secret itself, where one of some places has it. The body is not
// looked at: a webhook of this kind vouches for nothing but its sender.
func token(places ...func(*http.Request) string) func(string, *http.Request, time.Time) (io.Writer, func() bool) {
	return func(secret string, r *http.Request, _ time.Time) (io.Writer, func() bool) {
		return io.Discard, func() bool {
			for _, place := range places {
				if text := place(r); text != "" {
					return same(text, secret)
				}
			}
			return false
		}
	}
}

// same compares in a time that does not even depend on the lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func header(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

// password gives that of basic authentication; the user's name may be any.
func password(r *http.Request) string {
	_, text, _ := r.BasicAuth()
	return text
}

func bearer(r *http.Request) string {
	word, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(word, "Bearer") {
		return ""
	}
	return text
}

// generic takes a signature if there is one, else the secret as a bearer token.
func generic(secret string, r *http.Request, now time.Time) (io.Writer, func() bool) {
	const name = "X-Lockstep-Signature"
	if r.Header.Get(name) != "" {
		return signature("sha256=", name)(secret, r, now)
	}
	return token(bearer)(secret, r, now)
}

// window is how old a delivery of Standard Webhooks may be, and how far clocks may
// differ.
const window = 5 * time.Minute

// standard is the signature of Standard Webhooks: HMAC-SHA256 of id, time and
// body, with points between, in base64. Several may be sent, of which one is
// enough: so a secret can be changed. It is written here rather than taken from
// their library, which wants the whole body in memory.
func standard(secret string, r *http.Request, now time.Time) (io.Writer, func() bool) {
	id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, store.SigningPrefix))
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+at+".") // a hash takes everything

	return mac, func() bool {
		seconds, bad := strconv.ParseInt(at, 10, 64)
		// A point in the id could be taken for the one behind it.
		if err != nil || len(key) == 0 || bad != nil || id == "" || strings.Contains(id, ".") {
			return false
		}
		if early, late := now.Add(-window).Unix(), now.Add(window).Unix(); seconds < early || seconds > late {
			return false
		}

		want := mac.Sum(nil)
		for text := range strings.FieldsSeq(r.Header.Get("Webhook-Signature")) {
			text, ok := strings.CutPrefix(text, "v1,")
			sent, err := base64.StdEncoding.DecodeString(text)
			if ok && err == nil && hmac.Equal(sent, want) {
				return true
			}
		}

		return false
	}
}
