package server

import (
	"errors"
	"io"
	"log/slog"
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

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/target"
)

// upOnAWS makes an up whose target is said to be AWS and is a sandbox, with one
// stack, there.
func upOnAWS(t *testing.T) *up {
	t.Helper()
	books, err := sandbox.Open(t.Context(), filepath.Join(t.TempDir(), "books.db"), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}

	srv := httptest.NewServer(books)
	t.Cleanup(func() {
		srv.Close()
		if err := books.Close(); err != nil {
			t.Error(err)
		}
	})

	keys := credentials.NewStaticCredentialsProvider("LSTESTKEY00000000000", "secret", "")
	client := cloudformation.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: &srv.URL, Credentials: keys})
	_, err = client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("there"),
		TemplateBody: aws.String(`{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`)})
	if err != nil {
		t.Fatal(err)
	}

	s := &server{plan: plan{db: dbtest.Open(t), target: stackTarget{name: "aws", endpoint: srv.URL}, credentials: keys,
		log: slog.New(slog.DiscardHandler)}}
	return &up{UpOptions: UpOptions{Target: "aws", In: strings.NewReader("")}, server: s,
		linker: linker{server: s, account: "123456789012", region: "eu-west-1"}}
}

func sightingOf(files ...target.DeploymentFile) []sighting {
	return []sighting{{link: lockstep.RepositoryLink{ID: "link"}, found: target.Discovered{Files: files}}}
}

func TestBeforeAWSIsTouchedAPersonIsAsked(t *testing.T) {
	const list = "Target aws, account 123456789012, region eu-west-1:\n" +
		"  create stack new from a/new.yaml\n  update stack there from there.yaml\n"
	tests := map[string]struct {
		answer      string
		yes, agreed bool
	}{
		"y": {"y\n", false, true}, "yes": {" YES \n", false, true}, "yes without an end": {"yes", false, true},
		"n": {"n\n", false, false}, "nothing": {"\n", false, false}, "no input": {"", false, false}, "something": {"yesterday\n", false, false},
		"a later line": {"\ny\n", false, false}, "--yes": {"", true, true}, "--yes against no": {"n\n", true, true},
	}

	u := upOnAWS(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			u.Yes, u.In, u.Out = tt.yes, strings.NewReader(tt.answer), &out
			err := u.agree(t.Context(), sightingOf(target.DeploymentFile{Path: "a/new.yaml", Name: "new"}, target.DeploymentFile{Path: "there.yaml", Name: "there"}))

			if !strings.HasPrefix(out.String(), list) || strings.Contains(out.String(), "Go on? [y/N]") == tt.yes {
				t.Errorf("shown is\n%s", &out)
			}

			e, _ := errors.AsType[*Exit](err)
			if tt.agreed && err != nil || !tt.agreed && (e == nil || e.Code != 2 || !strings.Contains(e.Message, "--yes")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWithoutNewStacksNobodyIsAsked(t *testing.T) {
	u := upOnAWS(t)
	var out strings.Builder
	u.Out = &out
	if err := u.agree(t.Context(), sightingOf()); err != nil || out.String() != "" {
		t.Errorf("%v, shown is %q", err, &out)
	}
}

// An answers stands in for the network: it keeps whom it was to ask.
type answers struct{ asked []*url.URL }

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, r.URL)
	body := `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestTheAccountIsThatOfTheTarget(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://elsewhere.example")
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://elsewhere.example")
	for endpoint, want := range map[string]string{"": "sts.eu-west-1.amazonaws.com", "http://target.example:5000": "target.example:5000"} {
		var network answers
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(&network), config.WithRegion("eu-west-1"),
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("LSTESTKEY00000000000", "secret", "")))
		if err != nil {
			t.Fatal(err)
		}

		account, err := callerAccount(t.Context(), cfg, endpoint)
		if err != nil || account != "123456789012" {
			t.Errorf("%q: account %q, %v", endpoint, account, err)
		}

		if len(network.asked) != 1 || network.asked[0].Host != want {
			t.Errorf("%q: asked %v, want %s", endpoint, network.asked, want)
		}
	}
}
