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
func describeChanges(t *testing.T, c *cloudformation.Client, arn string) []string {
	t.Helper()
	var out []string
	p := cloudformation.NewDescribeChangeSetPaginator(c, &cloudformation.DescribeChangeSetInput{ChangeSetName: &arn})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		for _, ch := range page.Changes {
			r := ch.ResourceChange
			line := fmt.Sprintf("%s %s %s %v", r.Action, *r.LogicalResourceId, r.Replacement, r.Scope)
			for _, d := range r.Details {
				line += fmt.Sprintf(" %s:%s:%s:%s", aws.ToString(d.Target.Name), d.Target.RequiresRecreation, d.ChangeSource, aws.ToString(d.CausingEntity))
			}

			out = append(out, line)
		}
	}

	return out
}

func createChangeSet(t testing.TB, client *cloudformation.Client, input *cloudformation.CreateChangeSetInput) *cloudformation.DescribeChangeSetOutput {
	t.Helper()
	if input.ChangeSetName == nil {
		input.ChangeSetName = aws.String("proposed")
	}

	created, err := client.CreateChangeSet(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}

	described, err := client.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id})
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
		StackName: aws.String("shop"), UsePreviousTemplate: aws.Bool(true),
		Parameters: []types.Parameter{parameter("Stage", "prod"), parameter("Seconds", "60")},
	})
	want := []string{
		"Modify Queue True [Properties] QueueName:Always:DirectModification: QueueName:Always:ParameterReference:Stage" +
			" VisibilityTimeout:Never:DirectModification: VisibilityTimeout:Never:ParameterReference:Seconds",
		"Modify Topic False [Properties] Subscription:Never:DirectModification: Subscription:Never:ResourceAttribute:Queue.Arn",
		"Add Alarm  []",
	}
	if diff := cmp.Diff(want, describeChanges(t, client, *described.ChangeSetId)); diff != "" {
		t.Error(diff)
	}

	body := "Resources: {Topic: {Type: AWS::SNS::Topic, DeletionPolicy: Retain, Metadata: {a: b}}}"
	described = createChangeSet(t, client, &cloudformation.CreateChangeSetInput{StackName: aws.String("shop"), ChangeSetName: aws.String("less"), TemplateBody: &body,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("x")}}})
	want = []string{
		"Modify Topic False [Properties Metadata DeletionPolicy Tags] Subscription:Never:DirectModification: :Never:DirectModification: :Never:DirectModification: :Never:DirectModification:",
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

	if got, want := outputs(stack)["QueueUrl"], "https://sqs.us-east-1.amazonaws.com/000000000000/shop-prod"; got != want {
		t.Errorf("queue %s, want %s", got, want)
	}

	all := describeEvents(t, client, "shop")
	want := []string{
		"shop UPDATE_IN_PROGRESS User Initiated",
		"Queue UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.",
		"Queue UPDATE_IN_PROGRESS Resource creation Initiated", "Queue UPDATE_COMPLETE",
		"Topic UPDATE_IN_PROGRESS", "Topic UPDATE_COMPLETE",
		"Alarm CREATE_IN_PROGRESS", "Alarm CREATE_IN_PROGRESS Resource creation Initiated", "Alarm CREATE_COMPLETE",
		"shop UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
		"Queue DELETE_IN_PROGRESS", "Queue DELETE_COMPLETE",
		"shop UPDATE_COMPLETE " + final,
	}
	if diff := cmp.Diff(want, all[len(all)-len(want):]); diff != "" {
		t.Error(diff)
	}

	described, err := client.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("shop")})
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, x := range described.StackResources {
		got = append(got, *x.LogicalResourceId+" "+string(x.ResourceStatus))
	}

	if diff := cmp.Diff([]string{"Alarm CREATE_COMPLETE", "Queue UPDATE_COMPLETE", "Topic UPDATE_COMPLETE"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingToDoIsSaidInAWSsWords(t *testing.T) {
	client := newClient(t)
	apply(t, client, "shop", shop)
	d := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{StackName: aws.String("shop"), TemplateBody: aws.String(shop + "\n# only a comment\n")})
	if d.Status != types.ChangeSetStatusFailed || d.ExecutionStatus != types.ExecutionStatusUnavailable ||
		*d.StatusReason != "The submitted information didn't contain changes. Submit different information to create a change set." {
		t.Errorf("%s %s %s", d.Status, d.ExecutionStatus, *d.StatusReason)
	}
	_, err := client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("shop"), UsePreviousTemplate: aws.Bool(true)})
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
		_, err := client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("shop"), TemplateBody: &body, Tags: row.tags})
		if err != nil {
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

	described, err := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: aws.String("vault")})
	if err != nil {
		t.Fatal(err)
	}

	shown := 0
	for _, e := range described.StackEvents {
		if p := aws.ToString(e.ResourceProperties); strings.Contains(p, "hunter22") {
			t.Errorf("an event shows %s", p)
		} else if strings.Contains(p, "****") {
			shown++
		}
	}

	if shown == 0 {
		t.Error("no event shows a masked value")
	}

	stack = apply(t, client, "vault", body+"Outputs: {O: {Value: x}}\n", types.Parameter{ParameterKey: aws.String("Password"), UsePreviousValue: aws.Bool(true)})
	if stack.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("previous value: %s", stack.StackStatus)
	}
}

func TestAStoredParameterIsReadFromTheBooks(t *testing.T) {
	client := newClient(t)
	const reader = `
Parameters: {Team: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /team}, Image: {Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>', Default: /aws/service/ami-amazon-linux-latest/x}}
Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Team}}, I: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref Image}}}
Outputs: {Team: {Value: !Ref Team}}
`

	d := createChangeSet(t, client, &cloudformation.CreateChangeSetInput{StackName: aws.String("early"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(reader)})
	if want := "Unable to fetch parameters [/team] from parameter store for this account."; aws.ToString(d.StatusReason) != want {
		t.Errorf("%s, want %s", aws.ToString(d.StatusReason), want)
	}

	const store = "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: /team, Type: String, Value: %}}}"
	for _, team := range []string{"blue", "green"} {
		apply(t, client, "store", strings.ReplaceAll(store, "%", team))
		if got := outputs(apply(t, client, "reader", reader))["Team"]; got != team {
			t.Errorf("read %q, want %q", got, team)
		}
	}
}
