package api_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

var ignore = cmp.Options{
	cmpopts.IgnoreUnexported(
		types.Host{},
		types.Connection{},
		types.VpcConfiguration{},
		types.RepositoryLinkInfo{},
		types.SyncConfiguration{},
		types.RepositorySyncDefinition{},
		types.RepositorySyncAttempt{},
		types.RepositorySyncEvent{},
		types.ResourceSyncAttempt{},
		types.ResourceSyncEvent{},
		types.Revision{},
		types.Tag{},
	),
}

func (w *world) createHost(name string) string {
	w.Helper()
	out := apitest.Must[*codeconnections.CreateHostOutput](w)(w.SDK().CreateHost(w.Context(),
		&codeconnections.CreateHostInput{
			Name:             &name,
			ProviderType:     "Git",
			ProviderEndpoint: aws.String("https://git.example.com"),
		}))
	return *out.HostArn
}

func TestHostIsShownAsItWasCreated(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("infra")}}
		vpc := &types.VpcConfiguration{
			VpcId:            aws.String("vpc-12345678"),
			SubnetIds:        []string{"subnet-12345678"},
			SecurityGroupIds: []string{"sg-12345678"},
			TlsCertificate:   aws.String("-----BEGIN"),
		}
		created := apitest.Must[*codeconnections.CreateHostOutput](t)(w.SDK().CreateHost(t.Context(),
			&codeconnections.CreateHostInput{
				Name:             aws.String("My Git-Host"),
				ProviderType:     "Git",
				ProviderEndpoint: aws.String("https://git.example.com/base"),
				VpcConfiguration: vpc,
				Tags:             tags,
			}))
		if !regexp.MustCompile(
			`^arn:aws:codeconnections:eu-central-1:111122223333:host/MyGitHost-[0-9a-f]{8}$`,
		).MatchString(*created.HostArn) {
			t.Errorf("ARN %s", *created.HostArn)
		}

		if diff := cmp.Diff(tags, created.Tags, ignore); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}

		want := types.Host{
			Name:             aws.String("My Git-Host"),
			HostArn:          created.HostArn,
			ProviderType:     "Git",
			ProviderEndpoint: aws.String("https://git.example.com/base"),
			VpcConfiguration: vpc,
			Status:           aws.String("AVAILABLE"),
		}
		listed := apitest.Must[*codeconnections.ListHostsOutput](t)(
			w.SDK().ListHosts(t.Context(), &codeconnections.ListHostsInput{}),
		)
		if diff := cmp.Diff([]types.Host{want}, listed.Hosts, ignore); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}

		got := apitest.Must[*codeconnections.GetHostOutput](t)(
			w.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: created.HostArn}),
		)
		shown := types.Host{
			Name:             got.Name,
			HostArn:          created.HostArn,
			ProviderType:     got.ProviderType,
			ProviderEndpoint: got.ProviderEndpoint,
			VpcConfiguration: got.VpcConfiguration,
			Status:           got.Status,
		}
		if diff := cmp.Diff(want, shown, ignore); diff != "" {
			t.Errorf("get (-want +got):\n%s", diff)
		}

		w.Update(func(tx *db.Tx) error {
			stored, err := store.Tags(tx, lockstep.ARN(*created.HostArn))
			if diff := cmp.Diff([]lockstep.Tag{{Key: "team", Value: "infra"}}, stored); diff != "" {
				t.Errorf("stored tags (-want +got):\n%s", diff)
			}
			return err
		})
	})
}

func TestCreateHostRefusesInvalidInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tc := range []struct {
			provider, endpoint string
			tags               string // keys
			says               string
		}{
			{"GitLab", "https://git.example.com", "", "Provider type GitLab is not supported"},
			{"Git", "git.example.com", "", "must be a URL"},
			{"Git", "https://", "", "must be a URL"},
			{"Git", "://x", "", "must be a URL"},
			{"Git", "mailto:x", "", "must be a URL"},
			{"Git", "https://jo:hunter2@git.example.com", "", "not contain a user name or a password"},
			{"Git", "https://git.example.com?x=y", "", "not have a query"},
			{"Git", "https://git.example.com?", "", "not have a query"},
			{"Git", "https://git.example.com#", "", "a query or a fragment"},
			{"Git", "ssh://git.example.com", "", "https form"},
			{"Git", "https://git.example.com", "aws:x", "must not begin with aws:"},
			{"Git", "https://git.example.com", "AWS:x", "must not begin with aws:"},
			{"Git", "https://git.example.com", "a a", "given twice"},
			{"Gitea", "https://git.example.com", "", "failed to satisfy constraint"},
		} {
			input := &codeconnections.CreateHostInput{
				Name:             aws.String("host"),
				ProviderType:     types.ProviderType(tc.provider),
				ProviderEndpoint: &tc.endpoint,
			}
			for _, key := range strings.Fields(tc.tags) {
				input.Tags = append(input.Tags, types.Tag{Key: &key, Value: aws.String("")})
			}

			_, err := w.SDK().CreateHost(t.Context(), input)
			apitest.ExpectError(t, err, "ValidationException", tc.says)
		}

		listed := apitest.Must[*codeconnections.ListHostsOutput](t)(
			w.SDK().ListHosts(t.Context(), &codeconnections.ListHostsInput{}),
		)
		if len(listed.Hosts) != 0 {
			t.Errorf("hosts were made: %v", listed.Hosts)
		}
	})
}

func TestDeleteHostRefusesWhileConnected(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		conn := w.createConnection("c", host)
		remove := func() error {
			_, err := w.SDK().DeleteHost(t.Context(), &codeconnections.DeleteHostInput{HostArn: &host})
			return err
		}
		apitest.ExpectError(t, remove(), "ResourceUnavailableException", "is used by 1 connection.")
		apitest.Must[*codeconnections.DeleteConnectionOutput](t)(
			w.SDK().DeleteConnection(t.Context(), &codeconnections.DeleteConnectionInput{ConnectionArn: &conn}),
		)

		if err := remove(); err != nil {
			t.Error(err)
		}

		apitest.ExpectError(t, remove(), "ResourceNotFoundException", "Could not find host: "+host)
		_, err := w.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: &host})
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find host: "+host)
	})
}

func TestListsGoPageByPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "b", "c"} {
			w.createHost(name)
		}

		list := func(max int32, token *string) (*codeconnections.ListHostsOutput, error) {
			return w.SDK().ListHosts(t.Context(), &codeconnections.ListHostsInput{MaxResults: max, NextToken: token})
		}
		first := apitest.Must[*codeconnections.ListHostsOutput](t)(list(2, nil))
		if len(first.Hosts) != 2 || first.NextToken == nil {
			t.Fatalf("first page: %d hosts, token %v", len(first.Hosts), first.NextToken)
		}

		second := apitest.Must[*codeconnections.ListHostsOutput](t)(list(2, first.NextToken))
		names := map[string]bool{}
		for _, h := range append(first.Hosts, second.Hosts...) {
			names[*h.Name] = true
		}

		if len(names) != 3 || second.NextToken != nil {
			t.Errorf("two pages hold %v and go on at %v", names, second.NextToken)
		}

		if all := apitest.Must[*codeconnections.ListHostsOutput](t)(list(0, nil)); len(all.Hosts) != 3 {
			t.Errorf("a page of size 0 holds %d hosts, want the default's 3", len(all.Hosts))
		}

		_, err := w.SDK().ListConnections(t.Context(), &codeconnections.ListConnectionsInput{
			NextToken: first.NextToken,
		})
		apitest.ExpectError(t, err, "ValidationException", "NextToken")
		_, err = w.SDK().ListRepositoryLinks(t.Context(), &codeconnections.ListRepositoryLinksInput{
			NextToken: first.NextToken,
		})
		apitest.ExpectError(t, err, "InvalidInputException", "NextToken")

		for _, token := range []string{"x", "AAAA", *first.NextToken + "!", (*first.NextToken)[:12]} {
			_, err := list(2, &token)
			apitest.ExpectError(t, err, "ValidationException", "NextToken")
		}

		_, err = list(101, nil)
		apitest.ExpectError(t, err, "ValidationException", "less than or equal to 100")
	})
}
