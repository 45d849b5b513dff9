package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/api/apitest"
)

func (w *world) createRepositoryLink(connection, name string) string {
	w.Helper()
	out := apitest.Must[*codeconnections.CreateRepositoryLinkOutput](w)(w.SDK().CreateRepositoryLink(w.Context(),
		&codeconnections.CreateRepositoryLinkInput{
			ConnectionArn:  &connection,
			OwnerId:        aws.String("acme"),
			RepositoryName: &name,
		}))
	return *out.RepositoryLinkInfo.RepositoryLinkId
}

// createLink makes all that a sync configuration needs.
func (w *world) createLink() string {
	w.Helper()
	return w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra")
}

func TestRepositoryLinkIsShownAsItWasCreated(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.createConnection("acme", w.createHost("h"))
		kms := "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012"
		created := apitest.Must[*codeconnections.CreateRepositoryLinkOutput](t)(
			w.SDK().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
				ConnectionArn:    &connection,
				OwnerId:          aws.String("group/sub"),
				RepositoryName:   aws.String("my infra.git"),
				EncryptionKeyArn: &kms,
			}),
		)
		id := *created.RepositoryLinkInfo.RepositoryLinkId
		want := types.RepositoryLinkInfo{
			ConnectionArn:     &connection,
			EncryptionKeyArn:  &kms,
			OwnerId:           aws.String("group/sub"),
			ProviderType:      "Git",
			RepositoryLinkArn: aws.String("arn:aws:codeconnections:eu-central-1:111122223333:repository-link/" + id),
			RepositoryLinkId:  &id,
			RepositoryName:    aws.String("my infra.git"),
		}

		got := apitest.Must[*codeconnections.GetRepositoryLinkOutput](t)(
			w.SDK().GetRepositoryLink(t.Context(),
				&codeconnections.GetRepositoryLinkInput{RepositoryLinkId: aws.String(strings.ToUpper(id))}),
		)
		listed := apitest.Must[*codeconnections.ListRepositoryLinksOutput](t)(
			w.SDK().ListRepositoryLinks(t.Context(), &codeconnections.ListRepositoryLinksInput{}),
		)
		for how, shown := range map[string]types.RepositoryLinkInfo{
			"create": *created.RepositoryLinkInfo,
			"get":    *got.RepositoryLinkInfo,
			"list":   listed.RepositoryLinks[0],
		} {
			if diff := cmp.Diff(want, shown, ignore); diff != "" {
				t.Errorf("%s (-want +got):\n%s", how, diff)
			}
		}
	})
}

func TestCreateRepositoryLinkRefusesInvalidInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.createConnection("acme", w.createHost("h"))
		w.createRepositoryLink(connection, "infra")
		for _, tc := range []struct{ connection, owner, name, code, says string }{
			{connection, "acme", "infra", "ResourceAlreadyExistsException", "acme/infra already exists"},
			{
				connection + "0",
				"acme",
				"infra",
				"InvalidInputException",
				"Could not find connection: " + connection + "0",
			},
			{connection, "..", "infra", "InvalidInputException", "are not the path"},
			{connection, "acme/../..", "infra", "InvalidInputException", "are not the path"},
			{connection, "/acme", "infra", "InvalidInputException", "are not the path"},
			{connection, "acme", "-x", "InvalidInputException", "are not the path"},
			{connection, "acme", "a/b", "InvalidInputException", "are not the path"},
			{connection, "acme", `a\b`, "InvalidInputException", "are not the path"},
			{connection, "acme", "a?b", "InvalidInputException", "are not the path"},
			{connection, "acme", "a\tb", "InvalidInputException", "are not the path"},
			{connection, "-", "..", "InvalidInputException", "are not the path"},
		} {
			_, err := w.SDK().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
				ConnectionArn:  &tc.connection,
				OwnerId:        &tc.owner,
				RepositoryName: &tc.name,
			})
			apitest.ExpectError(t, err, tc.code, tc.says)
		}

		apitest.Must[*codeconnections.CreateRepositoryLinkOutput](t)(w.SDK().CreateRepositoryLink(t.Context(),
			&codeconnections.CreateRepositoryLinkInput{
				ConnectionArn:  &connection,
				OwnerId:        aws.String("-"),
				RepositoryName: aws.String("infra"),
			}))
	})
}

func TestDeleteRepositoryLinkRefusesWhileConfigured(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		remove := func() error {
			_, err := w.SDK().DeleteRepositoryLink(t.Context(),
				&codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: &link})
			return err
		}
		apitest.ExpectError(t, remove(), "SyncConfigurationStillExistsException", "is used by 1 sync configuration.")
		apitest.Must[*codeconnections.DeleteSyncConfigurationOutput](t)(
			w.SDK().DeleteSyncConfiguration(t.Context(),
				&codeconnections.DeleteSyncConfigurationInput{
					ResourceName: aws.String("web"),
					SyncType:     "CFN_STACK_SYNC",
				}),
		)

		if err := remove(); err != nil {
			t.Error(err)
		}

		apitest.ExpectError(t, remove(), "ResourceNotFoundException", "Could not find repository link:"+link)
		_, err := w.SDK().GetRepositoryLink(t.Context(),
			&codeconnections.GetRepositoryLinkInput{RepositoryLinkId: &link})
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find repository link:"+link)
	})
}
