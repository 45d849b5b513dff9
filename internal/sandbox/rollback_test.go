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

	_, err := client.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{StackName: aws.String("web"), ChangeSetName: aws.String("x"), TemplateBody: aws.String(shop)})
	checkError(t, err, "ValidationError", "Stack:"+*stack.StackId+" is in ROLLBACK_COMPLETE state and can not be updated.")
	if _, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("web")}); err != nil {
		t.Fatal(err)
	}

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

	if stack := apply(t, client, "web", strings.ReplaceAll(failing, "Fail: too many queues", "Delay: 1ms")); stack.StackStatus != types.StackStatusUpdateComplete {
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
		input.StackName, input.TemplateBody = aws.String("s"+strings.ReplaceAll(name, "_", "")), aws.String(failing)
		out, err := client.CreateStack(ctx, input)
		if err != nil {
			t.Fatal(err)
		}

		if got := describeStack(t, client, *out.StackId).StackStatus; string(got) != name {
			t.Errorf("%s, want %s", got, name)
		}
	}

	d := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{StackName: aws.String("kept"), ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody: aws.String(failing), OnStackFailure: types.OnStackFailureDoNothing})
	if _, err := client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: d.ChangeSetId}); err != nil {
		t.Fatal(err)
	}

	if got := describeStack(t, client, "kept").StackStatus; got != types.StackStatusCreateFailed {
		t.Errorf("%s, want CREATE_FAILED", got)
	}

	if s := apply(t, client, "kept", strings.ReplaceAll(failing, "Fail: too many queues", "Delay: 1ms")); s.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("a failed stack that was kept can be updated: %s", s.StackStatus)
	}
}

func TestAStackThatCannotBeDeletedStays(t *testing.T) {
	client := newClient(t)
	apply(t, client, "web", `Resources: {Stuck: {Type: AWS::SNS::Topic, Metadata: {"Lockstep::Sandbox": {Fail: in use, FailOn: DELETE}}}}`)
	id := aws.String("web")
	if _, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: id}); err != nil {
		t.Fatal(err)
	}

	if s := describeStack(t, client, "web"); s.StackStatus != types.StackStatusDeleteFailed ||
		!strings.HasPrefix(*s.StackStatusReason, "The following resource(s) failed to delete: [Stuck].") {
		t.Errorf("%s %s", s.StackStatus, *s.StackStatusReason)
	}

	if _, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: id, RetainResources: []string{"Stuck"}}); err != nil {
		t.Fatal(err)
	}

	_, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: id})
	checkError(t, err, "ValidationError", "Stack with id web does not exist")
}

func TestExportsInUseCannotChange(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	const user = "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue 'shop:queue'}}}\nOutputs: {O: {Value: !ImportValue 'shop:queue'}}"
	out, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("early"), TemplateBody: aws.String(user)})
	if err != nil {
		t.Fatal(err)
	}

	if got := describeEvents(t, client, *out.StackId)[1]; got != "early ROLLBACK_IN_PROGRESS No export named shop:queue found. Rollback requested by user." {
		t.Errorf("importing what is not there: %s", got)
	}

	d := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{StackName: aws.String("late"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(user)})
	if d.Status != types.ChangeSetStatusFailed || *d.StatusReason != "No export named shop:queue found." {
		t.Errorf("change set: %s %s", d.Status, *d.StatusReason)
	}

	apply(t, client, "shop", shop)
	if stack := apply(t, client, "user", user); outputs(stack)["O"] != "https://sqs.us-east-1.amazonaws.com/000000000000/shop-dev" {
		t.Errorf("imported %v", outputs(stack))
	}

	_, err = client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("shop")})
	checkError(t, err, "ValidationError", "Export shop:queue cannot be deleted as it is in use by user")
	for stage, want := range map[string]string{"prod": "Export shop:queue cannot be updated as it is in use by user"} {
		if stack := apply(t, client, "shop", shop, parameter("Stage", stage)); stack.StackStatus != types.StackStatusUpdateRollbackComplete {
			t.Errorf("status %s", stack.StackStatus)
		}
		if all := describeEvents(t, client, "shop"); !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("no event says %q", want)
		}
	}

	stack := apply(t, client, "rival", "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {O: {Value: x, Export: {Name: 'shop:queue'}}}")
	if stack.StackStatus != types.StackStatusRollbackComplete || !strings.Contains(strings.Join(describeEvents(t, client, "rival"), "\n"),
		"Export with name shop:queue is already exported by stack "+*describeStack(t, client, "shop").StackId) {
		t.Errorf("a second export of the name: %s", stack.StackStatus)
	}

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

	if all := strings.Join(describeEvents(t, client, "two"), "\n"); !strings.Contains(all, "B CREATE_FAILED assets already exists in stack "+*first.StackId) {
		t.Error(all)
	}

	apply(t, client, "one", strings.ReplaceAll(body, "%", "true"))
	if all := strings.Join(describeEvents(t, client, "one"), "\n"); !strings.Contains(all,
		"B UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename assets and update the stack again.") {
		t.Error(all)
	}

	s := apply(t, client, "three", "Resources: {Q: {Type: AWS::SQS::Queue}}")
	d := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{StackName: s.StackName, TemplateBody: aws.String("Resources: {Q: {Type: AWS::SNS::Topic}}")})
	if *d.StatusReason != "Update of resource type is not permitted. The new template modifies resource type of the following resources: [Q]" {
		t.Error(*d.StatusReason)
	}
}
