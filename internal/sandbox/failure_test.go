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

func wantError(t testing.TB, err error, code, message string) {
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
	c := open(t)
	s := apply(t, c, "web", failing)
	if s.StackStatus != types.StackStatusRollbackComplete || len(s.Outputs) != 0 {
		t.Fatalf("status %s", s.StackStatus)
	}

	want := []string{
		"Bad CREATE_FAILED too many queues",
		"web ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Bad]. Rollback requested by user.",
		"Bad DELETE_IN_PROGRESS", "Bad DELETE_COMPLETE", "Good DELETE_IN_PROGRESS", "Good DELETE_COMPLETE",
		"web ROLLBACK_COMPLETE " + final,
	}

	all := events(t, c, "web")
	if diff := cmp.Diff(want, all[len(all)-len(want):]); diff != "" {
		t.Error(diff)
	}

	_, err := c.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{StackName: aws.String("web"), ChangeSetName: aws.String("x"), TemplateBody: aws.String(shop)})
	wantError(t, err, "ValidationError", "Stack:"+*s.StackId+" is in ROLLBACK_COMPLETE state and can not be updated.")
	if _, err := c.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("web")}); err != nil {
		t.Fatal(err)
	}

	if s := apply(t, c, "web", shop); s.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("created again: %s", s.StackStatus)
	}
}

func TestAFailedUpdateRestoresTheStack(t *testing.T) {
	c := open(t)
	before := apply(t, c, "web", "Resources: {Good: {Type: AWS::SNS::Topic}}\nOutputs: {Arn: {Value: !Ref Good}}")
	s := apply(t, c, "web", failing+"Outputs: {Other: {Value: !Ref Bad}}")
	if s.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Fatalf("status %s", s.StackStatus)
	}

	if diff := cmp.Diff(outputs(before), outputs(s)); diff != "" {
		t.Error(diff)
	}

	got, err := c.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("web")})
	if err != nil || strings.Contains(*got.TemplateBody, "Bad") {
		t.Errorf("the template is still the new one (%v)", err)
	}

	if s := apply(t, c, "web", strings.ReplaceAll(failing, "Fail: too many queues", "Delay: 1ms")); s.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("fixed: %s", s.StackStatus)
	}
}

func TestRollbackCanBeDeclined(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	for name, in := range map[string]*cloudformation.CreateStackInput{
		"CREATE_FAILED":     {DisableRollback: aws.Bool(true)},
		"ROLLBACK_COMPLETE": {OnFailure: types.OnFailureRollback},
		"DELETE_COMPLETE":   {OnFailure: types.OnFailureDelete},
	} {
		in.StackName, in.TemplateBody = aws.String("s"+strings.ReplaceAll(name, "_", "")), aws.String(failing)
		out, err := c.CreateStack(ctx, in)
		if err != nil {
			t.Fatal(err)
		}

		if got := described(t, c, *out.StackId).StackStatus; string(got) != name {
			t.Errorf("%s, want %s", got, name)
		}
	}

	d := propose(t, c, &cloudformation.CreateChangeSetInput{StackName: aws.String("kept"), ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody: aws.String(failing), OnStackFailure: types.OnStackFailureDoNothing})
	if _, err := c.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: d.ChangeSetId}); err != nil {
		t.Fatal(err)
	}

	if got := described(t, c, "kept").StackStatus; got != types.StackStatusCreateFailed {
		t.Errorf("%s, want CREATE_FAILED", got)
	}

	if s := apply(t, c, "kept", strings.ReplaceAll(failing, "Fail: too many queues", "Delay: 1ms")); s.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("a failed stack that was kept can be updated: %s", s.StackStatus)
	}
}

func TestAStackThatCannotBeDeletedStays(t *testing.T) {
	c := open(t)
	apply(t, c, "web", `Resources: {Stuck: {Type: AWS::SNS::Topic, Metadata: {"Lockstep::Sandbox": {Fail: in use, FailOn: DELETE}}}}`)
	id := aws.String("web")
	if _, err := c.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: id}); err != nil {
		t.Fatal(err)
	}

	if s := described(t, c, "web"); s.StackStatus != types.StackStatusDeleteFailed ||
		!strings.HasPrefix(*s.StackStatusReason, "The following resource(s) failed to delete: [Stuck].") {
		t.Errorf("%s %s", s.StackStatus, *s.StackStatusReason)
	}

	if _, err := c.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: id, RetainResources: []string{"Stuck"}}); err != nil {
		t.Fatal(err)
	}

	_, err := c.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: id})
	wantError(t, err, "ValidationError", "Stack with id web does not exist")
}

func TestExportsHoldStacksTogether(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	const user = "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue 'shop:queue'}}}\nOutputs: {O: {Value: !ImportValue 'shop:queue'}}"
	out, err := c.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("early"), TemplateBody: aws.String(user)})
	if err != nil {
		t.Fatal(err)
	}

	if got := events(t, c, *out.StackId)[1]; got != "early ROLLBACK_IN_PROGRESS No export named shop:queue found. Rollback requested by user." {
		t.Errorf("importing what is not there: %s", got)
	}

	d := propose(t, c, &cloudformation.CreateChangeSetInput{StackName: aws.String("late"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(user)})
	if d.Status != types.ChangeSetStatusFailed || *d.StatusReason != "No export named shop:queue found." {
		t.Errorf("change set: %s %s", d.Status, *d.StatusReason)
	}

	apply(t, c, "shop", shop)
	if s := apply(t, c, "user", user); outputs(s)["O"] != "https://sqs.us-east-1.amazonaws.com/000000000000/shop-dev" {
		t.Errorf("imported %v", outputs(s))
	}

	_, err = c.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("shop")})
	wantError(t, err, "ValidationError", "Export shop:queue cannot be deleted as it is in use by user")
	for stage, want := range map[string]string{"prod": "Export shop:queue cannot be updated as it is in use by user"} {
		if s := apply(t, c, "shop", shop, parameter("Stage", stage)); s.StackStatus != types.StackStatusUpdateRollbackComplete {
			t.Errorf("status %s", s.StackStatus)
		}
		if all := events(t, c, "shop"); !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("no event says %q", want)
		}
	}

	s := apply(t, c, "rival", "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {O: {Value: x, Export: {Name: 'shop:queue'}}}")
	if s.StackStatus != types.StackStatusRollbackComplete || !strings.Contains(strings.Join(events(t, c, "rival"), "\n"),
		"Export with name shop:queue is already exported by stack "+*described(t, c, "shop").StackId) {
		t.Errorf("a second export of the name: %s", s.StackStatus)
	}

	for _, name := range []string{"user", "shop"} {
		if _, err := c.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesAreTakenOnce(t *testing.T) {
	c := open(t)
	const body = "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: assets, ObjectLockEnabled: %}}}"
	first := apply(t, c, "one", strings.ReplaceAll(body, "%", "false"))
	apply(t, c, "two", strings.ReplaceAll(body, "%", "false"))

	if all := strings.Join(events(t, c, "two"), "\n"); !strings.Contains(all, "B CREATE_FAILED assets already exists in stack "+*first.StackId) {
		t.Error(all)
	}

	apply(t, c, "one", strings.ReplaceAll(body, "%", "true"))
	if all := strings.Join(events(t, c, "one"), "\n"); !strings.Contains(all,
		"B UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename assets and update the stack again.") {
		t.Error(all)
	}

	s := apply(t, c, "three", "Resources: {Q: {Type: AWS::SQS::Queue}}")
	d := propose(t, c, &cloudformation.CreateChangeSetInput{StackName: s.StackName, TemplateBody: aws.String("Resources: {Q: {Type: AWS::SNS::Topic}}")})
	if *d.StatusReason != "Update of resource type is not permitted. The new template modifies resource type of the following resources: [Q]" {
		t.Error(*d.StatusReason)
	}
}
