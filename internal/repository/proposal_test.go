package repository_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestAMissingDeploymentFileIsProposed(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Host.HasAPI = true
		sha := w.Push(map[string]string{
			"t.yaml":                 "1",
			"deployments/there.yaml": "template t.yaml",
			"other.yaml":             "template x.yaml",
		})
		proposal := repository.Proposal{
			SyncType:   "TEST_SYNC",
			Resource:   "web",
			Deployment: target.Deployment{Template: "t.yaml"},
		}
		pull, branch, err := w.Repositories.Propose(w.T.Context(), w.Link.ID, proposal)
		if err != nil || pull.Number != 7 || branch != "main" {
			w.T.Fatalf("%+v for %q, %v", pull, branch, err)
		}

		want := []string{"deployments/web.yaml on lockstep/web of main " + sha.Short() + ": template t.yaml"}
		if diff := cmp.Diff(want, w.Host.Calls()); diff != "" {
			w.T.Errorf("want -, got +:\n%s", diff)
		}

		proposal.Resource, proposal.Branch = "there", "main"
		if pull, _, err := w.Repositories.Propose(w.T.Context(), w.Link.ID, proposal); err != nil ||
			pull != (provider.PullRequest{}) {
			w.T.Errorf("what is there already: %+v, %v", pull, err)
		}

		proposal.File = "./other.yaml"
		if _, _, err := w.Repositories.Propose(w.T.Context(), w.Link.ID, proposal); lockstep.KindOf(err) != lockstep.Exists {
			w.T.Errorf("a file that asks for something else: %v", err)
		}

		for kind, change := range map[lockstep.Kind]func(*repository.Proposal){
			lockstep.NotFound: func(proposal *repository.Proposal) { proposal.Branch = "nowhere" },
			lockstep.Invalid:  func(proposal *repository.Proposal) { proposal.Template = "wrong" },
			lockstep.Limit: func(proposal *repository.Proposal) {
				w.Target.OnReadInputs = func(string) error {
					return lockstep.Errorf(lockstep.Limit, "It is too large.")
				}
			},
		} {
			bad := repository.Proposal{
				SyncType:   "TEST_SYNC",
				Resource:   "api",
				Deployment: target.Deployment{Template: "t.yaml"},
			}
			change(&bad)
			if _, _, err := w.Repositories.Propose(w.T.Context(), w.Link.ID, bad); lockstep.KindOf(err) != kind {
				w.T.Errorf("%s: %v", kind, err)
			}

			w.Target.OnReadInputs = nil
		}

		for _, file := range []string{"../x.yaml", "/x.yaml", ".", "a/../.."} {
			bad := repository.Proposal{
				SyncType:   "TEST_SYNC",
				Resource:   "api",
				File:       file,
				Deployment: target.Deployment{Template: "t.yaml"},
			}
			_, _, err := w.Repositories.Propose(w.T.Context(), w.Link.ID, bad)
			if lockstep.KindOf(err) != lockstep.Invalid {
				w.T.Errorf("%s: %v", file, err)
			}
		}

		if did := w.Host.Calls(); did != nil {
			w.T.Errorf("the host was asked %q", did)
		}
	})
}

func TestAWebhookIsRemovedAfterItsLink(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Host.HasAPI = true
		refused := lockstep.Errorf(lockstep.InUse, "In use.")
		for name, test := range map[string]struct {
			url  string
			err  error
			want []string
		}{
			"none was registered": {},
			"one was registered":  {url: "https://x", want: []string{"remove https://x"}},
			"the link stays":      {url: "https://x", err: refused},
			"the host fails":      {url: "panic"},
		} {
			err := w.Repositories.DeleteWithWebhook(w.T.Context(), w.Link.ID, func() (string, error) {
				return test.url, test.err
			})
			if !errors.Is(err, test.err) {
				w.T.Errorf("%s: got %v, want %v", name, err, test.err)
			}
			if diff := cmp.Diff(test.want, w.Host.Calls(), cmpopts.EquateEmpty()); diff != "" {
				w.T.Errorf("%s: calls of the Git host (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestWebhooksAreRegisteredAtTheHost(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		if _, err := w.Repositories.WebhookKind(w.T.Context(), w.Link.ID); lockstep.KindOf(err) != lockstep.Invalid ||
			!strings.Contains(err.Error(), "does not support registering webhooks") {
			w.T.Errorf("a host that cannot: %v", err)
		}

		if _, _, err := w.Repositories.Propose(w.T.Context(), w.Link.ID,
			repository.Proposal{SyncType: "TEST_SYNC"}); lockstep.KindOf(err) != lockstep.Invalid {
			w.T.Errorf("a host that cannot: %v", err)
		}

		w.Host.HasAPI = true
		w.Credential.Username = "another" // so that the client is opened again
		kind, err := w.Repositories.WebhookKind(w.T.Context(), w.Link.ID)
		if err != nil || kind != lockstep.GiteaWebhook {
			w.T.Errorf("kind %s, %v", kind, err)
		}

		if err := w.Repositories.RegisterWebhook(w.T.Context(), w.Link.ID, "https://x", "s3cret"); err != nil {
			w.T.Error(err)
		}

		if err := w.Repositories.RemoveWebhook(w.T.Context(), w.Link.ID, "https://x"); err != nil {
			w.T.Error(err)
		}

		if got := w.Host.Calls(); !slices.Equal(got, []string{"register https://x s3cret", "remove https://x"}) {
			w.T.Errorf("the host was told %q", got)
		}

		if err := w.Repositories.RegisterWebhook(w.T.Context(), w.Link.ID, "panic", ""); err == nil ||
			lockstep.Shown(err) != lockstep.Shown(fmt.Errorf("x")) {
			w.T.Errorf("a driver that panics: %v", err)
		}
	})
}
