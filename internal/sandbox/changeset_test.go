package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"
)

const shop = `
AWSTemplateFormatVersion: "2010-09-09"
Description: a queue and what goes with it
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Seconds: {Type: Number, Default: 30}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "shop-${Stage}"
      VisibilityTimeout: !Ref Seconds
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      Subscription: [{Protocol: sqs, Endpoint: !GetAtt Queue.Arn}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: Prod
    Properties: {AlarmActions: [!Ref Topic]}
Outputs:
  QueueUrl: {Value: !Ref Queue, Export: {Name: !Sub "${AWS::StackName}:queue"}}
  TopicArn: {Value: !Ref Topic}
  Joined: {Value: !Join ["|", [!GetAtt Queue.Arn, !If [Prod, yes-prod, not-prod]]]}
`

const final = "Sandbox: nothing was provisioned; properties, permissions and quotas were not checked."

func TestAStackIsCreatedThroughAChangeSet(t *testing.T) {
	client := newClient(t)
	stack := apply(t, client, "shop", shop)
	if stack.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("status %s: %s", stack.StackStatus, aws.ToString(stack.StackStatusReason))
	}

	got := outputs(stack)
	topic := got["TopicArn"]
	if !strings.HasPrefix(topic, "arn:aws:sns:us-east-1:000000000000:shop-Topic-") {
		t.Errorf("topic %q", topic)
	}

	delete(got, "TopicArn")
	want := map[string]string{
		"QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/shop-dev",
		"Joined":   "arn:aws:sqs:us-east-1:000000000000:shop-dev|not-prod",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	wantEvents := []string{
		"shop REVIEW_IN_PROGRESS User Initiated",
		"shop CREATE_IN_PROGRESS User Initiated",
		"Queue CREATE_IN_PROGRESS", "Queue CREATE_IN_PROGRESS Resource creation Initiated", "Queue CREATE_COMPLETE",
		"Topic CREATE_IN_PROGRESS", "Topic CREATE_IN_PROGRESS Resource creation Initiated", "Topic CREATE_COMPLETE",
		"shop CREATE_COMPLETE " + final,
	}
	if diff := cmp.Diff(wantEvents, describeEvents(t, client, "shop")); diff != "" {
		t.Error(diff)
	}
}

// describeChanges returns the changes of a change set as "Action Logical Replacement
// [Scope] property:recreation:source:cause…".
func describeChanges(t *testing.T, client *cloudformation.Client, arn string) []string {
	t.Helper()
	var out []string
	input := &cloudformation.DescribeChangeSetInput{ChangeSetName: &arn}
	for paginator := cloudformation.NewDescribeChangeSetPaginator(client, input); paginator.HasMorePages(); {
		page, err := paginator.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		for _, change := range page.Changes {
			resource := change.ResourceChange
			line := fmt.Sprintf("%s %s %s %v",
				resource.Action, *resource.LogicalResourceId, resource.Replacement, resource.Scope)
			for _, detail := range resource.Details {
				line += fmt.Sprintf(" %s:%s:%s:%s",
					aws.ToString(detail.Target.Name), detail.Target.RequiresRecreation,
					detail.ChangeSource, aws.ToString(detail.CausingEntity))
			}

			out = append(out, line)
		}
	}

	return out
}

// createChangeSet creates a change set, named proposed without a name, and describes it.
func createChangeSet(
	t testing.TB, client *cloudformation.Client, input *cloudformation.CreateChangeSetInput,
) *cloudformation.DescribeChangeSetOutput {
	t.Helper()
	if input.ChangeSetName == nil {
		input.ChangeSetName = aws.String("proposed")
	}

	created, err := client.CreateChangeSet(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}

	describe := &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id}
	described, err := client.DescribeChangeSet(t.Context(), describe)
	if err != nil {
		t.Fatal(err)
	}

	return described
}

func parameter(key, value string) types.Parameter {
	return types.Parameter{ParameterKey: &key, ParameterValue: &value}
}

func TestAChangeSetHasTheChangesAndTheirCauses(t *testing.T) {
	client := newClient(t)
	apply(t, client, "shop", shop)
	described := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{
		StackName:           aws.String("shop"),
		UsePreviousTemplate: aws.Bool(true),
		Parameters:          []types.Parameter{parameter("Stage", "prod"), parameter("Seconds", "60")},
	})
	want := []string{
		"Modify Queue True [Properties] QueueName:Always:DirectModification: " +
			"QueueName:Always:ParameterReference:Stage" +
			" VisibilityTimeout:Never:DirectModification: VisibilityTimeout:Never:ParameterReference:Seconds",
		"Modify Topic False [Properties] Subscription:Never:DirectModification:" +
			" Subscription:Never:ResourceAttribute:Queue.Arn",
		"Add Alarm  []",
	}
	if diff := cmp.Diff(want, describeChanges(t, client, *described.ChangeSetId)); diff != "" {
		t.Error(diff)
	}

	body := "Resources: {Topic: {Type: AWS::SNS::Topic, DeletionPolicy: Retain, Metadata: {a: b}}}"
	described = createChangeSet(t, client, &cloudformation.CreateChangeSetInput{
		StackName:     aws.String("shop"),
		ChangeSetName: aws.String("less"),
		TemplateBody:  &body,
		Tags:          []types.Tag{{Key: aws.String("team"), Value: aws.String("x")}},
	})
	want = []string{
		"Modify Topic False [Properties Metadata DeletionPolicy Tags]" +
			" Subscription:Never:DirectModification: :Never:DirectModification:" +
			" :Never:DirectModification: :Never:DirectModification:",
		"Remove Queue  []",
	}
	if diff := cmp.Diff(want, describeChanges(t, client, *described.ChangeSetId)); diff != "" {
		t.Error(diff)
	}
}

func TestAnUpdateReplacesWhatCannotChangeInPlace(t *testing.T) {
	client := newClient(t)
	apply(t, client, "shop", shop)
	stack := apply(t, client, "shop", shop, parameter("Stage", "prod"))
	if stack.StackStatus != types.StackStatusUpdateComplete || stack.LastUpdatedTime == nil {
		t.Fatalf("status %s", stack.StackStatus)
	}

	want := "https://sqs.us-east-1.amazonaws.com/000000000000/shop-prod"
	if got := outputs(stack)["QueueUrl"]; got != want {
		t.Errorf("queue %s, want %s", got, want)
	}

	all := describeEvents(t, client, "shop")
	wantEvents := []string{
		"shop UPDATE_IN_PROGRESS User Initiated",
		"Queue UPDATE_IN_PROGRESS " +
			"Requested update requires the creation of a new physical resource; hence creating one.",
		"Queue UPDATE_IN_PROGRESS Resource creation Initiated", "Queue UPDATE_COMPLETE",
		"Topic UPDATE_IN_PROGRESS", "Topic UPDATE_COMPLETE",
		"Alarm CREATE_IN_PROGRESS", "Alarm CREATE_IN_PROGRESS Resource creation Initiated", "Alarm CREATE_COMPLETE",
		"shop UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
		"Queue DELETE_IN_PROGRESS", "Queue DELETE_COMPLETE",
		"shop UPDATE_COMPLETE " + final,
	}
	if diff := cmp.Diff(wantEvents, all[len(all)-len(wantEvents):]); diff != "" {
		t.Error(diff)
	}

	input := &cloudformation.DescribeStackResourcesInput{StackName: aws.String("shop")}
	described, err := client.DescribeStackResources(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, resource := range described.StackResources {
		got = append(got, *resource.LogicalResourceId+" "+string(resource.ResourceStatus))
	}

	wantResources := []string{"Alarm CREATE_COMPLETE", "Queue UPDATE_COMPLETE", "Topic UPDATE_COMPLETE"}
	if diff := cmp.Diff(wantResources, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingToDoIsSaidInAWSsWords(t *testing.T) {
	client := newClient(t)
	apply(t, client, "shop", shop)
	described := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{
		StackName:    aws.String("shop"),
		TemplateBody: aws.String(shop + "\n# only a comment\n"),
	})
	if got, want := described.Status, types.ChangeSetStatusFailed; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	if got, want := described.ExecutionStatus, types.ExecutionStatusUnavailable; got != want {
		t.Errorf("execution status %s, want %s", got, want)
	}

	const want = "The submitted information didn't contain changes. " +
		"Submit different information to create a change set."
	if got := *described.StatusReason; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}

	update := &cloudformation.UpdateStackInput{StackName: aws.String("shop"), UsePreviousTemplate: aws.Bool(true)}
	_, err := client.UpdateStack(t.Context(), update)
	checkError(t, err, "ValidationError", "No updates are to be performed.")
}

func TestTagsStayUnlessNamed(t *testing.T) {
	client := newClient(t)
	apply(t, client, "shop", shop)
	team := []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	for _, row := range []struct {
		tags   []types.Tag
		want   int
		output string // so that something else changes, too
	}{{team, 1, "TopicArn:"}, {nil, 1, "Other:"}, {[]types.Tag{}, 0, "Other:"}} {
		body := strings.ReplaceAll(shop, "TopicArn:", row.output)
		update := &cloudformation.UpdateStackInput{
			StackName:    aws.String("shop"),
			TemplateBody: &body,
			Tags:         row.tags,
		}
		if _, err := client.UpdateStack(t.Context(), update); err != nil {
			t.Fatalf("%v: %v", row.tags, err)
		}

		if got := len(describeStack(t, client, "shop").Tags); got != row.want {
			t.Errorf("%d tags after %v, want %d", got, row.tags, row.want)
		}
	}
}

func TestANoEchoValueIsNeverShown(t *testing.T) {
	client := newClient(t)
	body := `
Parameters: {Password: {Type: String, NoEcho: true}}
Resources:
  Store: {Type: AWS::SSM::Parameter, Properties: {Value: !Ref Password, Type: String}}
  Reader: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Store.Value, TopicName: t}}
`

	stack := apply(t, client, "vault", body, parameter("Password", "hunter22"))
	if got := *stack.Parameters[0].ParameterValue; got != "****" {
		t.Errorf("DescribeStacks shows %q", got)
	}

	describe := &cloudformation.DescribeStackEventsInput{StackName: aws.String("vault")}
	described, err := client.DescribeStackEvents(t.Context(), describe)
	if err != nil {
		t.Fatal(err)
	}

	shown := 0
	for _, event := range described.StackEvents {
		if properties := aws.ToString(event.ResourceProperties); strings.Contains(properties, "hunter22") {
			t.Errorf("an event shows %s", properties)
		} else if strings.Contains(properties, "****") {
			shown++
		}
	}

	if shown == 0 {
		t.Error("no event shows a masked value")
	}

	previous := types.Parameter{ParameterKey: aws.String("Password"), UsePreviousValue: aws.Bool(true)}
	stack = apply(t, client, "vault", body+"Outputs: {O: {Value: x}}\n", previous)
	if stack.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("previous value: %s", stack.StackStatus)
	}
}

func TestAStoredParameterIsReadFromTheSandbox(t *testing.T) {
	client := newClient(t)
	const reader = `
Parameters:
  Team: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /team}
  Image:
    Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>'
    Default: /aws/service/ami-amazon-linux-latest/x
Resources:
  T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Team}}
  I: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref Image}}
Outputs: {Team: {Value: !Ref Team}}
`

	described := createChangeSet(t, client, creationInput("early", reader))
	want := "Unable to fetch parameters [/team] from parameter store for this account."
	if got := aws.ToString(described.StatusReason); got != want {
		t.Errorf("reason %q, want %q", got, want)
	}

	const store = "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: /team, Type: String, Value: %}}}"
	for _, team := range []string{"blue", "green"} {
		apply(t, client, "store", strings.ReplaceAll(store, "%", team))
		if got := outputs(apply(t, client, "reader", reader))["Team"]; got != team {
			t.Errorf("read %q, want %q", got, team)
		}
	}
}
