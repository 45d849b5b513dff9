package api_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

func (w *world) setEndpoint(host, endpoint string) error {
	_, err := w.SDK().UpdateHost(w.Context(), &codeconnections.UpdateHostInput{
		HostArn:          &host,
		ProviderEndpoint: &endpoint,
	})
	return err
}

func (w *world) completeConnection(connection string, c wire.Credential) {
	w.Helper()
	in := wire.CompleteConnectionInput{ConnectionArn: connection, Credential: c}
	if err := w.Call("CompleteConnection", in, &wire.CompleteConnectionOutput{}); err != nil {
		w.Fatal(err)
	}
}

// hasCredential reports whether a connection has a credential.
func (w *world) hasCredential(connection string) (held bool) {
	w.Helper()
	w.Update(func(tx *db.Tx) error {
		_, err := store.Credential(tx, w.Seal, lockstep.ARN(connection))
		held = err == nil
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		return err
	})
	return held
}

func TestUpdateHostChangesWhatIsGiven(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		vpc := &types.VpcConfiguration{
			VpcId:            aws.String("vpc-12345678"),
			SubnetIds:        []string{"subnet-12345678"},
			SecurityGroupIds: []string{"sg-12345678"},
		}
		for _, step := range []struct {
			in       codeconnections.UpdateHostInput
			endpoint string
			vpc      *types.VpcConfiguration
		}{
			{codeconnections.UpdateHostInput{}, "https://git.example.com", nil},
			{codeconnections.UpdateHostInput{VpcConfiguration: vpc}, "https://git.example.com", vpc},
			{
				codeconnections.UpdateHostInput{ProviderEndpoint: aws.String("https://git.example.com/base")},
				"https://git.example.com/base",
				vpc,
			},
		} {
			step.in.HostArn = &host
			apitest.Must[*codeconnections.UpdateHostOutput](t)(w.SDK().UpdateHost(t.Context(), &step.in))
			got := apitest.Must[*codeconnections.GetHostOutput](t)(
				w.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: &host}),
			)
			if diff := cmp.Diff(step.vpc, got.VpcConfiguration, ignore); diff != "" {
				t.Errorf("network (-want +got):\n%s", diff)
			}

			if *got.ProviderEndpoint != step.endpoint {
				t.Errorf("ProviderEndpoint = %q, want %q", *got.ProviderEndpoint, step.endpoint)
			}

			if *got.Name != "h" {
				t.Errorf("Name = %q, want h", *got.Name)
			}

			if *got.Status != "AVAILABLE" {
				t.Errorf("Status = %q, want AVAILABLE", *got.Status)
			}
		}

		old := w.createCodeStarHost()
		apitest.Must[*codestarconnections.UpdateHostOutput](t)(w.CodeStarSDK().UpdateHost(t.Context(),
			&codestarconnections.UpdateHostInput{
				HostArn:          &old,
				ProviderEndpoint: aws.String("https://old.example.com"),
			}))
	})
}

func TestUpdateHostRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		for _, tc := range []struct{ host, endpoint, code, says string }{
			{host + "0", "https://git.example.com", "ResourceNotFoundException", "Could not find host: " + host + "0"},
			{host, "https://jo:hunter2@git.example.com", "ValidationException", "not contain a user name"},
			{host, "ssh://git.example.com", "ValidationException", "https form"},
			{host, "https://git.example.com?x", "ValidationException", "not have a query"},
		} {
			apitest.ExpectError(t, w.setEndpoint(tc.host, tc.endpoint), tc.code, tc.says)
		}

		for _, status := range []string{"VPC_CONFIG_INITIALIZING", "VPC_CONFIG_DELETING"} {
			w.Update(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE host SET status = $2 WHERE arn = $1`, host, status)
				return err
			})
			apitest.ExpectError(t, w.setEndpoint(host, "https://git.example.org"), "ResourceUnavailableException",
				"is "+status)
			_, err := w.SDK().DeleteHost(t.Context(), &codeconnections.DeleteHostInput{HostArn: &host})
			apitest.ExpectError(t, err, "ResourceUnavailableException", "is "+status)
		}
	})
}

// What was given for one server must not be shown to another.
func TestConnectionLosesItsCredentialWhenItsHostMoves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bystander := w.createConnection("bystander", w.createHost("bystander"))
		w.completeConnection(bystander, wire.Credential{Kind: "TOKEN", Secret: "t"})
		for _, tc := range []struct {
			from, to string
			keeps    bool
		}{
			{"https://git.example.com", "https://git.example.com", true},
			{"https://git.example.com", "https://GIT.example.com/base", true},
			{"https://git.example.com/a", "https://git.example.com/b", true},
			{"file:///srv/a", "file:///srv/a", true},
			{"file:///srv/a", "file:///srv/b", false},
			{"https://git.example.com", "http://git.example.com", false},
			{"https://git.example.com", "https://git.example.com:8443", false},
			{"https://git.example.com", "https://git.example.com.evil.example", false},
			{"https://git.example.com", "https://evil.example/git.example.com", false},
			{"file:///srv/git", "https://git.example.com", false},
		} {
			host := w.createHost("h")
			if err := w.setEndpoint(host, tc.from); err != nil {
				t.Fatal(err)
			}

			connection := w.createConnection("acme", host)
			w.completeConnection(connection, wire.Credential{Kind: "TOKEN", Secret: "t"})
			if err := w.setEndpoint(host, tc.to); err != nil {
				t.Fatal(err)
			}

			status := map[bool]types.ConnectionStatus{true: "AVAILABLE", false: "PENDING"}[tc.keeps]
			if got := w.getConnection(connection).ConnectionStatus; got != status ||
				w.hasCredential(connection) != tc.keeps {
				t.Errorf("from %s to %s: %s, holds a credential: %v", tc.from, tc.to, got, !tc.keeps)
			}
		}

		if !w.hasCredential(bystander) {
			t.Error("a connection to another host has lost its credential")
		}
	})
}

// A credential is on its way for the endpoint that was, while the host moves.
func TestCredentialIsDiscardedIfItsHostMovesMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		arn := w.createConnection("acme", w.createHost("h"))
		given := connection.HandshakeInput{Credential: lockstep.Credential{Kind: "TOKEN", Secret: "t"}}
		moved := make(chan error, 1)
		w.Update(func(tx *db.Tx) error {
			conn, err := store.LockConnection(tx, account, region, lockstep.ARN(arn))
			if err != nil {
				return err
			}

			offer, err := w.Connections.BeginHandshake(tx, conn, given)
			if err != nil {
				return err
			}
			if err := offer.Verify(w.Context()); err != nil { // sends no request: the type is Git
				return err
			}

			if _, err := offer.Complete(tx, conn); err != nil {
				return err
			}

			done := make(chan struct{})
			go func() {
				defer close(done)
				moved <- w.setEndpoint(string(conn.HostARN), "https://evil.example")
			}()
			select { // it has to wait for this transaction; if it does not, the test fails below
			case <-done:
			case <-time.After(200 * time.Millisecond):
			}

			return nil
		})

		if err := <-moved; err != nil {
			t.Fatal(err)
		}

		if got := w.getConnection(arn).ConnectionStatus; got != "PENDING" || w.hasCredential(arn) {
			t.Errorf("the connection is %s and holds a credential: %v", got, w.hasCredential(arn))
		}
	})
}
