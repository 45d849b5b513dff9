package sandbox_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	c := open(t)
	s := apply(t, c, "shop", shop)
	if s.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("status %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	got := outputs(s)
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
	if diff := cmp.Diff(wantEvents, events(t, c, "shop")); diff != "" {
		t.Error(diff)
	}
}
