package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/target"
)

// proposing is a client that opens pull requests and tells of webhooks, in the
// host's notes.
type proposing struct{ *gitClient }

func (c proposing) Propose(_ context.Context, p provider.Proposal) (provider.PullRequest, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range p.Files {
		c.notes = append(c.notes, fmt.Sprintf("%s on %s of %s %s: %s", f.Path, p.Branch, p.Base, p.BaseSHA.Short(), f.Content))
	}
	return provider.PullRequest{Number: 7, Base: p.Base, URL: "https://git.example.com/7"}, nil
}

func (c proposing) WebhookKind() lockstep.WebhookKind { return lockstep.GiteaWebhook }

func (c proposing) RegisterWebhook(_ context.Context, url, secret string) error {
	if url == "panic" {
		panic("a bug of the driver's")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, "register "+url+" "+secret)
	return nil
}

func (c proposing) RemoveWebhook(_ context.Context, url string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, "remove "+url)
	return nil
}

// DefaultBranch is main, wherever it is.
func (c proposing) DefaultBranch(context.Context) (string, lockstep.SHA, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return "main", c.heads["main"], nil
}

// Encode and Equal make the target one that writes its own files.
func (s *scripted) Encode(w target.Deployment) ([]byte, error) {
	if w.Template == "wrong" {
		return nil, lockstep.Errorf(lockstep.Invalid, "No file can say that.")
	}
	return []byte("template " + w.Template), nil
}

func (s *scripted) Equal(a, b []byte) bool { return string(a) == string(b) }

// did gives what the host was asked to do, and forgets it.
func (h *gitHost) did() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.notes
	h.notes = nil
	return all
}

func TestAFileIsProposedThatIsNotThere(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.host.able = true
		sha := w.push(map[string]string{"t.yaml": "1", "deployments/there.yaml": "template t.yaml", "other.yaml": "template x.yaml"})
		p := repository.Proposal{SyncType: "TEST_SYNC", Resource: "web", Deployment: target.Deployment{Template: "t.yaml"}}
		pr, branch, err := w.repositories.Propose(w.t.Context(), w.link.ID, p)
		if err != nil || pr.Number != 7 || branch != "main" {
			w.t.Fatalf("%+v for %q, %v", pr, branch, err)
		}

		if diff := cmp.Diff([]string{"deployments/web.yaml on lockstep/web of main " + sha.Short() + ": template t.yaml"}, w.host.did()); diff != "" {
			w.t.Errorf("want -, got +:\n%s", diff)
		}

		p.Resource, p.Branch = "there", "main"
		if pr, _, err := w.repositories.Propose(w.t.Context(), w.link.ID, p); err != nil || pr != (provider.PullRequest{}) {
			w.t.Errorf("what is there already: %+v, %v", pr, err)
		}

		p.File = "./other.yaml"
		if _, _, err := w.repositories.Propose(w.t.Context(), w.link.ID, p); lockstep.KindOf(err) != lockstep.Exists {
			w.t.Errorf("a file that asks for something else: %v", err)
		}

		for kind, change := range map[lockstep.Kind]func(*repository.Proposal){
			lockstep.NotFound: func(p *repository.Proposal) { p.Branch = "nowhere" },
			lockstep.Invalid:  func(p *repository.Proposal) { p.Template = "wrong" },
			lockstep.Limit: func(p *repository.Proposal) {
				w.target.plan = func(string) error { return lockstep.Errorf(lockstep.Limit, "It is too large.") }
			},
		} {
			bad := repository.Proposal{SyncType: "TEST_SYNC", Resource: "api", Deployment: target.Deployment{Template: "t.yaml"}}
			change(&bad)
			if _, _, err := w.repositories.Propose(w.t.Context(), w.link.ID, bad); lockstep.KindOf(err) != kind {
				w.t.Errorf("%s: %v", kind, err)
			}

			w.target.plan = nil
		}

		for _, file := range []string{"../x.yaml", "/x.yaml", ".", "a/../.."} {
			bad := repository.Proposal{SyncType: "TEST_SYNC", Resource: "api", File: file, Deployment: target.Deployment{Template: "t.yaml"}}
			if _, _, err := w.repositories.Propose(w.t.Context(), w.link.ID, bad); lockstep.KindOf(err) != lockstep.Invalid {
				w.t.Errorf("%s: %v", file, err)
			}
		}

		if did := w.host.did(); did != nil {
			w.t.Errorf("the host was asked %q", did)
		}
	})
}

func TestTheHostIsToldOfWebhooks(t *testing.T) {
	inSQLite(t, func(w *world) {
		if _, err := w.repositories.WebhookKind(w.t.Context(), w.link.ID); lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), "does not support registering webhooks") {
			w.t.Errorf("a host that cannot: %v", err)
		}

		if _, _, err := w.repositories.Propose(w.t.Context(), w.link.ID, repository.Proposal{SyncType: "TEST_SYNC"}); lockstep.KindOf(err) != lockstep.Invalid {
			w.t.Errorf("a host that cannot: %v", err)
		}

		w.host.able = true
		w.credential.Username = "another" // so that the client is opened anew
		kind, err := w.repositories.WebhookKind(w.t.Context(), w.link.ID)
		if err != nil || kind != lockstep.GiteaWebhook {
			w.t.Errorf("kind %s, %v", kind, err)
		}

		if err := w.repositories.RegisterWebhook(w.t.Context(), w.link.ID, "https://x", "s3cret"); err != nil {
			w.t.Error(err)
		}

		if err := w.repositories.RemoveWebhook(w.t.Context(), w.link.ID, "https://x"); err != nil {
			w.t.Error(err)
		}

		if got := w.host.did(); !slices.Equal(got, []string{"register https://x s3cret", "remove https://x"}) {
			w.t.Errorf("the host was told %q", got)
		}

		if err := w.repositories.RegisterWebhook(w.t.Context(), w.link.ID, "panic", ""); err == nil || lockstep.Shown(err) != lockstep.Shown(fmt.Errorf("x")) {
			w.t.Errorf("a driver that panics: %v", err)
		}
	})
}
