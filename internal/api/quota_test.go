package api_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The numbers are those of AWS's page of limits.
func TestAWSQuotasAreThoseOfAWS(t *testing.T) {
	want := access.Quotas{
		Keys:                   1000,
		Hosts:                  50,
		Connections:            250,
		Links:                  100,
		Configurations:         100,
		ConfigurationsOfLink:   100,
		ConfigurationsOfBranch: 50,
	}
	if got := access.AWSQuotas(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestQuotasAreEnforced(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(o *options) {
			o.Quotas = access.Quotas{
				Hosts:                  2,
				Connections:            2,
				Links:                  2,
				Configurations:         5,
				ConfigurationsOfLink:   4,
				ConfigurationsOfBranch: 2,
			}
		})
		fill := func(w *world) {
			host := w.createHost("h1")
			w.createHost("h2")
			apitest.ExpectError(t, w.createTaggedHost(nil), "LimitExceededException",
				"There are 2 hosts already, which is the limit.")
			connection := w.createConnection("c1", host)
			w.createConnection("c2", host)
			_, err := w.SDK().CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
				ConnectionName: aws.String("c3"),
				HostArn:        &host,
			})
			apitest.ExpectError(t, err, "LimitExceededException", "There are 2 connections already")
			one, two := w.createRepositoryLink(connection, "one"), w.createRepositoryLink(connection, "two")
			_, err = w.SDK().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
				ConnectionArn:  &connection,
				OwnerId:        aws.String("acme"),
				RepositoryName: aws.String("three"),
			})
			apitest.ExpectError(t, err, "LimitExceededException", "There are 2 repository links already")

			for n, step := range []struct{ link, branch, says string }{
				{one, "main", ""}, {one, "main", ""}, {
					one,
					"main",
					"There are 2 sync configurations of this branch already",
				},
				{one, "dev", ""}, {one, "dev", ""}, {
					one,
					"new",
					"There are 4 sync configurations of this repository link already",
				},
				{two, "main", ""}, {two, "dev", "There are 5 sync configurations already"},
			} {
				in := newConfiguration(fmt.Sprintf("r%d", n), step.link)
				in.Branch = &step.branch
				_, err := w.SDK().CreateSyncConfiguration(t.Context(), in)
				if step.says != "" {
					apitest.ExpectError(t, err, "LimitExceededException", step.says)
				} else if err != nil {
					t.Errorf("%d: %v", n, err)
				}
			}

			w.deleteConfiguration("r0")
			if _, err := w.SDK().CreateSyncConfiguration(t.Context(), newConfiguration("r0", two)); err != nil {
				t.Errorf("in the room that was made: %v", err)
			}
		}

		fill(w)
		// Another account has quotas of its own; so has another region.
		fill(w.as(w.CreateKey(other, identity.Admin)))
		_, got := w.Send(request{Key: w.Key, Region: "us-east-1", Service: "codeconnections",
			Target: newPrefix + ".CreateHost",
			Body:   `{"Name":"h","ProviderType":"Git","ProviderEndpoint":"https://git.example.com"}`})
		if n, _ := apitest.CountItems(t, got); n != 0 || len(got) < 20 || got[2] != 'H' {
			t.Errorf("in another region: %s", got)
		}
	})
}

func TestConfigurationMovesOnlyWithinQuotas(t *testing.T) {
	w := newWorld(t, dbtest.Open(t), func(o *options) {
		o.Quotas = access.Quotas{Configurations: 4, ConfigurationsOfLink: 3, ConfigurationsOfBranch: 2}
	})
	connection := w.createConnection("c", w.createHost("h"))
	one, two := w.createRepositoryLink(connection, "one"), w.createRepositoryLink(connection, "two")
	for n, step := range []struct{ link, branch string }{{one, "main"}, {one, "main"}, {one, "dev"}, {two, "dev"}} {
		in := newConfiguration(fmt.Sprintf("r%d", n), step.link)
		in.Branch = &step.branch
		apitest.Must[*codeconnections.CreateSyncConfigurationOutput](t)(
			w.SDK().CreateSyncConfiguration(t.Context(), in),
		)
	}

	for _, step := range []struct{ name, link, branch, says string }{
		{"r2", one, "main", "There are 2 sync configurations of this branch already"},
		{"r3", one, "new", "There are 3 sync configurations of this repository link already"},
		{"r0", one, "main", ""}, // it is there
		{"r0", two, "dev", ""},
		{"r2", one, "main", ""}, // in the room that was made
		{"r1", two, "dev", "There are 2 sync configurations of this branch already"},
	} {
		_, err := w.SDK().UpdateSyncConfiguration(t.Context(), &codeconnections.UpdateSyncConfigurationInput{
			ResourceName:     &step.name,
			SyncType:         types.SyncConfigurationTypeCfnStackSync,
			RepositoryLinkId: &step.link,
			Branch:           &step.branch,
		})
		if step.says != "" {
			apitest.ExpectError(t, err, "InvalidInputException", step.says)
		} else if err != nil {
			t.Errorf("%s to %s: %v", step.name, step.branch, err)
		}
	}
}

func TestKeyQuotaIsEnforced(t *testing.T) {
	w := newWorld(t, dbtest.Open(t), func(o *options) { o.Quotas = access.Quotas{Keys: 2} })
	var made wire.CreateAccessKeyOutput
	input := wire.CreateAccessKeyInput{PrincipalName: "alice", Role: "READER"}
	if err := w.Call("CreateAccessKey", input, &made); err != nil {
		t.Fatal(err)
	}

	apitest.ExpectError(t, w.Call("CreateAccessKey", input, nil), "LimitExceededException",
		"There are 2 access keys already")
	rotate := wire.RotateAccessKeyInput{AccessKeyId: made.AccessKey.AccessKeyId}
	apitest.ExpectError(t, w.Call("RotateAccessKey", rotate, nil), "LimitExceededException",
		"There are 2 access keys already")

	if err := w.Call("DeleteAccessKey", wire.DeleteAccessKeyInput{AccessKeyId: made.AccessKey.AccessKeyId},
		&wire.DeleteAccessKeyOutput{}); err != nil {
		t.Fatal(err)
	}

	if err := w.Call("CreateAccessKey", input, &made); err != nil {
		t.Errorf("in the room that was made: %v", err)
	}
}

// Quotas do not disclose resources: a caller who may not create one is denied
// before anything is counted.
func TestQuotasAreCheckedAfterAuthorization(t *testing.T) {
	w := newWorld(t, dbtest.Open(t), func(o *options) { o.Quotas = access.Quotas{Links: 1, ConfigurationsOfLink: 1} })
	connection := w.createConnection("acme", w.createHost("h"))
	link := w.createRepositoryLink(connection, "infra")
	w.createConfiguration("web", link)
	they := w.as(w.CreatePrincipal("they", identity.None,
		`permit (principal == User::"they", action, resource) when { resource is Account || resource is IamRole };`))
	_, err := they.SDK().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
		ConnectionArn:  &connection,
		OwnerId:        aws.String("acme"),
		RepositoryName: aws.String("other"),
	})
	apitest.ExpectError(t, err, "InvalidInputException", "Could not find connection: "+connection)
	_, err = they.SDK().CreateSyncConfiguration(t.Context(), newConfiguration("api", link))
	apitest.ExpectError(t, err, "InvalidInputException", "Could not find repository link:"+link)
}
