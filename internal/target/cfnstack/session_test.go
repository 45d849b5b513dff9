package cfnstack_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const assumed = "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" +
	"<SessionToken>t</SessionToken>" +
	"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"

// driverAssumingRoles returns a driver that assumes roles at the fake.
func driverAssumingRoles(t *testing.T, f *fake) *cfnstack.Driver {
	t.Helper()
	driver, err := cfnstack.New(cfnstack.Options{
		Target:          f.url,
		AssumeRoles:     true,
		BaseCredentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		Poll:            cfnstack.Schedule{First: time.Millisecond, Max: time.Millisecond},
		ExternalID:      func(a lockstep.AccountID) string { return "ext-" + string(a) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

func TestAServerWithoutCredentialsSaysSo(t *testing.T) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	for _, assumeRoles := range []bool{true, false} {
		fake := newFake(t)
		driver, err := cfnstack.New(cfnstack.Options{
			Target:          fake.url,
			AssumeRoles:     assumeRoles,
			BaseCredentials: cfg.Credentials,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = driver.Advance(t.Context(), fake.attempt(plainFiles(), nil))
		targettest.CheckError(t, err, lockstep.Unavailable,
			"The server has no AWS credentials. Neither its environment nor its AWS configuration has any")
	}
}

func TestDriverAssumesTheRoleOncePerResource(t *testing.T) {
	fake := newFake(t)
	fake.respond("AssumeRole", result("AssumeRole", assumed))
	d := driverAssumingRoles(t, fake)
	attempt := fake.attempt(plainFiles(), nil)
	attempt.Configuration.ResourceName = "web-" + strings.Repeat("x", 80)
	targettest.DriveToIntent(t, d, attempt)
	calls := fake.called("AssumeRole")
	if len(calls) != 1 {
		t.Fatalf("%d calls, want 1", len(calls))
	}

	name := calls[0].Get("RoleSessionName")
	if !strings.HasPrefix(name, "lockstep-web-x") || len(name) != 64 {
		t.Errorf("session name %q", name)
	}

	if calls[0].Get("ExternalId") != "ext-111122223333" || calls[0].Get("RoleArn") != attempt.Configuration.RoleARN {
		t.Errorf("call %v", calls[0])
	}
}

func TestDriverRenewsCredentialsFiveMinutesBeforeTheirEnd(t *testing.T) {
	fake := newFake(t)
	soon := time.Now().Add(4 * time.Minute).UTC().Format(time.RFC3339)
	fake.respond("AssumeRole", result("AssumeRole", strings.Replace(assumed, "2099-01-01T00:00:00Z", soon, 1)))
	targettest.DriveToIntent(t, driverAssumingRoles(t, fake), fake.attempt(plainFiles(), nil))
	if n := len(fake.called("AssumeRole")); n < 2 {
		t.Errorf("the role was assumed %d times", n)
	}
}

func TestAdvanceExplainsWhyARoleCannotBeAssumed(t *testing.T) {
	fake := newFake(t)
	fake.respond("AssumeRole", errorAnswer(http.StatusForbidden, "AccessDenied",
		"User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole"))
	_, err := driverAssumingRoles(t, fake).Advance(t.Context(), fake.attempt(plainFiles(), nil))
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("kind %v", lockstep.KindOf(err))
	}

	for _, want := range []string{
		"The role arn:aws:iam::444455556666:role/sync cannot be assumed",
		"not authorized to perform: sts:AssumeRole",
		"trust policy",
		"external id, ext-111122223333,",
	} {
		if !strings.Contains(lockstep.Shown(err), want) {
			t.Errorf("%q is not in %q", want, lockstep.Shown(err))
		}
	}

	attempt := fake.attempt(plainFiles(), nil)
	attempt.Configuration.RoleARN = ""
	if _, err := driverAssumingRoles(t, fake).Advance(t.Context(), attempt); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("without a role: %v", err)
	}

	driver, err := cfnstack.New(cfnstack.Options{Target: fake.url})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := driver.Advance(t.Context(), attempt); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("without credentials: %v", err)
	}
}

func TestAdvanceClassifiesTheErrorsOfAnEndpoint(t *testing.T) {
	const page = "<!doctype html><html><body><p>Internal Server Error</body></html>"
	tests := map[string]struct {
		answer answer
		kind   lockstep.Kind
		want   string
		calls  int
	}{
		"throttled": {
			answer: errorAnswer(400, "Throttling", "Rate exceeded"),
			kind:   lockstep.Unavailable,
			want:   "cloudformation:DescribeStacks: Rate exceeded.",
			calls:  3,
		},
		"no permission": {
			answer: errorAnswer(403, "AccessDenied", "User: x is not authorized"),
			kind:   lockstep.Denied,
			want: "cloudformation:DescribeStacks was denied to the server's own credentials: " +
				"User: x is not authorized.",
			calls: 1,
		},
		"bad key": {
			answer: errorAnswer(403, "InvalidClientTokenId", "The security token is invalid"),
			kind:   lockstep.Denied,
			want:   "token is invalid",
			calls:  1,
		},
		"broken": {
			answer: errorAnswer(503, "ServiceUnavailable", "later"),
			kind:   lockstep.Unavailable,
			want:   "later",
			calls:  3,
		},
		"odd 5xx": {
			answer: errorAnswer(502, "Whatever", "later"),
			kind:   lockstep.Unavailable,
			want:   "later",
			calls:  3,
		},
		"not XML, 403": {answer{403, page}, lockstep.Unavailable, "answered HTTP 403 and no CloudFormation error", 1},
		"not XML, 408": {answer{408, page}, lockstep.Unavailable, "answered HTTP 408 and no CloudFormation error", 1},
		"not XML, 425": {answer{425, page}, lockstep.Unavailable, "answered HTTP 425 and no CloudFormation error", 1},
		"not XML, 429": {answer{429, page}, lockstep.Unavailable, "answered HTTP 429 and no CloudFormation error", 1},
		"not XML, 502": {answer{502, page}, lockstep.Unavailable, "answered HTTP 502 and no CloudFormation error", 3},
		"no stack and no error": {
			answer: result("DescribeStacks", "<Stacks></Stacks>"),
			kind:   lockstep.Unavailable,
			want:   "returned no stack and no error",
			calls:  1,
		},
		"not XML, 500": {
			answer: answer{500, page},
			kind:   lockstep.Invalid,
			want:   "answered HTTP 500 and no CloudFormation error",
			calls:  1,
		},
		"not XML, 404": {
			answer: answer{404, page},
			kind:   lockstep.Invalid,
			want:   "answered HTTP 404 and no CloudFormation error",
			calls:  1,
		},
		"quota": {
			answer: errorAnswer(400, "LimitExceededException", "too many stacks"),
			kind:   lockstep.Limit,
			want:   "too many stacks",
			calls:  1,
		},
		"no sense": {
			answer: answer{200, "<a><b></a>"},
			kind:   lockstep.Unavailable,
			want:   "is not CloudFormation's",
			calls:  1,
		},
		"other refusal": {
			answer: errorAnswer(400, "InvalidAction", "no such action"),
			kind:   lockstep.Invalid,
			want:   "no such action",
			calls:  1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the SDK pauses between its tries
			fake := newFake(t)
			fake.respond("DescribeStacks", test.answer)
			attempt := fake.attempt(plainFiles(), nil)
			attempt.Now = attempt.StartedAt.Add(time.Minute) // its patience with such answers is over
			_, err := fake.driver().Advance(t.Context(), attempt)
			if lockstep.KindOf(err) != test.kind || !strings.Contains(lockstep.Shown(err), test.want) {
				t.Errorf("got %v: %s", lockstep.KindOf(err), lockstep.Shown(err))
			}

			if n := len(fake.called("DescribeStacks")); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

func TestAdvanceWaitsForAnEndpointThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := newDriver(t, "http://127.0.0.1:1")
	_, err := d.Advance(t.Context(), f.attempt(plainFiles(), nil))
	targettest.CheckError(t, err, lockstep.Unavailable, "127.0.0.1:1 cannot be reached")
}

func TestDriverIgnoresEndpointsOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION", "AWS_ENDPOINT_URL_STS"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	f := newFake(t)
	f.respond("AssumeRole", result("AssumeRole", assumed))
	targettest.DriveToIntent(t, driverAssumingRoles(t, f), f.attempt(plainFiles(), nil))
}
