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

// A scheme is how the webhooks of one kind are sent and signed.
type scheme struct {
	kind lockstep.WebhookKind
	// newVerifier starts to verify a request. The caller writes the body to body;
	// proven then reports whether the sender knows the secret.
	newVerifier func(secret string, r *http.Request, now time.Time) (body io.Writer, proven func() bool)
	// delivery lists the headers with an id that is the same when a delivery is
	// repeated; the first present one counts.
	delivery []string
	// event lists the headers with the event type, of which the first present one
	// counts, and relevantEvents the types that may move a branch or change a pull
	// request. Without a header every delivery is relevant.
	event          []string
	relevantEvents []string
	// dummySecret is a random secret of this kind.
	dummySecret seal.Secret
}

// schemes returns all schemes by the slugs of their kinds.
func schemes() map[string]scheme {
	all := map[string]scheme{}
	for _, scheme := range []scheme{
		{
			kind:           lockstep.GitHubWebhook,
			newVerifier:    hmacVerifier("sha256=", "X-Hub-Signature-256"),
			delivery:       []string{"X-GitHub-Delivery"},
			event:          []string{"X-GitHub-Event"},
			relevantEvents: []string{"push", "create", "delete", "pull_request"},
		},
		// GitLab's event UUID is shared by the deliveries that one event causes;
		// Idempotency-Key, which newer versions send, is not.
		{
			kind:           lockstep.GitLabWebhook,
			newVerifier:    tokenVerifier(headerValue("X-Gitlab-Token")),
			delivery:       []string{"Idempotency-Key", "X-Gitlab-Event-UUID"},
			event:          []string{"X-Gitlab-Event"},
			relevantEvents: gitLabEvents(),
		},
		{
			kind:           lockstep.GitLabSigningWebhook,
			newVerifier:    standardVerifier,
			delivery:       []string{"Webhook-Id"},
			event:          []string{"X-Gitlab-Event"},
			relevantEvents: gitLabEvents(),
		},
		{
			kind:           lockstep.BitbucketWebhook,
			newVerifier:    hmacVerifier("sha256=", "X-Hub-Signature"),
			delivery:       []string{"X-Request-Uuid", "X-Request-Id"},
			event:          []string{"X-Event-Key"},
			relevantEvents: bitbucketEvents(),
		},
		// Azure DevOps does not sign, and sends ids and events only in the body.
		{
			kind: lockstep.AzureDevOpsWebhook,
			newVerifier: tokenVerifier(basicPassword,
				headerValue("X-Lockstep-Token")),
		},
		{
			kind:           lockstep.GiteaWebhook,
			newVerifier:    hmacVerifier("", "X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature"),
			delivery:       []string{"X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Gogs-Delivery"},
			event:          []string{"X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event"},
			relevantEvents: []string{"push", "create", "delete", "pull_request", "pull_request_sync"},
		},
		{kind: lockstep.GenericWebhook, newVerifier: genericVerifier, delivery: []string{"X-Lockstep-Delivery"}},
	} {
		scheme.dummySecret = store.NewWebhookSecret(scheme.kind)
		all[scheme.kind.Slug()] = scheme
	}

	return all
}

func gitLabEvents() []string { return []string{"Push Hook", "Merge Request Hook", "System Hook"} }

func bitbucketEvents() []string {
	return []string{
		"repo:push", "repo:refs_changed",
		"pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected",
		// Bitbucket Data Center
		"pr:opened", "pr:from_ref_updated", "pr:merged", "pr:declined", "pr:deleted",
	}
}

// hmacVerifier verifies the hexadecimal HMAC-SHA256 of the body in the first
// present header.
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

// tokenVerifier verifies that one of some places contains the secret itself. The
// body is not authenticated.
func tokenVerifier(
	places ...func(*http.Request) string,
) func(string, *http.Request, time.Time) (io.Writer, func() bool) {
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

// equalSecrets compares in constant time, independent even of the lengths.
func equalSecrets(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func headerValue(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

// basicPassword returns the password of basic authentication; the user name is
// ignored.
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

// genericVerifier verifies a signature if there is one, else the secret as a bearer
// token.
func genericVerifier(secret string, r *http.Request, now time.Time) (io.Writer, func() bool) {
	const name = "X-Lockstep-Signature"
	if r.Header.Get(name) != "" {
		return hmacVerifier("sha256=", name)(secret, r, now)
	}
	return tokenVerifier(bearerToken)(secret, r, now)
}

// timestampTolerance is the maximum age of a delivery of Standard Webhooks, and the
// tolerated clock difference.
const timestampTolerance = 5 * time.Minute

// standardVerifier verifies a signature of Standard Webhooks: the base64
// HMAC-SHA256 of id, timestamp and body, separated by dots. During a change of
// secrets there are several, of which one must match. Their library is not used
// because it needs the whole body in memory.
func standardVerifier(secret string, r *http.Request, now time.Time) (io.Writer, func() bool) {
	id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, store.SigningPrefix))
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+at+".") // writing to a hash does not fail

	return mac, func() bool {
		seconds, bad := strconv.ParseInt(at, 10, 64)
		// A dot in the id could shift the boundary to the timestamp.
		if err != nil || len(key) == 0 || bad != nil || id == "" || strings.Contains(id, ".") {
			return false
		}
		earliest := now.Add(-timestampTolerance).Unix()
		latest := now.Add(timestampTolerance).Unix()
		if seconds < earliest || seconds > latest {
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
