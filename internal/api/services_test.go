package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
)

func TestOlderServiceDoesTheWholeJob(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := w.CodeStarSDK()
		host := apitest.Must[*codestarconnections.CreateHostOutput](t)(old.CreateHost(t.Context(),
			&codestarconnections.CreateHostInput{
				Name:             aws.String("h"),
				ProviderType:     "Git",
				ProviderEndpoint: aws.String("https://git.example.com"),
			}))
		conn := apitest.Must[*codestarconnections.CreateConnectionOutput](t)(old.CreateConnection(t.Context(),
			&codestarconnections.CreateConnectionInput{
				ConnectionName: aws.String("acme"),
				HostArn:        host.HostArn,
			}))
		link := apitest.Must[*codestarconnections.CreateRepositoryLinkOutput](t)(old.CreateRepositoryLink(t.Context(),
			&codestarconnections.CreateRepositoryLinkInput{
				ConnectionArn:  conn.ConnectionArn,
				OwnerId:        aws.String("acme"),
				RepositoryName: aws.String("infra"),
			}))
		for _, arn := range []*string{host.HostArn, conn.ConnectionArn, link.RepositoryLinkInfo.RepositoryLinkArn} {
			if !strings.HasPrefix(*arn, "arn:aws:codestar-connections:eu-central-1:111122223333:") {
				t.Errorf("ARN %s", *arn)
			}
		}

		apitest.Must[*codestarconnections.CreateSyncConfigurationOutput](t)(old.CreateSyncConfiguration(t.Context(),
			&codestarconnections.CreateSyncConfigurationInput{
				Branch:           aws.String("main"),
				ConfigFile:       aws.String("stacks/web.yaml"),
				RepositoryLinkId: link.RepositoryLinkInfo.RepositoryLinkId,
				ResourceName:     aws.String("web"),
				RoleArn:          aws.String(role),
				SyncType:         "CFN_STACK_SYNC",
			}))
		w.attempt("web", sha1, lockstep.Applied)
		older := apitest.Must[*codestarconnections.GetResourceSyncStatusOutput](t)(
			old.GetResourceSyncStatus(t.Context(), &codestarconnections.GetResourceSyncStatusInput{
				ResourceName: aws.String("web"),
				SyncType:     "CFN_STACK_SYNC",
			}),
		)
		newer := apitest.Must[*codeconnections.GetResourceSyncStatusOutput](t)(w.status("web"))
		if *older.LatestSync.TargetRevision.Sha != string(sha1) ||
			*newer.LatestSync.StartedAt != *older.LatestSync.StartedAt {
			t.Errorf("the services differ: %v, %v", older.LatestSync, newer.LatestSync)
		}
	})
}

func TestOlderServiceLeavesPullRequestCommentOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		in := newConfiguration("web", w.createLink())
		in.PullRequestComment = "ENABLED"
		apitest.Must[*codeconnections.CreateSyncConfigurationOutput](t)(
			w.SDK().CreateSyncConfiguration(t.Context(), in),
		)

		for prefix, shown := range map[string]bool{newPrefix: true, oldPrefix: false} {
			service := "codeconnections"
			if !shown {
				service = "codestar-connections"
			}

			_, body := w.Send(w.NewRequest(service, prefix+".GetSyncConfiguration",
				`{"ResourceName":"web","SyncType":"CFN_STACK_SYNC"}`))
			if strings.Contains(string(body), "PullRequestComment") != shown {
				t.Errorf("%s: %s", service, body)
			}
		}

		update := `{"ResourceName":"web","SyncType":"CFN_STACK_SYNC","PullRequestComment":"DISABLED"}`
		if status, body := w.Send(w.NewRequest("codestar-connections", oldPrefix+".UpdateSyncConfiguration",
			update)); status != 200 {
			t.Errorf("an unknown member: %s", body)
		}

		if c, err := w.getConfiguration("web"); err != nil || c.PullRequestComment != "ENABLED" {
			t.Errorf("the older service changed it: %v, %v", c, err)
		}
	})
}

func TestOlderServiceTakesOnlyItsOwnHosts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		_, err := w.CodeStarSDK().CreateConnection(t.Context(), &codestarconnections.CreateConnectionInput{
			ConnectionName: aws.String("c"),
			HostArn:        &host,
		})
		apitest.ExpectError(t, err, "ValidationException", "at 'hostArn' failed to satisfy constraint")
		// Both kinds of connection ARN are good in both services.
		conn := w.createConnection("c", host)
		got := apitest.Must[*codestarconnections.GetConnectionOutput](t)(
			w.CodeStarSDK().GetConnection(t.Context(), &codestarconnections.GetConnectionInput{ConnectionArn: &conn}),
		)
		if *got.Connection.HostArn != host {
			t.Errorf("host %s, want the one it was made with, %s", *got.Connection.HostArn, host)
		}
	})
}
