package sandbox_test

import (
	"context"
	"errors"
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

// lookUpKey has one key, of account 111122223333.
func lookUpKey(_ context.Context, id string) (secret, account string, err error) {
	if id == "LSTESTKEY00000000000" {
		return "secret", "111122223333", nil
	}
	return "", "", nil
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
