package connect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

func TestHostsAreCreatedUpdatedAndDeleted(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "host", "list").OK(t).Prints(t, "No hosts.")
	i.Run(t, "host", "list", "-o", "json").OK(t).Prints(t, "{\n  \"Hosts\": []\n}\n")

	i.Run(t, "host", "create", "acme", "--endpoint", "https://git.example.com").OK(t).Prints(t, "Created host acme\n")
	i.Run(t, "host", "update", "acme", "--endpoint", "https://new.example.com").OK(t)
	i.Run(t, "host", "list").OK(t).
		Prints(t, "acme  Git       AVAILABLE  https://new.example.com  arn:aws:codeconnections:")

	i.Run(t, "host", "delete", "acme").OK(t).Prints(t, "Deleted host acme.\n")
	i.Run(t, "host", "list").OK(t).Prints(t, "No hosts.")
}

func TestAHostWithConnectionsIsNotDeleted(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "host", "create", "acme", "--endpoint", "https://git.example.com").OK(t)
	i.Run(t, "connect", "acme", "--provider", "Git", "--none").OK(t)

	i.Run(t, "host", "delete", "acme").Fails(t, 1, "ResourceUnavailableException")
}

func TestAnAmbiguousHostIsNotDeleted(t *testing.T) {
	i := clitest.NewInstallation(t)
	for range 2 {
		i.Run(t, "host", "create", "acme", "--endpoint", "https://git.example.com").OK(t)
	}

	i.Run(t, "host", "delete", "acme").Fails(t, 1, "There are 2 hosts named acme.", "arn:aws:codeconnections:")
}

func TestLinkCreateLinksARepository(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectAcme(t, i)

	i.Run(t, "link", "create", "--connection", "acme", "--repository", "teams/acme/infra").OK(t).Prints(t,
		"Linked teams/acme/infra\n", "lockstep sync create --resource NAME --link teams/acme/infra ")

	var links struct {
		RepositoryLinks []struct {
			ID      string `json:"RepositoryLinkId"`
			OwnerID string `json:"OwnerId"`
			Name    string `json:"RepositoryName"`
		}
	}
	list := i.Run(t, "link", "list", "-o", "json").OK(t)
	if err := json.Unmarshal([]byte(list.Stdout), &links); err != nil || len(links.RepositoryLinks) != 1 {
		t.Fatalf("links %v, %v", links, err)
	}

	link := links.RepositoryLinks[0]
	if link.OwnerID != "teams/acme" || link.Name != "infra" {
		t.Errorf("linked %s and %s, want teams/acme and infra", link.OwnerID, link.Name)
	}
	i.Run(t, "link", "list").OK(t).Prints(t, "teams/acme/infra  "+link.ID+"  Git")
}

func TestLinkUpdateChangesTheConnection(t *testing.T) {
	i := clitest.NewInstallation(t)
	linkInfra(t, i)
	var created struct{ ConnectionArn string }
	other := i.Run(t, "connect", "other", "--provider", "Git", "--none", "-o", "json").OK(t)
	if err := json.Unmarshal([]byte(other.Stdout), &created); err != nil {
		t.Fatal(err)
	}

	i.Run(t, "link", "update", "acme/infra", "--connection", "other").OK(t)

	i.Run(t, "link", "list").OK(t).Prints(t, created.ConnectionArn)
}

func TestALinkWithSyncConfigurationsIsNotDeleted(t *testing.T) {
	i := clitest.NewInstallation(t)
	linkInfra(t, i)
	i.Run(t, "sync", "create", "--resource", "web", "--link", "acme/infra", "--branch", "main", "--file", "web.yaml",
		"--role-arn", clitest.RoleARN).OK(t)

	i.Run(t, "link", "delete", "acme/infra").Fails(t, 1, "SyncConfigurationStillExistsException")

	i.Run(t, "sync", "delete", "--resource", "web").OK(t)
	i.Run(t, "link", "delete", "acme/infra").OK(t).Prints(t, "Deleted the link to acme/infra.")
}

func TestLinkDeleteRemovesTheWebhook(t *testing.T) {
	const id = "0b7f3a52-0000-4000-8000-000000000001"
	for stillRegistered, want := range map[string]string{
		"":                    "Deleted the link to " + id + ". Stacks are not changed.\n",
		"The host is away.\n": "delete it there: The host is away.",
	} {
		server := clitest.NewServer(t)
		var deleted []string
		clitest.HandleAWS(server, "ListSyncConfigurations",
			func(*wire.ListSyncConfigurationsInput) (*wire.ListSyncConfigurationsOutput, error) {
				return &wire.ListSyncConfigurationsOutput{SyncConfigurations: []wire.SyncConfiguration{}}, nil
			})
		clitest.Handle(server, "DeleteRepositoryWebhook",
			func(input *wire.DeleteRepositoryWebhookInput) (*wire.DeleteRepositoryWebhookOutput, error) {
				deleted = append(deleted, "webhook of "+input.RepositoryLinkId)
				return &wire.DeleteRepositoryWebhookOutput{StillRegistered: strings.TrimSpace(stillRegistered)}, nil
			})
		clitest.HandleAWS(server, "DeleteRepositoryLink",
			func(input *wire.DeleteRepositoryLinkInput) (*wire.DeleteRepositoryLinkOutput, error) {
				deleted = append(deleted, "link "+input.RepositoryLinkId)
				return &wire.DeleteRepositoryLinkOutput{}, nil
			})

		result := clitest.Run(t, server.Env(), "link", "delete", id).OK(t)
		result.Prints(t, want)
		if stillRegistered == "" && strings.Contains(result.Stdout, "still registered") {
			t.Errorf("a removed webhook is reported:\n%s", result.Stdout)
		}
		if diff := cmp.Diff([]string{"webhook of " + id, "link " + id}, deleted); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
	}
}

func TestHostsConnectionsAndLinksAreTagged(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectAcme(t, i)
	i.Run(t, "link", "create", "--connection", "acme", "--repository", "teams/acme/infra").OK(t)

	for _, item := range []string{"connection/acme", "host/git.example.com", "link/teams/acme/infra"} {
		t.Run(item, func(t *testing.T) {
			i.Run(t, "tag", "list", item).OK(t).Prints(t, "No tags.\n")

			i.Run(t, "tag", "set", item, "team=web=1", "stage=").OK(t)
			i.Run(t, "tag", "list", item).OK(t).Prints(t, "KEY    VALUE\n", "team   web=1\n", "stage\n")

			i.Run(t, "tag", "remove", item, "team", "stage").OK(t)
			i.Run(t, "tag", "list", item, "-o", "json").OK(t).Prints(t, "{\n  \"Tags\": []\n}\n")

			i.Run(t, "tag", "set", item, "aws:team=web").Fails(t, 1, "ValidationException")
		})
	}
}

func TestUnknownItemsHaveNoTags(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectAcme(t, i)
	unknown := "arn:aws:codeconnections:us-east-1:111122223333:connection/6053346f-8a33-4edb-9397-10394b695173"

	i.Run(t, "tag", "list", unknown).Fails(t, 1, "ResourceNotFoundException")
	i.Run(t, "tag", "set", "connection/acne", "a=b").Fails(t, 1, "There is no connection acne.", "Available: acme.")
}

func TestProposeNeedsALink(t *testing.T) {
	i := clitest.NewInstallation(t)

	result := i.Run(t, "link", "propose", "acme/infra", "--resource", "web", "--template", "t.yaml")

	if !strings.Contains(result.Stderr, "There is no repository link acme/infra") {
		t.Errorf("stderr: %s", result.Stderr)
	}
}
