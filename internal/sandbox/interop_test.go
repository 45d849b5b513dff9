package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// requireTool returns the path of a program. Without it the test is skipped, or fails
// in CI.
func requireTool(t *testing.T, check ...string) string {
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

// run runs a program with an environment that has only the sandbox.
func run(t *testing.T, url, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "AWS_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			cmd.Env = append(cmd.Env, variable)
		}
	}

	cmd.Env = append(cmd.Env,
		"AWS_ACCESS_KEY_ID=LSTESTKEY00000000000",
		"AWS_SECRET_ACCESS_KEY=secret",
		"AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+url,
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=",
		"AWS_MAX_ATTEMPTS=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}

	return string(out)
}

const script = `
import boto3, sys
from botocore.exceptions import ClientError
cfn, sts = boto3.client("cloudformation"), boto3.client("sts")
body = open(sys.argv[1]).read()
print(sts.get_caller_identity()["Account"])
cs = cfn.create_change_set(StackName="shop", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=body,
    ClientToken="t", Tags=[{"Key": "team", "Value": "web"}])
cfn.get_waiter("change_set_create_complete").wait(ChangeSetName=cs["Id"])
d = cfn.describe_change_set(ChangeSetName=cs["Id"])
print([(c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"]) for c in d["Changes"]])
cfn.execute_change_set(ChangeSetName=cs["Id"])
cfn.get_waiter("stack_create_complete").wait(StackName="shop")
s = cfn.describe_stacks(StackName="shop")["Stacks"][0]
print(s["StackStatus"], s["Tags"], {o["OutputKey"]: o.get("ExportName") for o in s["Outputs"]})
cfn.update_stack(StackName="shop", UsePreviousTemplate=True,
    Parameters=[{"ParameterKey": "Stage", "ParameterValue": "prod"}], Tags=[])
cfn.get_waiter("stack_update_complete").wait(StackName="shop")
print(cfn.describe_stacks(StackName="shop")["Stacks"][0]["Tags"])
previous = [{"ParameterKey": "Stage", "UsePreviousValue": True}]
for call, args in ((cfn.update_stack, dict(StackName="shop", UsePreviousTemplate=True, Parameters=previous)),
                   (cfn.describe_stacks, dict(StackName="nobody")),
                   (cfn.describe_change_set, dict(StackName="shop", ChangeSetName="x"))):
    try:
        call(**args)
    except ClientError as e:
        print(e.response["Error"]["Code"], e.response["Error"]["Message"])
role = sts.assume_role(RoleArn="arn:aws:iam::444455556666:role/r", RoleSessionName="me")["Credentials"]
other = boto3.client("cloudformation", aws_access_key_id=role["AccessKeyId"],
    aws_secret_access_key=role["SecretAccessKey"], aws_session_token=role["SessionToken"])
print(other.describe_stacks()["Stacks"])
cfn.delete_stack(StackName="shop")
cfn.get_waiter("stack_delete_complete").wait(StackName=s["StackId"])
print(len(cfn.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]))
`

func TestBoto3SpeaksToTheSandbox(t *testing.T) {
	t.Parallel()
	python := requireTool(t, "python3", "-c", "import boto3")
	url := startSandbox(t, databasePath(t), sandbox.Options{LookUpKey: lookUpKey, ResourceDuration: time.Nanosecond})
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}

	got := run(t, url, python, "-c", script, file)
	want := `111122223333
[('Add', 'Queue'), ('Add', 'Topic')]
CREATE_COMPLETE [{'Key': 'team', 'Value': 'web'}] {'QueueUrl': 'shop:queue', 'TopicArn': None, 'Joined': None}
[]
ValidationError No updates are to be performed.
ValidationError Stack with id nobody does not exist
ChangeSetNotFound ChangeSet [x] does not exist
[]
1
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheAWSCLIDeploys(t *testing.T) {
	t.Parallel()
	cli := requireTool(t, "aws", "--version")
	url := startSandbox(t, databasePath(t), sandbox.Options{LookUpKey: lookUpKey, ResourceDuration: time.Nanosecond})
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}

	deploy := []string{
		"cloudformation", "deploy", "--no-fail-on-empty-changeset",
		"--stack-name", "shop", "--template-file", file,
	}
	status := []string{
		"cloudformation", "describe-stacks", "--query", "Stacks[].[StackName,StackStatus]", "--output", "text",
	}
	reason := []string{
		"cloudformation", "describe-stack-events", "--stack-name", "shop",
		"--query", "StackEvents[0].ResourceStatusReason", "--output", "text",
	}

	// The CLI names a change set after the second of its creation, so that two
	// deployments must be more than a second apart.
	for _, step := range []struct {
		args []string
		want string
	}{
		{deploy, "Successfully created/updated stack - shop"},
		{status, "shop\tCREATE_COMPLETE"},
		{status, "shop\tCREATE_COMPLETE"},
		{append(deploy, "--parameter-overrides", "Stage=prod"), "Successfully created/updated stack - shop"},
		{status, "shop\tUPDATE_COMPLETE"},
		{status, "shop\tUPDATE_COMPLETE"},
		{deploy, "No changes to deploy. Stack shop is up to date"},
		{reason, final},
	} {
		if got := run(t, url, cli, step.args...); !strings.Contains(got, step.want) {
			t.Errorf("aws %s\ngot %s\nwant %s", strings.Join(step.args, " "), got, step.want)
		}
	}
}
