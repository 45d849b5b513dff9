package sts_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	smithy "github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sts"
)

// tool returns the path of a program, or skips; where CI is true it must be there.
func tool(t *testing.T, check ...string) string {
	t.Helper()
	path, err := exec.LookPath(check[0])
	if err == nil {
		err = exec.CommandContext(t.Context(), path, check[1:]...).Run()
	}

	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is needed where CI is true: %v", strings.Join(check, " "), err)
	default:
		t.Skipf("%s is not here: %v", strings.Join(check, " "), err)
	}

	return ""
}

// tokenFile holds a good token, as a CI job has it.
func (w *world) tokenFile() string {
	w.Helper()
	path := filepath.Join(w.TempDir(), "token")
	if err := os.WriteFile(path, []byte(w.token()), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

// run starts a program that knows of nothing but the service and its token.
func (w *world) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") &&
			!strings.HasSuffix(strings.ToLower(strings.SplitN(v, "=", 2)[0]), "_proxy") {
			cmd.Env = append(cmd.Env, v)
		}
	}

	// The AWS CLI keeps sessions in its user's folder, by the role's name: those of
	// an earlier run, whose server is gone.
	cmd.Env = append(cmd.Env, "HOME="+t.TempDir(), "AWS_WEB_IDENTITY_TOKEN_FILE="+w.tokenFile(), "AWS_ROLE_ARN="+role,
		"AWS_ROLE_SESSION_NAME=job-7",
		"AWS_ENDPOINT_URL_STS="+w.url, "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}

	return string(out)
}

const script = `
import boto3, json, os
from botocore.exceptions import ClientError
sts = boto3.client("sts")
me = sts.get_caller_identity()
del me["ResponseMetadata"]
found = {"me": me, "method": boto3.Session().get_credentials().method, "errors": []}
token = open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read()
role = "arn:aws:iam::123456789012:role/deploy"
got = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="me", WebIdentityToken=token, DurationSeconds=900)
found["assumed"] = [got["AssumedRoleUser"]["Arn"], got["SubjectFromWebIdentityToken"], got["Audience"]]
request = {"RoleArn": role, "RoleSessionName": "me", "WebIdentityToken": token}
for change in (
    {"RoleArn": role + "s"},
    {"WebIdentityToken": token[:-8] + "AAAAAAAA"},
    {"DurationSeconds": 3600},
    {"Policy": "{}"},
):
    try:
        sts.assume_role_with_web_identity(**{**request, **change})
    except ClientError as e:
        status = e.response["ResponseMetadata"]["HTTPStatusCode"]
        found["errors"].append([type(e).__name__, e.response["Error"]["Code"], status])
print(json.dumps(found))
`

func TestBoto3AssumesARoleWithATokenFile(t *testing.T) {
	t.Parallel()
	python := tool(t, "python3", "-c", "import boto3")
	w := newWorld(t, nil)
	var got map[string]any
	if out := w.run(t, python, "-c", script); json.Unmarshal([]byte(out), &got) != nil {
		t.Fatal(out)
	}

	identity, _ := got["me"].(map[string]any)
	want := map[string]any{
		"me": map[string]any{
			"Account": account,
			"Arn":     "arn:aws:sts::123456789012:assumed-role/deploy/job-7",
			"UserId":  identity["UserId"],
		},
		"method":  "assume-role-with-web-identity",
		"assumed": []any{"arn:aws:sts::123456789012:assumed-role/deploy/me", subject, audience},
		"errors": []any{
			[]any{"ClientError", "AccessDenied", 403.0},
			[]any{"InvalidIdentityTokenException", "InvalidIdentityToken", 400.0},
			[]any{"ClientError", "ValidationError", 400.0}, []any{"ClientError", "ValidationError", 400.0},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if id, _ := identity["UserId"].(string); !strings.HasSuffix(id, ":job-7") {
		t.Errorf("user id %q", id)
	}
}

func TestTheAWSCLIAssumesARole(t *testing.T) {
	t.Parallel()
	cli := tool(t, "aws", "--version")
	w := newWorld(t, nil)
	out := w.run(t, cli, "sts", "get-caller-identity", "--query", "Arn", "--output", "text")
	if got := strings.TrimSpace(out); got != "arn:aws:sts::123456789012:assumed-role/deploy/job-7" {
		t.Error(got)
	}

	out = w.run(t, cli, "sts", "assume-role-with-web-identity", "--role-arn", role, "--role-session-name", "cli",
		"--web-identity-token", w.token(), "--query", "[AssumedRoleUser.Arn,Provider]", "--output", "text")
	if got := strings.TrimSpace(out); got != "arn:aws:sts::123456789012:assumed-role/deploy/cli\t"+w.issuer.URL {
		t.Error(got)
	}
}

// config is that of a Go client of the service.
func (w *world) config(provider aws.CredentialsProvider) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(w.url), Credentials: provider, RetryMaxAttempts: 1}
}

func (w *world) whoami(provider aws.CredentialsProvider) (*awssts.GetCallerIdentityOutput, error) {
	return awssts.NewFromConfig(w.config(provider)).GetCallerIdentity(context.Background(),
		&awssts.GetCallerIdentityInput{})
}

func TestGoSDKAssumesARoleWithATokenFile(t *testing.T) {
	w := newWorld(t, nil)
	provider := stscreds.NewWebIdentityRoleProvider(awssts.NewFromConfig(w.config(nil)), role,
		stscreds.IdentityTokenFile(w.tokenFile()),
		func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "go" })
	credentials, err := provider.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	if left := time.Until(credentials.Expires); !credentials.CanExpire || left > 30*time.Minute ||
		left < 29*time.Minute || credentials.SessionToken == "" {
		t.Errorf("credentials that end in %v", left)
	}

	me, err := w.whoami(provider)
	if err != nil || *me.Arn != "arn:aws:sts::123456789012:assumed-role/deploy/go" || *me.Account != account {
		t.Errorf("%+v, %v", me, err)
	}
}

func TestTheGoSDKKnowsTheErrors(t *testing.T) {
	w := newWorld(t, nil)
	client := awssts.NewFromConfig(w.config(nil))
	try := func(token string) error {
		_, err := client.AssumeRoleWithWebIdentity(context.Background(), &awssts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(role), RoleSessionName: aws.String("go"), WebIdentityToken: aws.String(token)})
		return err
	}
	if refusal, ok := errors.AsType[*types.InvalidIdentityTokenException](try("abcd")); !ok {
		t.Errorf("bad token: %v", refusal)
	}

	if refusal, ok := errors.AsType[*types.ExpiredTokenException](try(w.issuer.Token(audience, subject,
		map[string]any{"exp": 1000}))); !ok {
		t.Errorf("expired token: %v", refusal)
	}

	w.issuer.SetUnavailable(true)
	if refusal, ok := errors.AsType[*types.IDPCommunicationErrorException](try(w.token())); !ok {
		t.Errorf("issuer down: %v", refusal)
	}
}

func wantCode(t *testing.T, name string, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", name, err, code)
	}
}

func TestCallerIdentityNeedsAValidSignature(t *testing.T) {
	w := newWorld(t, nil)
	accessKey := w.accessKey()
	me, err := w.whoami(credentials.NewStaticCredentialsProvider(accessKey.AccessKeyID, accessKey.Secret.Reveal(), ""))
	if err != nil || *me.Arn != "arn:aws:iam::123456789012:user/jo" || *me.UserId != accessKey.UserID() {
		t.Errorf("%+v, %v", me, err)
	}

	for name, tc := range map[string]struct{ id, secret, token, code string }{
		"wrong secret": {id: accessKey.AccessKeyID, secret: "x", code: "SignatureDoesNotMatch"},
		"unknown key":  {id: "LSAKAAAAAAAAAAAAAAAA", secret: accessKey.Secret.Reveal(), code: "InvalidClientTokenId"},
		"with a token": {
			id:     accessKey.AccessKeyID,
			secret: accessKey.Secret.Reveal(),
			token:  "token",
			code:   "InvalidClientTokenId",
		},
		"no session": {
			id:     "LSSKAAAAAAAAAAAAAAAA",
			secret: accessKey.Secret.Reveal(),
			token:  "token",
			code:   "InvalidClientTokenId",
		},
		"a key of AWS":  {id: "AKIAIOSFODNN7EXAMPLE", secret: "x", code: "InvalidClientTokenId"},
		"a token of it": {id: "ASIAIOSFODNN7EXAMPLE", secret: "x", token: "x", code: "InvalidClientTokenId"},
	} {
		_, err := w.whoami(credentials.NewStaticCredentialsProvider(tc.id, tc.secret, tc.token))
		wantCode(t, name, err, tc.code)
	}

	w.update(func(tx *db.Tx) error { return identity.SetKeyStatus(tx, account, accessKey.AccessKeyID, false) })
	if a := w.post(map[string][]string{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}); a.status != 403 ||
		a.Error.Code != "MissingAuthenticationToken" {
		t.Errorf("unsigned: %d %+v", a.status, a.Error)
	}
}

func TestDisabledLongLivedKeyGetsAMessage(t *testing.T) {
	w := newWorld(t, nil)
	key := w.accessKey()
	directory, err := identity.NewDirectory(identity.Options{DB: w.db, Key: w.key, SessionsOnly: true})
	if err != nil {
		t.Fatal(err)
	}

	w.handler = sts.New(sts.Options{Directory: directory})
	w.url = serve(t, w.handler)
	_, err = w.whoami(credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.Secret.Reveal(), ""))
	wantCode(t, "switched off", err, "InvalidClientTokenId")

	if !strings.Contains(err.Error(), "are disabled") {
		t.Error(err)
	}

	_, err = w.whoami(credentials.NewStaticCredentialsProvider(key.AccessKeyID, "x", ""))
	wantCode(t, "switched off, wrong secret", err, "SignatureDoesNotMatch")
}
