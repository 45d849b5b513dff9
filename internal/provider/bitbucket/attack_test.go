package bitbucket_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
)

// call is one way in which a client speaks to the API.
type call func(ctx context.Context, c provider.Client) error

func calls(sha lockstep.SHA) map[string]call {
	pr := provider.PullRequest{Number: 1}
	return map[string]call{
		"status": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.StatusReporter).ReportStatus(ctx, provider.CommitStatus{
				SHA:         sha,
				Environment: "e",
			}, nil)
			return err
		},
		"pull requests": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.Commenter).PullRequests(ctx, "main")
			return err
		},
		"comment": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.Commenter).PutComment(ctx, pr, provider.Comment{ID: "7", Marker: "m", Body: "m"})
			return err
		},
		"proposal": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.PullRequester).Propose(ctx, provider.Proposal{
				Base:    "main",
				BaseSHA: sha,
				Branch:  "b",
				Files:   []provider.ProposedFile{{Path: "f", Content: []byte("1")}},
			})
			return err
		},
		"webhook": func(ctx context.Context, client provider.Client) error {
			return client.(provider.WebhookRegistrar).RegisterWebhook(ctx, "https://lockstep.example.com",
				webhookSecret)
		},
		"no webhook": func(ctx context.Context, client provider.Client) error {
			return client.(provider.WebhookRegistrar).RemoveWebhook(ctx, "https://lockstep.example.com")
		},
	}
}

const webhookSecret = "canary-of-a-webhook"

func TestAttack16OnlyAllowedAddressesAreDialled(t *testing.T) {
	w := newOAuthServer(t)
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	w.TakeRequests()
	c := open(t, newDriver(t, w.server.URL, transport.NetworkOptions{}), w.right)
	for name, do := range calls(sha) {
		if err := do(t.Context(), c); lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}

	if err := newDriver(t, w.server.URL, transport.NetworkOptions{}).Check(t.Context(),
		provider.Access{Credential: w.right}); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("check: %v", err)
	}

	if asked := w.TakeRequests(); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestAttack17APageElsewhereIsNotFollowed(t *testing.T) {
	stolen := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stolen++
		fmt.Fprint(w, `{"values":[]}`)
	}))
	defer other.Close()

	for _, next := range []string{other.URL + "/2.0/next", "ftp://bitbucket.org/", "://", "/2.0/relative"} {
		server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"values":[],"next":%q}`, next)
			})
		}})
		d := newDriver(t, server.URL, transport.NetworkOptions{AllowLoopback: true})
		c := open(t, d, lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary})
		for _, name := range []string{"pull requests", "webhook"} {
			if err := calls("")[name](t.Context(), c); err == nil {
				t.Errorf("%s, next %q: no error", name, next)
			}
		}
	}

	if stolen != 0 {
		t.Errorf("another origin was asked %d times", stolen)
	}
}

func TestAttack10AnEndlessListEnds(t *testing.T) {
	pages, url := 0, ""
	server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pages++
			fmt.Fprintf(w, `{"values":[],"next":%q}`, url+r.URL.Path)
		})
	}})

	url = server.URL
	c := open(t, newDriver(t, url, transport.NetworkOptions{AllowLoopback: true}), lockstep.Credential{
		Kind:   lockstep.TokenCredential,
		Secret: canary,
	})
	got, err := c.(provider.Commenter).PullRequests(t.Context(), "main")
	if err != nil {
		t.Error(err)
	}

	if len(got) != 0 {
		t.Errorf("got %d pull requests, want none: %+v", len(got), got)
	}

	if pages > 50 {
		t.Errorf("read %d pages, want at most 50", pages)
	}
}

func TestAttack18And19NoErrorShowsASecretThatTheHostRepeats(t *testing.T) {
	for user, right := range credentials() {
		w := newBitbucketServer(t, user, right)
		sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
		w.RepeatSent = true

		for _, refused := range []int{0, http.StatusBadRequest, http.StatusUnauthorized, http.StatusConflict,
			http.StatusBadGateway} {
			// 0: what is refused is writing alone.
			for _, method := range []string{"POST", "PUT", "DELETE"} {
				w.Refuse[method+" "] = http.StatusBadRequest
			}

			w.Fail(refused, nil)
			for name, do := range calls(sha) {
				err := do(t.Context(), w.open(t, true))
				if err == nil && name != "no webhook" && name != "pull requests" {
					t.Errorf("%s, %d: no error", name, refused)
				}

				if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, canary) ||
					strings.Contains(shown, webhookSecret) {
					t.Errorf("%s, %d: %s", name, refused, shown)
				}
			}

			if err := w.driver.Check(t.Context(), provider.Access{Credential: right}); err != nil &&
				strings.Contains(err.Error(), canary) {
				t.Errorf("check, %d: %v", refused, err)
			}
		}
	}
}
