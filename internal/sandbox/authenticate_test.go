package sandbox_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// lookUpKey has a key for each access, all of account 111122223333.
func lookUpKey(_ context.Context, id string) (sandbox.Key, error) {
	access, ok := map[string]sandbox.Access{
		"LSTESTKEY00000000000": sandbox.AllAccounts,
		"LSADMINKEY0000000000": sandbox.WriteAccess,
		"LSREADERKEY000000000": sandbox.ReadAccess,
		"LSNOBODYKEY000000000": sandbox.NoAccess,
	}[id]
	if !ok {
		return sandbox.Key{}, nil
	}
	return sandbox.Key{Secret: "secret", Account: "111122223333", Access: access}, nil
}

func changeSetInput(stack, name string) *cloudformation.CreateChangeSetInput {
	return &cloudformation.CreateChangeSetInput{
		StackName:     &stack,
		ChangeSetName: &name,
		TemplateBody:  aws.String(shop),
	}
}

func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestSignaturesAreVerified(t *testing.T) {
	url := startSandbox(t, databasePath(t), sandbox.Options{LookUpKey: lookUpKey})
	for _, row := range []struct{ id, secret, token, want string }{
		{id: "LSTESTKEY00000000000", secret: "secret", token: "", want: ""},
		{id: "LSTESTKEY00000000000", secret: "wrong", token: "", want: "SignatureDoesNotMatch"},
		{id: "LSOTHERKEY0000000000", secret: "secret", token: "", want: "InvalidClientTokenId"},
		{id: "LSBX0000000000000000", secret: "secret", token: "token", want: "InvalidClientTokenId"},
	} {
		cfg := configuration(url, "us-east-1")
		cfg.Credentials = credentials.NewStaticCredentialsProvider(row.id, row.secret, row.token)
		_, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
		if got := errorCode(err); got != row.want {
			t.Errorf("%s/%s: %q (%v), want %q", row.id, row.secret, got, err, row.want)
		}
	}

	cfg := configuration(url, "us-east-1")
	cfg.Credentials = aws.AnonymousCredentials{}
	_, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if got := errorCode(err); got != "MissingAuthenticationToken" {
		t.Errorf("unsigned: %q (%v)", got, err)
	}
}

func assume(t *testing.T, cfg aws.Config, role string) aws.Config {
	t.Helper()
	input := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("lockstep-web")}
	out, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}

	keys := out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(
		*keys.AccessKeyId, *keys.SecretAccessKey, *keys.SessionToken)
	return cfg
}

func TestAttack21CallersOfTheSandboxNeedAccess(t *testing.T) {
	url := startSandbox(t, databasePath(t), sandbox.Options{LookUpKey: lookUpKey, ResourceDuration: time.Nanosecond})
	configurationOf := func(id string) aws.Config {
		cfg := configuration(url, "us-east-1")
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, "secret", "")
		return cfg
	}
	apply(t, cloudformation.NewFromConfig(configurationOf("LSADMINKEY0000000000")), "shop", shop)

	const ownRole, foreignRole = "arn:aws:iam::111122223333:role/deployer", "arn:aws:iam::444455556666:role/deployer"
	assumeRole := func(role string) func(aws.Config) error {
		return func(cfg aws.Config) error {
			input := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("test")}
			_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), input)
			return err
		}
	}
	calls := map[string]func(aws.Config) error{
		"who am I": func(cfg aws.Config) error {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			return err
		},
		"read": func(cfg aws.Config) error {
			_, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
			return err
		},
		"evaluate": func(cfg aws.Config) error {
			input := &cloudformation.ValidateTemplateInput{TemplateBody: aws.String(shop)}
			_, err := cloudformation.NewFromConfig(cfg).ValidateTemplate(t.Context(), input)
			return err
		},
		"write": func(cfg aws.Config) error {
			input := &cloudformation.CreateChangeSetInput{
				StackName:     aws.String("shop"),
				ChangeSetName: aws.String("change-" + rand.Text()),
				TemplateBody:  aws.String(shop),
			}
			_, err := cloudformation.NewFromConfig(cfg).CreateChangeSet(t.Context(), input)
			return err
		},
		"assume a role of the account":     assumeRole(ownRole),
		"assume a role of another account": assumeRole(foreignRole),
	}

	permitted := map[string][]string{
		"LSNOBODYKEY000000000": {"who am I"},
		"LSREADERKEY000000000": {"who am I", "read", "evaluate"},
		"LSADMINKEY0000000000": {"who am I", "read", "evaluate", "write", "assume a role of the account"},
		"LSTESTKEY00000000000": {
			"who am I", "read", "evaluate", "write", "assume a role of the account", "assume a role of another account",
		},
	}
	for id, names := range permitted {
		for name, call := range calls {
			want := "AccessDenied"
			if slices.Contains(names, name) {
				want = ""
			}
			if err := call(configurationOf(id)); errorCode(err) != want {
				t.Errorf("%s, %s: the error is %v, want %q", id, name, err, want)
			}
		}
	}

	session := assume(t, configurationOf("LSADMINKEY0000000000"), ownRole)
	if err := assumeRole(foreignRole)(session); errorCode(err) != "AccessDenied" {
		t.Errorf("a session assumes a role of another account: %v", err)
	}
}

func TestAttack23FailedAuthenticationsAtTheSandboxAreLimited(t *testing.T) {
	url := startSandbox(t, databasePath(t), sandbox.Options{LookUpKey: lookUpKey})
	describe := func(secret string) string {
		cfg := configuration(url, "us-east-1")
		cfg.RetryMaxAttempts = 1
		cfg.Credentials = credentials.NewStaticCredentialsProvider("LSTESTKEY00000000000", secret, "")
		_, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
		return errorCode(err)
	}

	got := ""
	for range 1000 {
		if got = describe("wrong"); got != "SignatureDoesNotMatch" {
			break
		}
	}
	if got != "Throttling" {
		t.Errorf("many failures end with %q, want Throttling", got)
	}
	if got := describe("secret"); got != "" {
		t.Errorf("a valid request is answered with %q", got)
	}
}

func TestAccountsAndRegionsAreSeparate(t *testing.T) {
	url := startSandbox(t, databasePath(t), sandbox.Options{LookUpKey: lookUpKey, ResourceDuration: time.Nanosecond})
	own := configuration(url, "us-east-1")
	other := assume(t, own, "arn:aws:iam::444455556666:role/deploy/er")
	who, err := sts.NewFromConfig(other).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}

	if want := "444455556666"; *who.Account != want {
		t.Errorf("account %s, want %s", *who.Account, want)
	}
	if want := "arn:aws:sts::444455556666:assumed-role/er/lockstep-web"; *who.Arn != want {
		t.Errorf("ARN %s, want %s", *who.Arn, want)
	}

	apply(t, cloudformation.NewFromConfig(other), "shop", shop)
	frankfurt := other
	frankfurt.Region = "eu-central-1"

	for name, row := range map[string]struct {
		cfg  aws.Config
		want int
	}{"own account": {own, 0}, "assumed": {other, 1}, "other region": {frankfurt, 0}} {
		out, err := cloudformation.NewFromConfig(row.cfg).DescribeStacks(t.Context(),
			&cloudformation.DescribeStacksInput{})
		if err != nil || len(out.Stacks) != row.want {
			t.Errorf("%s: %d stacks (%v), want %d", name, len(out.Stacks), err, row.want)
		}
	}

	stack := describeStack(t, cloudformation.NewFromConfig(other), "shop")
	if got := outputs(stack)["QueueUrl"]; got != "https://sqs.us-east-1.amazonaws.com/444455556666/shop-dev" {
		t.Errorf("queue %s", got)
	}

	_, err = cloudformation.NewFromConfig(own).DescribeStacks(t.Context(),
		&cloudformation.DescribeStacksInput{StackName: stack.StackId})
	checkError(t, err, "ValidationError", "does not exist")
}

func TestAssumedKeysExpireAndNeedTheirToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, sandbox.Options{LookUpKey: lookUpKey})
		cfg := assume(t, b.config("us-east-1"), "arn:aws:iam::444455556666:role/deployer")
		ask := func(cfg aws.Config) string {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			return errorCode(err)
		}
		stolen := cfg
		keys, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		stolen.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, "another")
		if got := ask(stolen); got != "InvalidClientTokenId" {
			t.Errorf("another token: %q", got)
		}

		time.Sleep(59 * time.Minute)
		if got := ask(cfg); got != "" {
			t.Errorf("after 59 minutes: %q", got)
		}

		time.Sleep(2 * time.Minute)
		if got := ask(cfg); got != "ExpiredToken" {
			t.Errorf("after 61 minutes: %q", got)
		}
	})
}
