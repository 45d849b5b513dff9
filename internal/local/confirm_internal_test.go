package local

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/wire"
)

// newUpOnAWS returns an up whose target is called aws and is a sandbox that has one stack, existing.
func newUpOnAWS(t *testing.T) *up {
	t.Helper()
	stacks, err := sandbox.Open(t.Context(), filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}

	host := httptest.NewServer(stacks)
	t.Cleanup(func() {
		host.Close()
		if err := stacks.Close(); err != nil {
			t.Error(err)
		}
	})

	keys := credentials.NewStaticCredentialsProvider("LSTESTKEY00000000000", "secret", "")
	cloudFormation := cloudformation.NewFromConfig(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &host.URL,
		Credentials:  keys,
	})
	_, err = cloudFormation.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName:    aws.String("existing"),
		TemplateBody: aws.String(`{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}

	u := &up{
		UpOptions: UpOptions{Target: "aws", In: strings.NewReader("")},
		account:   "123456789012",
		region:    "eu-west-1",
		options: server.Options{
			DB:     dbtest.Open(t),
			Target: server.Target{Name: "aws", Endpoint: host.URL, Credentials: keys},
		},
	}
	setClient(t, u)
	return u
}

// setClient gives u a client of a service that can only list.
func setClient(t *testing.T, u *up) {
	t.Helper()
	var err error
	if u.options.SealKey, err = seal.OpenOrCreate(filepath.Join(t.TempDir(), "key")); err != nil {
		t.Fatal(err)
	}
	u.key, err = server.EnsureKey(t.Context(), u.options.DB, u.options.SealKey,
		identity.CreateKeyInput{Account: u.account, Principal: principal, Role: identity.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if u.directory, err = identity.NewDirectory(identity.Options{
		DB:  u.options.DB,
		Key: u.options.SealKey,
	}); err != nil {
		t.Fatal(err)
	}

	service := api.New(api.Options{DB: u.options.DB, Directory: u.directory, Seal: u.options.SealKey})
	if u.client, err = u.newClient(t.Context(), service); err != nil {
		t.Fatal(err)
	}
}

func discoveredFiles(files ...target.DeploymentFile) []discovered {
	return []discovered{{
		link:  wire.RepositoryLinkInfo{RepositoryLinkId: "link"},
		files: target.Discovered{Files: files},
	}}
}

func TestBeforeAWSIsChangedAPersonConfirms(t *testing.T) {
	const list = "Target aws, account 123456789012, region eu-west-1:\n" +
		"  create stack new from a/new.yaml\n  update stack existing from existing.yaml\n"
	tests := map[string]struct {
		answer    string
		yes       bool
		confirmed bool
	}{
		"y":               {"y\n", false, true},
		"yes":             {" YES \n", false, true},
		"yes without EOL": {"yes", false, true},
		"n":               {"n\n", false, false},
		"empty line":      {"\n", false, false},
		"no input":        {"", false, false},
		"another word":    {"yesterday\n", false, false},
		"a later line":    {"\ny\n", false, false},
		"--yes":           {"", true, true},
		"--yes and no":    {"n\n", true, true},
	}

	u := newUpOnAWS(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			u.Yes, u.In, u.Out = tt.yes, strings.NewReader(tt.answer), &out
			err := u.confirm(t.Context(), discoveredFiles(
				target.DeploymentFile{Path: "a/new.yaml", Name: "new"},
				target.DeploymentFile{Path: "existing.yaml", Name: "existing"},
			))

			if !strings.HasPrefix(out.String(), list) {
				t.Errorf("the stacks are shown as\n%s", &out)
			}
			if asks := strings.Contains(out.String(), "Continue? [y/N]"); asks == tt.yes {
				t.Errorf("asks %v, with --yes %v", asks, tt.yes)
			}

			if tt.confirmed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			exit, ok := errors.AsType[*Exit](err)
			if !ok || exit.Code != exitUsage || !strings.Contains(exit.Message, "--yes") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestWithoutNewStacksNothingIsAsked(t *testing.T) {
	u := newUpOnAWS(t)
	var out strings.Builder
	u.Out = &out
	if err := u.confirm(t.Context(), discoveredFiles()); err != nil {
		t.Error(err)
	}
	if out.String() != "" {
		t.Errorf("it prints %q", &out)
	}
}

// A networkStub answers GetCallerIdentity and records the URLs of its requests.
type networkStub struct{ requested []*url.URL }

func (s *networkStub) Do(r *http.Request) (*http.Response, error) {
	s.requested = append(s.requested, r.URL)
	body := `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
	return &http.Response{
		StatusCode: 200,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(body)),
		Request:    r,
	}, nil
}

func TestTheAccountComesFromTheTarget(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://elsewhere.example")
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://elsewhere.example")
	for endpoint, want := range map[string]string{
		"":                           "sts.eu-west-1.amazonaws.com",
		"http://target.example:5000": "target.example:5000",
	} {
		var network networkStub
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(&network), config.WithRegion("eu-west-1"),
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
				"LSTESTKEY00000000000",
				"secret",
				"",
			)))
		if err != nil {
			t.Fatal(err)
		}

		account, err := callerAccount(t.Context(), cfg, endpoint)
		if err != nil || account != "123456789012" {
			t.Errorf("%q: account %q, %v", endpoint, account, err)
		}

		if len(network.requested) != 1 || network.requested[0].Host != want {
			t.Errorf("%q: requested %v, want %s", endpoint, network.requested, want)
		}
	}
}
