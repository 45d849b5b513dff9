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
			{
				name:   "github-push",
				header: "X-GitHub-Event",
				kind:   lockstep.GitHubWebhook,
				events: []string{"pull_request"},
			},
			{
				name:   "gitlab-push",
				header: "X-Gitlab-Event",
				kind:   lockstep.GitLabWebhook,
				events: []string{"Merge Request Hook"},
			},
			{
				name:   "gitlab-signing-push",
				header: "X-Gitlab-Event",
				kind:   lockstep.GitLabSigningWebhook,
				events: []string{"Merge Request Hook"},
			},
			{
				name:   "bitbucket-push",
				header: "X-Event-Key",
				kind:   lockstep.BitbucketWebhook,
				events: []string{"pullrequest:created", "pullrequest:updated", "pr:opened"},
			},
			{
				name:   "gitea-push",
				header: "X-Gitea-Event",
				kind:   lockstep.GiteaWebhook,
				events: []string{"pull_request", "pull_request_sync"},
			},
			{
				name:   "gogs-push",
				header: "X-Gogs-Event",
				kind:   lockstep.GiteaWebhook,
				events: []string{"pull_request"},
			},
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

		if count := told.Load(); count != 0 {
			t.Errorf("called %d times without activity", count)
		}

		w.Update(func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
		time.Sleep(time.Minute)
		if count := told.Load(); count != 1 {
			t.Errorf("told %d times of one hint", count)
		}

		w.host.push("infra", "main")
		time.Sleep(time.Minute)
		if count := told.Load(); count != 2 {
			t.Errorf("told %d times after a hint and a move", count)
		}
	})
}
