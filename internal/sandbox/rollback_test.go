package sandbox_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

func checkError(t testing.TB, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want %s: %s", err, code, message)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("got  %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), code, message)
	}
}

const failing = `
Resources:
  Good: {Type: AWS::SNS::Topic, Properties: {DisplayName: fine}}
  Bad: {Type: AWS::SQS::Queue, DependsOn: Good, Metadata: {"Lockstep::Sandbox": {Fail: too many queues}}}
`

func TestAFailedResourceRollsANewStackBack(t *testing.T) {
	client := newClient(t)
	stack := apply(t, client, "web", failing)
	if stack.StackStatus != types.StackStatusRollbackComplete || len(stack.Outputs) != 0 {
		t.Fatalf("status %s", stack.StackStatus)
	}

	want := []string{
		"Bad CREATE_FAILED too many queues",
		"web ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Bad]. Rollback requested by user.",
		"Bad DELETE_IN_PROGRESS", "Bad DELETE_COMPLETE", "Good DELETE_IN_PROGRESS", "Good DELETE_COMPLETE",
		"web ROLLBACK_COMPLETE " + final,
	}

	all := describeEvents(t, client, "web")
	if diff := cmp.Diff(want, all[len(all)-len(want):]); diff != "" {
		t.Error(diff)
	}

	_, err := client.CreateChangeSet(t.Context(), changeSetInput("web", "x"))
	checkError(t, err, "ValidationError",
		"Stack:"+*stack.StackId+" is in ROLLBACK_COMPLETE state and can not be updated.")
	deleteStack(t, client, &cloudformation.DeleteStackInput{StackName: aws.String("web")})

	if stack := apply(t, client, "web", shop); stack.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("created again: %s", stack.StackStatus)
	}
}

func TestAFailedUpdateRestoresTheStack(t *testing.T) {
	client := newClient(t)
	before := apply(t, client, "web", "Resources: {Good: {Type: AWS::SNS::Topic}}\nOutputs: {Arn: {Value: !Ref Good}}")
	stack := apply(t, client, "web", failing+"Outputs: {Other: {Value: !Ref Bad}}")
	if stack.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Fatalf("status %s", stack.StackStatus)
	}

	if diff := cmp.Diff(outputs(before), outputs(stack)); diff != "" {
		t.Error(diff)
	}

	got, err := client.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("web")})
	if err != nil || strings.Contains(*got.TemplateBody, "Bad") {
		t.Errorf("the template is still the new one (%v)", err)
	}

	fixed := strings.ReplaceAll(failing, "Fail: too many queues", "Delay: 1ms")
	if stack := apply(t, client, "web", fixed); stack.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("fixed: %s", stack.StackStatus)
	}
}

func TestRollbackCanBeDeclined(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	for name, input := range map[string]*cloudformation.CreateStackInput{
		"CREATE_FAILED":     {DisableRollback: aws.Bool(true)},
		"ROLLBACK_COMPLETE": {OnFailure: types.OnFailureRollback},
		"DELETE_COMPLETE":   {OnFailure: types.OnFailureDelete},
	} {
		input.StackName = aws.String("s" + strings.ReplaceAll(name, "_", ""))
		input.TemplateBody = aws.String(failing)
		out, err := client.CreateStack(ctx, input)
		if err != nil {
			t.Fatal(err)
		}

		if got := describeStack(t, client, *out.StackId).StackStatus; string(got) != name {
			t.Errorf("%s, want %s", got, name)
		}
	}

	create := creationInput("kept", failing)
	create.OnStackFailure = types.OnStackFailureDoNothing
	described := createChangeSet(t, client, create)
	executeChangeSet(t, client, described.ChangeSetId)

	if got := describeStack(t, client, "kept").StackStatus; got != types.StackStatusCreateFailed {
		t.Errorf("%s, want CREATE_FAILED", got)
	}

	fixed := strings.ReplaceAll(failing, "Fail: too many queues", "Delay: 1ms")
	if stack := apply(t, client, "kept", fixed); stack.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("a failed stack that was kept can be updated: %s", stack.StackStatus)
	}
}

func TestAStackThatCannotBeDeletedStays(t *testing.T) {
	client := newClient(t)
	apply(t, client, "web", "Resources: {Stuck: {Type: AWS::SNS::Topic, "+
		"Metadata: {'Lockstep::Sandbox': {Fail: in use, FailOn: DELETE}}}}")
	id := aws.String("web")
	deleteStack(t, client, &cloudformation.DeleteStackInput{StackName: id})

	stack := describeStack(t, client, "web")
	if stack.StackStatus != types.StackStatusDeleteFailed {
		t.Errorf("status %s, want DELETE_FAILED", stack.StackStatus)
	}
	want := "The following resource(s) failed to delete: [Stuck]."
	if got := *stack.StackStatusReason; !strings.HasPrefix(got, want) {
		t.Errorf("reason %q, want it to begin with %q", got, want)
	}

	deleteStack(t, client, &cloudformation.DeleteStackInput{StackName: id, RetainResources: []string{"Stuck"}})

	_, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: id})
	checkError(t, err, "ValidationError", "Stack with id web does not exist")
}

// checkEvent checks that an event of a stack contains text.
func checkEvent(t *testing.T, client *cloudformation.Client, stack, text string) {
	t.Helper()
	if all := strings.Join(describeEvents(t, client, stack), "\n"); !strings.Contains(all, text) {
		t.Errorf("no event of %s contains %q:\n%s", stack, text, all)
	}
}

func TestExportsInUseCannotChange(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	const user = "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue 'shop:queue'}}}\n" +
		"Outputs: {O: {Value: !ImportValue 'shop:queue'}}"
	out, err := client.CreateStack(ctx, createStackInput("early", user))
	if err != nil {
		t.Fatal(err)
	}

	want := "early ROLLBACK_IN_PROGRESS No export named shop:queue found. Rollback requested by user."
	if got := describeEvents(t, client, *out.StackId)[1]; got != want {
		t.Errorf("importing what is not there: %s", got)
	}

	described := createChangeSet(t, client, creationInput("late", user))
	if described.Status != types.ChangeSetStatusFailed {
		t.Errorf("the change set is %s, want FAILED", described.Status)
	}
	if want := "No export named shop:queue found."; *described.StatusReason != want {
		t.Errorf("the change set's reason is %q, want %q", *described.StatusReason, want)
	}

	apply(t, client, "shop", shop)
	url := "https://sqs.us-east-1.amazonaws.com/000000000000/shop-dev"
	if got := outputs(apply(t, client, "user", user))["O"]; got != url {
		t.Errorf("imported %q, want %q", got, url)
	}

	_, err = client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("shop")})
	checkError(t, err, "ValidationError", "Export shop:queue cannot be deleted as it is in use by user")
	stack := apply(t, client, "shop", shop, parameter("Stage", "prod"))
	if stack.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("status %s, want UPDATE_ROLLBACK_COMPLETE", stack.StackStatus)
	}
	checkEvent(t, client, "shop", "Export shop:queue cannot be updated as it is in use by user")

	rival := "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {O: {Value: x, Export: {Name: 'shop:queue'}}}"
	if got := apply(t, client, "rival", rival).StackStatus; got != types.StackStatusRollbackComplete {
		t.Errorf("a second export of the name: %s, want ROLLBACK_COMPLETE", got)
	}
	checkEvent(t, client, "rival", "Export with name shop:queue is already exported by stack "+*stack.StackId)

	for _, name := range []string{"user", "shop"} {
		if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	client := newClient(t)
	const body = "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: assets, ObjectLockEnabled: %}}}"
	first := apply(t, client, "one", strings.ReplaceAll(body, "%", "false"))
	apply(t, client, "two", strings.ReplaceAll(body, "%", "false"))

	checkEvent(t, client, "two", "B CREATE_FAILED assets already exists in stack "+*first.StackId)

	apply(t, client, "one", strings.ReplaceAll(body, "%", "true"))
	checkEvent(t, client, "one", "B UPDATE_FAILED CloudFormation cannot update a stack "+
		"when a custom-named resource requires replacing. Rename assets and update the stack again.")

	stack := apply(t, client, "three", "Resources: {Q: {Type: AWS::SQS::Queue}}")
	described := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{
		StackName:    stack.StackName,
		TemplateBody: aws.String("Resources: {Q: {Type: AWS::SNS::Topic}}"),
	})
	want := "Update of resource type is not permitted. " +
		"The new template modifies resource type of the following resources: [Q]"
	if got := *described.StatusReason; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
}
