package api_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

func (w *world) createConnection(name, host string) string {
	w.Helper()
	out := apitest.Must[*codeconnections.CreateConnectionOutput](w)(
		w.SDK().CreateConnection(w.Context(),
			&codeconnections.CreateConnectionInput{ConnectionName: &name, HostArn: &host}),
	)
	return *out.ConnectionArn
}

func (w *world) getConnection(arn string) types.Connection {
	w.Helper()
	out := apitest.Must[*codeconnections.GetConnectionOutput](w)(
		w.SDK().GetConnection(w.Context(), &codeconnections.GetConnectionInput{ConnectionArn: &arn}),
	)
	return *out.Connection
}

func TestConnectionIsPendingUntilCompleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		arn := w.createConnection("acme", host)
		if !regexp.MustCompile(
			`^arn:aws:codeconnections:eu-central-1:111122223333:connection/[0-9a-f-]{36}$`,
		).MatchString(arn) {
			t.Errorf("ARN %s", arn)
		}

		want := types.Connection{
			ConnectionName:   aws.String("acme"),
			ConnectionArn:    &arn,
			ProviderType:     "Git",
			OwnerAccountId:   aws.String(account),
			ConnectionStatus: "PENDING",
			HostArn:          &host,
		}
		if diff := cmp.Diff(want, w.getConnection(arn), ignore); diff != "" {
			t.Errorf("connection (-want +got):\n%s", diff)
		}

		var out wire.CompleteConnectionOutput
		err := w.Call("CompleteConnection", wire.CompleteConnectionInput{
			ConnectionArn: arn,
			Credential:    wire.Credential{Kind: "BASIC", Username: "jo", Secret: "hunter2"},
		}, &out)
		if err != nil || out.ConnectionStatus != "AVAILABLE" {
			t.Fatalf("completing answers %+v, %v", out, err)
		}

		want.ConnectionStatus = "AVAILABLE"
		if diff := cmp.Diff(want, w.getConnection(arn), ignore); diff != "" {
			t.Errorf("completed connection (-want +got):\n%s", diff)
		}

		w.Update(func(tx *db.Tx) error {
			got, err := store.Credential(tx, w.Seal, lockstep.ARN(arn))
			if got != (lockstep.Credential{Kind: "BASIC", Username: "jo", Secret: "hunter2"}) {
				t.Errorf("stored %#v", got)
			}
			return err
		})
	})
}

func TestNewCredentialSyncsBranchesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		arn := w.createConnection("acme", w.createHost("h"))
		polled := w.createRepositoryLink(arn, "infra")
		idle := w.createRepositoryLink(arn, "other")
		w.Update(func(tx *db.Tx) error { return store.StartPolling(tx, polled, tx.Now.Add(time.Hour)) })
		complete := wire.CompleteConnectionInput{
			ConnectionArn: arn,
			Credential:    wire.Credential{Kind: "TOKEN", Secret: "t"},
		}
		if err := w.Call("CompleteConnection", complete, &wire.CompleteConnectionOutput{}); err != nil {
			t.Fatal(err)
		}

		w.Update(func(tx *db.Tx) error {
			polls, err := store.ClaimPolls(tx, 10, time.Minute)
			if len(polls) != 1 || polls[0].LinkID != polled {
				t.Errorf("due are %v, want %s and not %s", polls, polled, idle)
			}
			return err
		})
	})
}

func TestCompleteConnectionRefusesIncompleteCredentials(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		arn := w.createConnection("acme", w.createHost("h"))
		for _, tc := range []struct {
			in         wire.Credential
			code, says string
		}{
			{wire.Credential{Kind: "BASIC", Secret: "hunter2"}, "InvalidInputException", "needs Username and Secret"},
			{wire.Credential{Kind: "TOKEN"}, "InvalidInputException", "needs Secret"},
			{wire.Credential{Kind: "NONE", Secret: "hunter2"}, "InvalidInputException", "neither Username nor Secret"},
			{wire.Credential{Kind: "COOKIE"}, "ValidationException", "enum value set"},
		} {
			err := w.Call("CompleteConnection", wire.CompleteConnectionInput{
				ConnectionArn: arn,
				Credential:    tc.in,
			}, nil)
			apitest.ExpectError(t, err, tc.code, tc.says)
		}

		err := w.Call("CompleteConnection", wire.CompleteConnectionInput{
			ConnectionArn: arn + "x",
			Credential:    wire.Credential{Kind: "NONE"},
		}, nil)
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find connection: "+arn+"x")
		if got := w.getConnection(arn).ConnectionStatus; got != "PENDING" {
			t.Errorf("the connection is %s", got)
		}
	})
}

func TestCreateConnectionRefusesInvalidInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host, away := w.createHost("h"), w.createHost("away")
		w.Update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE host SET status = 'VPC_CONFIG_INITIALIZING' WHERE arn = $1`, away)
			return err
		})
		for _, tc := range []struct{ provider, host, code, says string }{
			{"", "", "ValidationException", "Either ProviderType or HostArn"},
			{"GitLab", "", "ValidationException", "Provider type GitLab is not supported"},
			{"Git", "", "ValidationException", "needs a HostArn"},
			{"GitHub", host, "ValidationException", "differs from the host's"},
			{"", host + "0", "ResourceNotFoundException", "Could not find host: " + host + "0"},
			{"", away, "ResourceUnavailableException", "is VPC_CONFIG_INITIALIZING"},
		} {
			input := &codeconnections.CreateConnectionInput{
				ConnectionName: aws.String("c"),
				ProviderType:   types.ProviderType(tc.provider),
			}
			if tc.host != "" {
				input.HostArn = &tc.host
			}

			_, err := w.SDK().CreateConnection(t.Context(), input)
			apitest.ExpectError(t, err, tc.code, tc.says)
		}

		for _, provider := range []types.ProviderType{"Git", ""} {
			apitest.Must[*codeconnections.CreateConnectionOutput](t)(w.SDK().CreateConnection(t.Context(),
				&codeconnections.CreateConnectionInput{
					ConnectionName: aws.String("same name"),
					ProviderType:   provider,
					HostArn:        &host,
				}))
		}

		_, err := w.SDK().CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
			ConnectionName: aws.String("this name is longer than the 32 it may have"),
			ProviderType:   "GitHub",
		})
		apitest.ExpectError(t, err, "ValidationException",
			"Value 'this name is longer than the 32 it may have' at 'connectionName' failed to satisfy constraint: "+
				"Member must have length less than or equal to 32")
	})
}

func TestConnectionsAreFiltered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		w.createConnection("hosted", host)
		apitest.Must[*codeconnections.CreateConnectionOutput](t)(w.SDK().CreateConnection(t.Context(),
			&codeconnections.CreateConnectionInput{
				ConnectionName: aws.String("plain"),
				ProviderType:   "GitHub",
			}))
		list := func(in *codeconnections.ListConnectionsInput) (names []string) {
			out := apitest.Must[*codeconnections.ListConnectionsOutput](t)(w.SDK().ListConnections(t.Context(), in))
			for _, c := range out.Connections {
				names = append(names, *c.ConnectionName)
			}
			return names
		}
		if got := list(&codeconnections.ListConnectionsInput{ProviderTypeFilter: "GitHub"}); !cmp.Equal(got,
			[]string{"plain"}) {
			t.Errorf("GitHub: %v", got)
		}

		if got := list(&codeconnections.ListConnectionsInput{HostArnFilter: &host}); !cmp.Equal(got,
			[]string{"hosted"}) {
			t.Errorf("host: %v", got)
		}

		if got := list(&codeconnections.ListConnectionsInput{}); len(got) != 2 {
			t.Errorf("all: %v", got)
		}
	})
}

func TestDeleteConnectionRefusesWhileLinked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		arn := w.createConnection("acme", w.createHost("h"))
		link := w.createRepositoryLink(arn, "infra")
		remove := func() error {
			_, err := w.SDK().DeleteConnection(t.Context(), &codeconnections.DeleteConnectionInput{ConnectionArn: &arn})
			return err
		}
		apitest.ExpectError(t, remove(), "ValidationException", "is used by 1 repository link.")
		apitest.Must[*codeconnections.DeleteRepositoryLinkOutput](t)(
			w.SDK().DeleteRepositoryLink(t.Context(),
				&codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: &link}),
		)

		if err := remove(); err != nil {
			t.Error(err)
		}

		apitest.ExpectError(t, remove(), "ResourceNotFoundException", "Could not find connection: "+arn)
		_, err := w.SDK().GetConnection(t.Context(), &codeconnections.GetConnectionInput{ConnectionArn: &arn})
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find connection: "+arn)
	})
}
