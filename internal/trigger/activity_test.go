package trigger_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

func TestADeliveryAboutAPullRequestRequestsAPoll(t *testing.T) {
	runWithReceiver(t, func(receiver *webhookReceiver) {
		for _, test := range []struct {
			name, header string
			kind         lockstep.WebhookKind
			events       []string
		}{
			{"github-push", "X-GitHub-Event", lockstep.GitHubWebhook, []string{"pull_request"}},
			{"gitlab-push", "X-Gitlab-Event", lockstep.GitLabWebhook, []string{"Merge Request Hook"}},
			{"gitlab-signing-push", "X-Gitlab-Event", lockstep.GitLabSigningWebhook, []string{"Merge Request Hook"}},
			{"bitbucket-push", "X-Event-Key", lockstep.BitbucketWebhook, []string{"pullrequest:created", "pullrequest:updated", "pr:opened"}},
			{"gitea-push", "X-Gitea-Event", lockstep.GiteaWebhook, []string{"pull_request", "pull_request_sync"}},
		} {
			for _, event := range test.events {
				hook := receiver.createWebhook(test.name+event, test.kind)
				got := receiver.deliver(readRecorded(t, test.name).addressedTo(hook).with(test.header, event))
				if got != "202 accepted" || receiver.countRequestedPolls(hook.LinkID) != 1 {
					t.Errorf("%s %s: %s with %d hints", test.name, event, got,
						receiver.countRequestedPolls(hook.LinkID))
				}
			}
		}
	})
}

func TestOnActivityIsCalledForMovesAndRequestedPolls(t *testing.T) {
	runInBubble(t, func(w *world) {
		var told atomic.Int64
		link, _ := w.trackedLink("c", "infra")
		w.startPoller(trigger.PollerOptions{
			Interval:    10 * time.Second,
			MaxInterval: 10 * time.Second,
			OnActivity: func(_ *db.Tx, linkID string) error {
				if linkID != link.ID {
					t.Errorf("called for %s", linkID)
				}

				told.Add(1)
				return nil
			},
		})

		time.Sleep(time.Minute)
		told.Store(0)
		time.Sleep(time.Minute)

		if n := told.Load(); n != 0 {
			t.Errorf("called %d times without activity", n)
		}

		w.Update(func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
		time.Sleep(time.Minute)
		if n := told.Load(); n != 1 {
			t.Errorf("told %d times of one hint", n)
		}

		w.host.push("infra", "main")
		time.Sleep(time.Minute)
		if n := told.Load(); n != 2 {
			t.Errorf("told %d times after a hint and a move", n)
		}
	})
}
