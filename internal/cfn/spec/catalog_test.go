package spec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cfn/spec"
)

func known(t *testing.T) *spec.Catalog {
	t.Helper()
	catalog, err := spec.New()
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func order(typ string, properties map[string]any) spec.Order {
	return spec.Order{Type: typ, LogicalID: "Thing", Properties: properties, Site: spec.Site{
		Partition: "aws", Region: "eu-west-1", Account: "111122223333", Suffix: "amazonaws.com",
		StackID: "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/1", StackName: "web",
	}}
}

func TestNamedResourcesLookLikeAWS(t *testing.T) {
	catalog := known(t)
	for _, row := range []struct {
		typ, property, name, id, attribute, value string
	}{
		{
			typ:       "AWS::SQS::Queue",
			property:  "QueueName",
			name:      "q",
			id:        "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
			attribute: "Arn",
			value:     "arn:aws:sqs:eu-west-1:111122223333:q",
		},
		{
			typ:       "AWS::SNS::Topic",
			property:  "TopicName",
			name:      "t",
			id:        "arn:aws:sns:eu-west-1:111122223333:t",
			attribute: "TopicName",
			value:     "t",
		},
		{
			typ:       "AWS::S3::Bucket",
			property:  "BucketName",
			name:      "b",
			id:        "b",
			attribute: "RegionalDomainName",
			value:     "b.s3.eu-west-1.amazonaws.com",
		},
		{
			typ:       "AWS::IAM::Role",
			property:  "RoleName",
			name:      "r",
			id:        "r",
			attribute: "Arn",
			value:     "arn:aws:iam::111122223333:role/r",
		},
		{
			typ:       "AWS::IAM::ManagedPolicy",
			property:  "ManagedPolicyName",
			name:      "p",
			id:        "arn:aws:iam::111122223333:policy/p",
			attribute: "PolicyArn",
			value:     "arn:aws:iam::111122223333:policy/p",
		},
		{
			typ:       "AWS::Lambda::Function",
			property:  "FunctionName",
			name:      "f",
			id:        "f",
			attribute: "Arn",
			value:     "arn:aws:lambda:eu-west-1:111122223333:function:f",
		},
		{
			typ:       "AWS::DynamoDB::Table",
			property:  "TableName",
			name:      "d",
			id:        "d",
			attribute: "Arn",
			value:     "arn:aws:dynamodb:eu-west-1:111122223333:table/d",
		},
		{
			typ:       "AWS::SSM::Parameter",
			property:  "Name",
			name:      "/a/b",
			id:        "/a/b",
			attribute: "Type",
			value:     "",
		},
		{
			typ:       "AWS::StepFunctions::StateMachine",
			property:  "StateMachineName",
			name:      "m",
			id:        "arn:aws:states:eu-west-1:111122223333:stateMachine:m",
			attribute: "Name",
			value:     "m",
		},
		{
			typ:       "AWS::Logs::LogGroup",
			property:  "LogGroupName",
			name:      "/l",
			id:        "/l",
			attribute: "Arn",
			value:     "arn:aws:logs:eu-west-1:111122223333:log-group:/l:*",
		},
	} {
		made := catalog.Make(order(row.typ, map[string]any{row.property: row.name}))
		value, err := made.Attribute(row.attribute)
		if err != nil {
			t.Errorf("%s: %v", row.typ, err)
		}

		if diff := cmp.Diff([]any{row.id, row.value}, []any{made.ID, value}); diff != "" {
			t.Errorf("%s: %s", row.typ, diff)
		}
	}
}

func TestGeneratedNamesAreStableAndFit(t *testing.T) {
	catalog := known(t)
	for typ, longest := range map[string]int{"AWS::S3::Bucket": 63, "AWS::IAM::Role": 64,
		"AWS::ElasticLoadBalancingV2::TargetGroup": 0} {
		order := order(typ, nil)
		order.Site.StackName = strings.Repeat("Stack", 25)
		first, again := catalog.Make(order), catalog.Make(order)
		order.Generation++
		later := catalog.Make(order)
		if first.ID != again.ID || first.ID == later.ID {
			t.Errorf("%s: %q, again %q, replaced %q", typ, first.ID, again.ID, later.ID)
		}

		if longest > 0 && len(first.ID) > longest {
			t.Errorf("%s: %q has %d characters, at most %d are allowed", typ, first.ID, len(first.ID), longest)
		}

		if typ == "AWS::S3::Bucket" && first.ID != strings.ToLower(first.ID) {
			t.Errorf("%q has capitals", first.ID)
		}
	}
}

func TestAttributesOfKnownTypesAreChecked(t *testing.T) {
	catalog := known(t)
	_, err := catalog.Make(order("AWS::SQS::Queue", nil)).Attribute("Nope")
	if want := "Template error: resource Thing does not support attribute type Nope in Fn::GetAtt"; err == nil ||
		err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}

	for typ, want := range map[string]string{
		"AWS::Rocket::Launcher": "arn:aws:rocket:eu-west-1:111122223333:launcher/",
		"Custom::Thing":         "arn:aws:custom:eu-west-1:111122223333:resource/",
	} {
		v, err := catalog.Make(order(typ, nil)).Attribute("Arn")
		if err != nil || !strings.HasPrefix(v.(string), want) {
			t.Errorf("%s: %v, %v", typ, v, err)
		}
	}
}

func TestListAttributesAreLists(t *testing.T) {
	v, err := known(t).Make(order("AWS::Route53::HostedZone", nil)).Attribute("NameServers")
	if list, ok := v.([]any); err != nil || !ok || len(list) != 4 {
		t.Errorf("%v, %v", v, err)
	}
}

func TestPluralAttributesOfUnknownTypesAreLists(t *testing.T) {
	v, err := known(t).Make(order("AWS::EC2::NetworkInterface", nil)).Attribute("SecondaryPrivateIpAddresses")
	if list, ok := v.([]any); err != nil || !ok || len(list) != 2 {
		t.Errorf("%v, %v", v, err)
	}
}

func TestPublicParametersHoldImages(t *testing.T) {
	site := order("", nil).Site
	id, ok := spec.PublicParameter(site, "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
	if !ok || !strings.HasPrefix(id, "ami-") || len(id) != 21 {
		t.Errorf("%q, %v", id, ok)
	}
	for _, name := range []string{"/my/ami", "/aws/service/global-infrastructure/regions"} {
		if id, ok := spec.PublicParameter(site, name); ok {
			t.Errorf("%s holds %q", name, id)
		}
	}
}

func TestTextFromTemplatesIsNotAFormat(t *testing.T) {
	props := map[string]any{"Type": "{prop:Type}{account}{pr{prop:op:Type}", "Name": "{region}"}
	m := known(t).Make(order("AWS::SSM::Parameter", props))
	v, err := m.Attribute("Type")
	if err != nil || v != props["Type"] || m.ID != "{region}" {
		t.Errorf("%q %v %v", m.ID, v, err)
	}
}

func TestRecreation(t *testing.T) {
	catalog := known(t)
	for _, row := range []struct {
		typ, property string
		want          spec.Recreation
	}{
		{"AWS::SQS::Queue", "QueueName", spec.Always},
		{"AWS::SQS::Queue", "VisibilityTimeout", spec.Never},
		{"AWS::EC2::Instance", "InstanceType", spec.Conditionally},
		{"AWS::Lambda::Permission", "Action", spec.Always},
		{"AWS::Rocket::Launcher", "Fuel", spec.Conditionally},
	} {
		if got := catalog.Recreation(row.typ, row.property); got != row.want {
			t.Errorf("%s.%s: %s, want %s", row.typ, row.property, got, row.want)
		}
	}

	if !catalog.Unique("AWS::SQS::Queue", map[string]any{"QueueName": "q"}) ||
		catalog.Unique("AWS::SQS::Queue", nil) ||
		catalog.Unique("AWS::ApiGateway::Stage", map[string]any{"StageName": "prod"}) {
		t.Error("only chosen names of types that need unique ones are unique")
	}

	if !catalog.Taggable("AWS::SQS::Queue") || catalog.Taggable("AWS::SQS::QueuePolicy") ||
		catalog.Taggable("Custom::X") {
		t.Error("tags reach queues, not their policies, nor custom resources")
	}
}
