package api_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
)

func (w *world) setConnection(link, connection string) error {
	_, err := w.SDK().UpdateRepositoryLink(w.Context(), &codeconnections.UpdateRepositoryLinkInput{
		RepositoryLinkId: &link,
		ConnectionArn:    &connection,
	})
	return err
}

// A head that was seen over the old connection says nothing of what the new one
// reads, so everything that follows is synced.
func TestUpdateRepositoryLinkSyncsTrackedBranches(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		onDev := newConfiguration("api", link)
		onDev.Branch = aws.String("dev")
		apitest.Must[*codeconnections.CreateSyncConfigurationOutput](t)(
			w.SDK().CreateSyncConfiguration(t.Context(), onDev),
		)
		w.Update(func(tx *db.Tx) error { return store.StartPolling(tx, link, tx.Now.Add(time.Hour)) })
		w.Syncs.Take()
		away := w.createConnection("away", w.createHost("away"))
		if err := w.setConnection(link, away); err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff([]string{"request dev", "request main"}, w.Syncs.Take()); diff != "" {
			t.Errorf("the engine was asked for (-want +got):\n%s", diff)
		}

		w.Update(func(tx *db.Tx) error {
			polls, err := store.ClaimPolls(tx, 10, time.Minute)
			if len(polls) != 1 || polls[0].LinkID != link {
				t.Errorf("due are %v", polls)
			}
			return err
		})

		kms := "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012"
		in := &codeconnections.UpdateRepositoryLinkInput{RepositoryLinkId: &link, EncryptionKeyArn: &kms}
		out := apitest.Must[*codeconnections.UpdateRepositoryLinkOutput](t)(
			w.SDK().UpdateRepositoryLink(t.Context(), in),
		)
		info := out.RepositoryLinkInfo
		if got := *info.ConnectionArn; got != away {
			t.Errorf("ConnectionArn = %q, want %q", got, away)
		}

		if got := *info.EncryptionKeyArn; got != kms {
			t.Errorf("EncryptionKeyArn = %q, want %q", got, kms)
		}

		if got := *info.RepositoryName; got != "infra" {
			t.Errorf("RepositoryName = %q, want infra", got)
		}

		if err := w.setConnection(link, away); err != nil {
			t.Fatal(err)
		}

		if noted := w.Syncs.Take(); noted != nil {
			t.Errorf("nothing about the connection has changed, and the engine was asked for %v", noted)
		}
	})
}

func TestUpdateRepositoryLinkRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.createConnection("acme", w.createHost("h"))
		link := w.createRepositoryLink(connection, "infra")
		taken := w.createConnection("taken", w.createHost("h"))
		w.createRepositoryLink(taken, "infra")
		hub := apitest.Must[*codeconnections.CreateConnectionOutput](t)(w.SDK().CreateConnection(t.Context(),
			&codeconnections.CreateConnectionInput{
				ConnectionName: aws.String("hub"),
				ProviderType:   "GitHub",
			}))
		for _, tc := range []struct{ link, connection, code, says string }{
			{noLink, connection, "ResourceNotFoundException", "Could not find repository link:" + noLink},
			{link, connection + "0", "ResourceNotFoundException", "Could not find connection: " + connection + "0"},
			{link, *hub.ConnectionArn, "InvalidInputException", "provider type of the connection is GitHub"},
			{link, taken, "ConditionalCheckFailedException", "acme/infra already exists"},
		} {
			apitest.ExpectError(t, w.setConnection(tc.link, tc.connection), tc.code, tc.says)
		}

		free := w.createConnection("free", w.createHost("h"))
		for _, lacking := range []string{"PassConnection", "UseConnection"} {
			k := w.CreatePrincipal("lacks-"+lacking, identity.None,
				`permit (principal == User::"lacks-`+lacking+`", action, resource)
				unless { action == Action::"codeconnections:`+lacking+`" };`)
			apitest.ExpectError(t, w.as(k).setConnection(link, free), "AccessDeniedException",
				"perform: codeconnections:"+lacking+" on resource: "+free)
		}

		got := apitest.Must[*codeconnections.GetRepositoryLinkOutput](t)(
			w.SDK().GetRepositoryLink(t.Context(), &codeconnections.GetRepositoryLinkInput{RepositoryLinkId: &link}),
		)
		if *got.RepositoryLinkInfo.ConnectionArn != connection {
			t.Errorf("the link has moved to %s", *got.RepositoryLinkInfo.ConnectionArn)
		}

		if noted := w.Syncs.Take(); noted != nil {
			t.Errorf("the engine was asked for %v", noted)
		}
	})
}
