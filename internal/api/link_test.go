package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"
)

func (w *world) link(connection, name string) string {
	w.Helper()
	out := must[*codeconnections.CreateRepositoryLinkOutput](w)(w.sdk().CreateRepositoryLink(w.Context(), &codeconnections.CreateRepositoryLinkInput{
		ConnectionArn: &connection, OwnerId: aws.String("acme"), RepositoryName: &name,
	}))
	return *out.RepositoryLinkInfo.RepositoryLinkId
}

// linked makes all that a sync configuration needs.
func (w *world) linked() string {
	w.Helper()
	return w.link(w.connection("acme", w.host("h")), "infra")
}

func TestRepositoryLinkIsShownAsItWasCreated(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.connection("acme", w.host("h"))
		kms := "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012"
		created := must[*codeconnections.CreateRepositoryLinkOutput](t)(w.sdk().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
			ConnectionArn: &connection, OwnerId: aws.String("group/sub"), RepositoryName: aws.String("my infra.git"), EncryptionKeyArn: &kms,
		}))
		id := *created.RepositoryLinkInfo.RepositoryLinkId
		want := types.RepositoryLinkInfo{
			ConnectionArn: &connection, EncryptionKeyArn: &kms, OwnerId: aws.String("group/sub"), ProviderType: "Git",
			RepositoryLinkArn: aws.String("arn:aws:codeconnections:eu-central-1:111122223333:repository-link/" + id),
			RepositoryLinkId:  &id, RepositoryName: aws.String("my infra.git"),
		}

		got := must[*codeconnections.GetRepositoryLinkOutput](t)(w.sdk().GetRepositoryLink(t.Context(),
			&codeconnections.GetRepositoryLinkInput{RepositoryLinkId: aws.String(strings.ToUpper(id))}))
		listed := must[*codeconnections.ListRepositoryLinksOutput](t)(w.sdk().ListRepositoryLinks(t.Context(), &codeconnections.ListRepositoryLinksInput{}))
		for how, shown := range map[string]types.RepositoryLinkInfo{
			"create": *created.RepositoryLinkInfo, "get": *got.RepositoryLinkInfo, "list": listed.RepositoryLinks[0],
		} {
			if diff := cmp.Diff(want, shown, ignore); diff != "" {
				t.Errorf("%s (-want +got):\n%s", how, diff)
			}
		}
	})
}

func TestCreateRepositoryLinkRefusesWhatCannotBeLinked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.connection("acme", w.host("h"))
		w.link(connection, "infra")
		for _, tc := range []struct{ connection, owner, name, code, says string }{
			{connection, "acme", "infra", "ResourceAlreadyExistsException", "acme/infra already exists"},
			{connection + "0", "acme", "infra", "InvalidInputException", "Could not find connection: " + connection + "0"},
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
			_, err := w.sdk().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
				ConnectionArn: &tc.connection, OwnerId: &tc.owner, RepositoryName: &tc.name,
			})
			refused(t, err, tc.code, tc.says)
		}

		must[*codeconnections.CreateRepositoryLinkOutput](t)(w.sdk().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
			ConnectionArn: &connection, OwnerId: aws.String("-"), RepositoryName: aws.String("infra"),
		}))
	})
}

func TestDeleteRepositoryLinkRefusesWhileConfigured(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.linked()
		w.configure("web", link)
		remove := func() error {
			_, err := w.sdk().DeleteRepositoryLink(t.Context(), &codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: &link})
			return err
		}
		refused(t, remove(), "SyncConfigurationStillExistsException", "is used by 1 sync configuration.")
		must[*codeconnections.DeleteSyncConfigurationOutput](t)(w.sdk().DeleteSyncConfiguration(t.Context(),
			&codeconnections.DeleteSyncConfigurationInput{ResourceName: aws.String("web"), SyncType: "CFN_STACK_SYNC"}))

		if err := remove(); err != nil {
			t.Error(err)
		}

		refused(t, remove(), "ResourceNotFoundException", "Could not find repository link:"+link)
		_, err := w.sdk().GetRepositoryLink(t.Context(), &codeconnections.GetRepositoryLinkInput{RepositoryLinkId: &link})
		refused(t, err, "ResourceNotFoundException", "Could not find repository link:"+link)
	})
}
