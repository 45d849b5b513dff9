package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// createOAuthHost creates a host that supports OAuth.
func (w *world) createOAuthHost(name string) string {
	w.Helper()
	out := apitest.Must[*codeconnections.CreateHostOutput](w)(w.SDK().CreateHost(w.Context(),
		&codeconnections.CreateHostInput{
			Name:             &name,
			ProviderType:     types.ProviderType("GitLabSelfManaged"),
			ProviderEndpoint: &w.GitHost.URL,
		}))
	return *out.HostArn
}

// migrateQueue creates the tables of the queue.
func (w *world) migrateQueue() {
	w.Helper()
	if err := w.Queue.Migrate(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) startHandshake(arn string) (out wire.StartConnectionHandshakeOutput, err error) {
	w.Helper()
	err = w.Call("StartConnectionHandshake", wire.StartConnectionHandshakeInput{
		ConnectionArn: arn,
		ClientId:      connectiontest.ClientID,
		ClientSecret:  connectiontest.ClientSecret,
		RedirectUri:   "http://127.0.0.1:8000/callback",
	}, &out)
	return out, err
}

// authorizeApplication opens the authorization URL and returns the code.
func (w *world) authorizeApplication(address string) string {
	w.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		w.Fatal(err)
	}

	answer := httptest.NewRecorder()
	w.GitHost.ServeHTTP(answer, req)
	back, err := answer.Result().Location()
	if err != nil {
		w.Fatalf("the host answers %d: %s", answer.Code, answer.Body)
	}

	return back.Query().Get("code")
}

func TestRefusedCredentialIsInvalidInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.GitHost.Tokens["canary-good"] = true
		arn := w.createConnection("acme", w.createOAuthHost("lab"))
		input := wire.CompleteConnectionInput{
			ConnectionArn: arn,
			Credential:    wire.Credential{Kind: "TOKEN", Secret: "canary-bad"},
		}
		apitest.ExpectError(t, w.Call("CompleteConnection", input, nil), "InvalidInputException",
			"The credential was not stored because it does not work: The host says: bad token ****")

		if w.hasCredential(arn) || w.getConnection(arn).ConnectionStatus != "PENDING" {
			t.Error("it is stored all the same")
		}

		var stands wire.GetConnectionHandshakeOutput
		err := w.Call("GetConnectionHandshake", wire.GetConnectionHandshakeInput{ConnectionArn: arn}, &stands)
		if err != nil {
			t.Fatal(err)
		}

		if got := stands.Reason; got != "The connection has no credential yet." {
			t.Errorf("Reason = %q, want The connection has no credential yet.", got)
		}

		input.Credential.Secret = "canary-good"
		var out wire.CompleteConnectionOutput
		if err := w.Call("CompleteConnection", input, &out); err != nil || out.ConnectionStatus != "AVAILABLE" {
			t.Errorf("completing answers %+v, %v", out, err)
		}
	})
}

func TestUnavailableHostLeavesAConnectionPending(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.migrateQueue()
		w.GitHost.Update(func() { w.GitHost.Unavailable = true })
		arn := w.createConnection("acme", w.createOAuthHost("lab"))
		var out wire.CompleteConnectionOutput
		input := wire.CompleteConnectionInput{
			ConnectionArn: arn,
			Credential:    wire.Credential{Kind: "TOKEN", Secret: "canary-good"},
		}
		if err := w.Call("CompleteConnection", input, &out); err != nil {
			t.Fatal(err)
		}

		if got := out.ConnectionStatus; got != "PENDING" {
			t.Errorf("ConnectionStatus = %q, want PENDING", got)
		}

		if !w.hasCredential(arn) {
			t.Error("the connection has no credential")
		}

		var stands wire.GetConnectionHandshakeOutput
		err := w.Call("GetConnectionHandshake", wire.GetConnectionHandshakeInput{ConnectionArn: arn}, &stands)
		if err != nil {
			t.Fatal(err)
		}

		if !strings.Contains(stands.Reason, "503") {
			t.Errorf("Reason = %q, want one that contains 503", stands.Reason)
		}

		if got := stands.CredentialKind; got != "TOKEN" {
			t.Errorf("CredentialKind = %q, want TOKEN", got)
		}

		if stands.NextCheckAt.IsZero() {
			t.Error("NextCheckAt is zero")
		}
	})
}

func TestCredentialsMustBeComplete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		arn := w.createConnection("acme", w.createHost("h"))
		key := "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"
		for _, tc := range []struct {
			in         wire.Credential
			code, says string
		}{
			{
				wire.Credential{Kind: "APP", AppId: "12", Secret: key},
				"InvalidInputException",
				"InstallationId in digits",
			},
			{wire.Credential{
				Kind:           "APP",
				AppId:          "12",
				InstallationId: "x",
				Secret:         key,
			}, "ValidationException", "regular expression"},
			{wire.Credential{
				Kind:           "APP",
				AppId:          "12",
				InstallationId: "34",
				Secret:         "canary",
			}, "InvalidInputException", "private key in PEM"},
			{
				wire.Credential{Kind: "TOKEN", AppId: "12", Secret: "canary"},
				"InvalidInputException",
				"for credentials of kind APP",
			},
			{
				wire.Credential{Kind: "TOKEN", State: "canary", Secret: "canary"},
				"InvalidInputException",
				"State is for",
			},
			{
				wire.Credential{Kind: "OAUTH_CODE", Secret: "canary"},
				"InvalidInputException",
				"must have Secret and State",
			},
			{
				wire.Credential{Kind: "OAUTH_CODE", Secret: "canary", State: "canary-state"},
				"InvalidInputException",
				"waits for no handshake",
			},
			{wire.Credential{Kind: "OAUTH", Secret: "canary"}, "ValidationException", "enum value set"},
		} {
			err := w.Call("CompleteConnection", wire.CompleteConnectionInput{
				ConnectionArn: arn,
				Credential:    tc.in,
			}, nil)
			apitest.ExpectError(t, err, tc.code, tc.says)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("a secret is repeated: %v", err)
			}
		}

		app := wire.Credential{
			Kind:           "APP",
			AppId:          "12",
			InstallationId: "34",
			Secret:         key,
		}
		w.completeConnection(arn, app)
		w.Update(func(tx *db.Tx) error {
			got, err := store.Credential(tx, w.Seal, lockstep.ARN(arn))
			if got != (lockstep.Credential{
				Kind:           "APP",
				AppID:          "12",
				InstallationID: "34",
				Secret:         key,
			}) {
				t.Errorf("stored is a %v of app %s", got, got.AppID)
			}
			return err
		})
	})
}

func TestOAuthHandshakeCompletesOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.migrateQueue()
		arn := w.createConnection("acme", w.createOAuthHost("lab"))
		_, err := w.startHandshake(w.createConnection("plain", w.createHost("h")))
		apitest.ExpectError(t, err, "InvalidInputException", "does not support OAuth")
		started := apitest.Must[wire.StartConnectionHandshakeOutput](t)(w.startHandshake(arn))
		code := w.authorizeApplication(started.AuthorizationUrl)
		input := wire.CompleteConnectionInput{
			ConnectionArn: arn,
			Credential:    wire.Credential{Kind: "OAUTH_CODE", Secret: code, State: started.State},
		}
		var out wire.CompleteConnectionOutput
		if err := w.Call("CompleteConnection", input, &out); err != nil || out.ConnectionStatus != "AVAILABLE" {
			t.Fatalf("completing answers %+v, %v", out, err)
		}

		var stands wire.GetConnectionHandshakeOutput
		err = w.Call("GetConnectionHandshake", wire.GetConnectionHandshakeInput{ConnectionArn: arn}, &stands)
		if err != nil {
			t.Fatal(err)
		}

		if got := stands.CredentialKind; got != "OAUTH" {
			t.Errorf("CredentialKind = %q, want OAUTH", got)
		}

		if !stands.Renewed {
			t.Error("Renewed = false, want true")
		}

		if stands.ExpiresAt.IsZero() {
			t.Error("ExpiresAt is zero")
		}

		apitest.ExpectError(t, w.Call("CompleteConnection", input, nil), "InvalidInputException",
			"waits for no handshake")
	})
}

// A handshake is for the account that began it, also where a state has leaked.
func TestAttack20AStateIsOfNoUseInAnotherAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.migrateQueue()
		arn := w.createConnection("acme", w.createOAuthHost("lab"))
		thief := w.as(w.CreateKey(other, identity.Admin))
		theirs := thief.createConnection("theirs", thief.createOAuthHost("lab"))
		_ = apitest.Must[wire.StartConnectionHandshakeOutput](t)(thief.startHandshake(theirs))
		started := apitest.Must[wire.StartConnectionHandshakeOutput](t)(w.startHandshake(arn))
		leaked := wire.Credential{
			Kind:   "OAUTH_CODE",
			Secret: w.authorizeApplication(started.AuthorizationUrl),
			State:  started.State,
		}
		apitest.ExpectError(t, thief.Call("CompleteConnection", wire.CompleteConnectionInput{
			ConnectionArn: arn,
			Credential:    leaked,
		}, nil), "ResourceNotFoundException", "Could not find connection")
		apitest.ExpectError(t, thief.Call("CompleteConnection", wire.CompleteConnectionInput{
			ConnectionArn: theirs,
			Credential:    leaked,
		}, nil), "InvalidInputException", "waits for no handshake")
		w.completeConnection(arn, leaked) // neither attempt has spent it
	})
}

// What a connection holds is in no answer of any operation that speaks of it.
func TestAttack19NoAnswerHoldsWhatAConnectionHolds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.migrateQueue()
		arn := w.createConnection("acme", w.createOAuthHost("lab"))
		started := apitest.Must[wire.StartConnectionHandshakeOutput](t)(w.startHandshake(arn))
		code := w.authorizeApplication(started.AuthorizationUrl)
		body, err := json.Marshal(wire.CompleteConnectionInput{ConnectionArn: arn,
			Credential: wire.Credential{Kind: "OAUTH_CODE", Secret: code, State: started.State}})
		if err != nil {
			t.Fatal(err)
		}

		_, answers := w.Send(w.NewRequest("lockstep", "Lockstep_20261122.CompleteConnection", string(body)))
		named := `{"ConnectionArn":"` + arn + `","MaxResults":10}`
		_, got := w.Send(w.NewRequest("lockstep", "Lockstep_20261122.GetConnectionHandshake", named))
		answers = append(answers, got...)
		for _, operation := range []string{"GetConnection", "ListConnections", "ListHosts"} {
			_, got := w.Send(w.NewRequest("codeconnections", newPrefix+"."+operation, named))
			answers = append(answers, got...)
		}

		if !strings.Contains(string(answers), arn) || !strings.Contains(string(answers), `"OAUTH"`) {
			t.Fatalf("the answers say nothing: %s", answers)
		}

		for _, secret := range []string{"canary", started.State} {
			if strings.Contains(string(answers), secret) {
				t.Errorf("an answer holds %s", secret)
			}
		}
	})
}

func TestHostIsTrustedByItsCertificate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		before := apitest.Must[*codeconnections.GetHostOutput](t)(
			w.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: &host}),
		)
		certificate := connectiontest.Certificate(t)
		for _, wrong := range []string{"x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
			certificate + "and more",
			"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
			apitest.ExpectError(t, w.Call("PutHostCertificate", wire.PutHostCertificateInput{
				HostArn:        host,
				TlsCertificate: wrong,
			}, nil), "InvalidInputException", "one or more certificates in PEM")
		}

		for _, text := range []string{certificate, certificate + certificate, ""} {
			if err := w.Call("PutHostCertificate", wire.PutHostCertificateInput{HostArn: host, TlsCertificate: text},
				&wire.PutHostCertificateOutput{}); err != nil {
				t.Fatal(err)
			}

			w.Update(func(tx *db.Tx) error {
				h, err := store.HostByARN(tx, lockstep.ARN(host))
				if h.Certificate() != text {
					t.Errorf("the host has the certificate %q", h.Certificate())
				}
				return err
			})
		}

		after := apitest.Must[*codeconnections.GetHostOutput](t)(
			w.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: &host}),
		)
		if before.VpcConfiguration != nil || after.VpcConfiguration != nil {
			t.Error("a VPC is shown although none was stored")
		}
	})
}
