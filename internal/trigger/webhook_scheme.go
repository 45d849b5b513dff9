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
	// newVerifier begins to verify a request: the body is to be written to what it
	// gives, and then proven says whether the sender knows the secret.
	newVerifier func(secret string, r *http.Request, now time.Time) (body io.Writer, proven func() bool)
	// delivery are headers with an id that a delivery keeps when it is sent again;
	// the first that is there counts.
	delivery []string
	// event is the header that says what happened, moving what it says of what can
	// move a branch or change a pull request. Without the header anything may have
	// happened.
	event          string
	relevantEvents []string
	// dummySecret is a secret of this kind that nobody knows.
	dummySecret seal.Secret
}

// schemes gives all kinds by their slugs.
func schemes() map[string]scheme {
	all := map[string]scheme{}
	for _, scheme := range []scheme{
		{kind: lockstep.GitHubWebhook, newVerifier: hmacVerifier("sha256=", "X-Hub-Signature-256"),
			delivery: []string{"X-GitHub-Delivery"}, event: "X-GitHub-Event", relevantEvents: []string{"push", "create", "delete", "pull_request"}},
		// GitLab's event id is shared by deliveries that others have caused; the
		// other, which is not, came later.
		{kind: lockstep.GitLabWebhook, newVerifier: tokenVerifier(headerValue("X-Gitlab-Token")),
			delivery: []string{"Idempotency-Key", "X-Gitlab-Event-UUID"}, event: "X-Gitlab-Event", relevantEvents: gitLabEvents()},
		{kind: lockstep.GitLabSigningWebhook, newVerifier: standardVerifier,
			delivery: []string{"Webhook-Id"}, event: "X-Gitlab-Event", relevantEvents: gitLabEvents()},
		{kind: lockstep.BitbucketWebhook, newVerifier: hmacVerifier("sha256=", "X-Hub-Signature"),
			delivery: []string{"X-Request-Uuid", "X-Request-Id"}, event: "X-Event-Key", relevantEvents: bitbucketEvents()},
		// Azure DevOps signs nothing, and has ids and events in the body alone.
		{kind: lockstep.AzureDevOpsWebhook, newVerifier: tokenVerifier(basicPassword, headerValue("X-Lockstep-Token"))},
		{kind: lockstep.GiteaWebhook, newVerifier: hmacVerifier("", "X-Gitea-Signature", "X-Forgejo-Signature"),
			delivery: []string{"X-Gitea-Delivery", "X-Forgejo-Delivery"}, event: "X-Gitea-Event", relevantEvents: []string{"push", "create", "delete", "pull_request", "pull_request_sync"}},
		{kind: lockstep.GenericWebhook, newVerifier: genericVerifier, delivery: []string{"X-Lockstep-Delivery"}},
	} {
		scheme.dummySecret = store.NewWebhookSecret(scheme.kind)
		all[scheme.kind.Slug()] = scheme
	}

	return all
}

func gitLabEvents() []string { return []string{"Push Hook", "Merge Request Hook", "System Hook"} }

func bitbucketEvents() []string {
	return []string{"repo:push", "repo:refs_changed", "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected",
		// As Data Center says it.
		"pr:opened", "pr:from_ref_updated", "pr:merged", "pr:declined", "pr:deleted"}
}

// hmacVerifier is HMAC-SHA256 of the body in hexadecimal, in the first of some
// headers that is there.
func hmacVerifier(prefix string, headers ...string) func(string, *http.Request, time.Time) (io.Writer, func() bool) {
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

// tokenVerifier is the secret itself, where one of some places has it. The body is not
// looked at: a webhook of this kind vouches for nothing but its sender.
func tokenVerifier(places ...func(*http.Request) string) func(string, *http.Request, time.Time) (io.Writer, func() bool) {
	return func(secret string, r *http.Request, _ time.Time) (io.Writer, func() bool) {
		return io.Discard, func() bool {
			for _, place := range places {
				if text := place(r); text != "" {
					return equalSecrets(text, secret)
				}
			}
			return false
		}
	}
}

// equalSecrets compares in a time that does not even depend on the lengths.
func equalSecrets(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func headerValue(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

// basicPassword gives that of basic authentication; the user's name may be any.
func basicPassword(r *http.Request) string {
	_, text, _ := r.BasicAuth()
	return text
}

func bearerToken(r *http.Request) string {
	word, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(word, "Bearer") {
		return ""
	}
	return text
}

// genericVerifier takes a signature if there is one, else the secret as a bearer token.
func genericVerifier(secret string, r *http.Request, now time.Time) (io.Writer, func() bool) {
	const name = "X-Lockstep-Signature"
	if r.Header.Get(name) != "" {
		return hmacVerifier("sha256=", name)(secret, r, now)
	}
	return tokenVerifier(bearerToken)(secret, r, now)
}

// timestampTolerance is how old a delivery of Standard Webhooks may be, and how far clocks may
// differ.
const timestampTolerance = 5 * time.Minute

// standardVerifier is the signature of Standard Webhooks: HMAC-SHA256 of id, time and
// body, with points between, in base64. Several may be sent, of which one is
// enough: so a secret can be changed. It is written here rather than taken from
// their library, which wants the whole body in memory.
func standardVerifier(secret string, r *http.Request, now time.Time) (io.Writer, func() bool) {
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
		if early, late := now.Add(-timestampTolerance).Unix(), now.Add(timestampTolerance).Unix(); seconds < early || seconds > late {
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
