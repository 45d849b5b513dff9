package sandbox_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// postForm sends a form with a well-formed signature of an unknown key.
func postForm(t *testing.T, endpoint, form string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}

	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=LSTESTKEY00000000000/"+now.Format("20060102")+
		"/us-east-1/cloudformation/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}

	return resp.StatusCode, string(body)
}

// A refusal is a request and the error it is answered with.
type refusal struct {
	form string
	code string
	want string
}

func TestWrongRequestsAreRefusedInAWSsWords(t *testing.T) {
	endpoint := startSandbox(t, databasePath(t), sandbox.Options{ResourceDuration: time.Nanosecond})
	c := client(endpoint, "us-east-1")
	arn := *apply(t, c, "shop", shop).StackId
	createChangeSet(t, c, changeSetInput("shop", "done"))

	for _, row := range refusals(arn) {
		status, body := postForm(t, endpoint, row.form)
		var answer struct {
			Error struct{ Code, Message string }
		}
		if err := xml.Unmarshal([]byte(body), &answer); err != nil {
			t.Errorf("%.80s: %v in %s", row.form, err, body)
		}

		wantStatus := http.StatusBadRequest
		if row.code == "ChangeSetNotFound" {
			wantStatus = http.StatusNotFound
		}
		if status != wantStatus {
			t.Errorf("%.80s: status %d, want %d", row.form, status, wantStatus)
		}
		if answer.Error.Code != row.code {
			t.Errorf("%.80s: code %s, want %s", row.form, answer.Error.Code, row.code)
		}
		if !strings.Contains(answer.Error.Message, row.want) {
			t.Errorf("%.80s\ngot  %s\nwant %s", row.form, answer.Error.Message, row.want)
		}
	}
}

// refusals returns requests to a sandbox that has the stack shop of this ARN, the
// executed change set cs0 and the failed change set done.
func refusals(arn string) []refusal {
	body := func(text string) string { return "&TemplateBody=" + url.QueryEscape(text) }
	topic := body("Resources: {T: {Type: AWS::SNS::Topic}}")
	role := body("Resources: {T: {Type: AWS::IAM::Role, Properties: {RoleName: x}}}")
	must := body("Parameters: {A: {Type: String}, B: {Type: String}}\nResources: {T: {Type: AWS::SNS::Topic}}")
	attribute := body("Resources: {Q: {Type: AWS::SQS::Queue}, " +
		"T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Q.Nope}}}")
	nested := body("Resources: {T: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}}")
	behaviour := body("Resources: {T: {Type: AWS::SNS::Topic, Metadata: {'Lockstep::Sandbox': {Delay: soon}}}}")

	return []refusal{
		{"", "MissingAction", "The request must contain the parameter Action."},
		{
			form: "Action=Frobnicate&Version=2010-05-15",
			code: "InvalidAction",
			want: "Could not find operation Frobnicate for version 2010-05-15",
		},
		{"Action=%zz", "MalformedQueryString", "The query string contains a syntax error."},
		{
			form: "Action=CreateStack" + topic,
			code: "ValidationError",
			want: "1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member " +
				"must not be null",
		},
		{
			form: "Action=CreateStack&StackName=a_b" + topic,
			code: "ValidationError",
			want: "Value 'a_b' at 'stackName' failed to satisfy constraint: Member must satisfy regular " +
				"expression pattern: [a-zA-Z][-a-zA-Z0-9]*",
		},
		{
			form: "Action=CreateStack&StackName=" + strings.Repeat("a", 129) + topic,
			code: "ValidationError",
			want: "Member must have length less than or equal to 128",
		},
		{"Action=CreateStack&StackName=shop" + topic, "AlreadyExistsException", "Stack [shop] already exists"},
		{
			form: "Action=CreateStack&StackName=x",
			code: "ValidationError",
			want: "Either Template URL or Template Body must be specified.",
		},
		{
			form: "Action=CreateStack&StackName=x&TemplateURL=https://b.s3.amazonaws.com/k",
			code: "ValidationError",
			want: "the sandbox does not support TemplateURL https://b.s3.amazonaws.com/k",
		},
		{
			form: "Action=CreateStack&StackName=x&TemplateBody=" + strings.Repeat("x", 51201),
			code: "ValidationError",
			want: "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200",
		},
		{
			form: "Action=CreateStack&StackName=x&TemplateBody=Resources",
			code: "ValidationError",
			want: "Template format error: unsupported structure.",
		},
		{
			form: "Action=CreateStack&StackName=x" + role,
			code: "InsufficientCapabilitiesException",
			want: "Requires capabilities : [CAPABILITY_NAMED_IAM]",
		},
		{
			form: "Action=CreateStack&StackName=x&Capabilities.member.1=CAPABILITY_IAM" + role,
			code: "InsufficientCapabilitiesException",
			want: "Requires capabilities : [CAPABILITY_NAMED_IAM]",
		},
		{
			form: "Action=CreateStack&StackName=x&Capabilities.member.1=ALL" + topic,
			code: "ValidationError",
			want: "Member must satisfy enum value set: [CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND, CAPABILITY_IAM]",
		},
		{"Action=CreateStack&StackName=x" + must, "ValidationError", "Parameters: [A, B] must have values"},
		{
			form: "Action=CreateStack&StackName=x&Parameters.member.1.ParameterKey=Z" +
				"&Parameters.member.1.ParameterValue=z" + topic,
			code: "ValidationError",
			want: "Parameters: [Z] do not exist in the template",
		},
		{
			form: "Action=CreateStack&StackName=x&Tags.member.1.Key=aws:x&Tags.member.1.Value=y" + topic,
			code: "ValidationError",
			want: "aws: prefixed tag key names are not allowed for external use.",
		},
		{
			form: "Action=CreateStack&StackName=x&Tags.member.1.Key=a&Tags.member.2.Key=a" + topic,
			code: "ValidationError",
			want: "Duplicate tag key: a",
		},
		{
			form: "Action=CreateStack&StackName=x&OnFailure=SHRUG" + topic,
			code: "ValidationError",
			want: "at 'onFailure' failed to satisfy constraint: Member must satisfy enum value set: [DO_NOTHING, " +
				"ROLLBACK, DELETE]",
		},
		{
			form: "Action=CreateStack&StackName=x&OnFailure=DELETE&DisableRollback=true" + topic,
			code: "ValidationError",
			want: "You can specify either DisableRollback or OnFailure, but not both.",
		},
		{
			form: "Action=CreateStack&StackName=x&DisableRollback=maybe" + topic,
			code: "MalformedInput",
			want: "DisableRollback must be true or false",
		},
		{"Action=CreateStack&StackName=x&TimeoutInMinutes=0" + topic, "ValidationError", "at 'timeoutInMinutes'"},
		{"Action=CreateStack&StackName=x&RoleARN=me" + topic, "ValidationError", "at 'roleARN'"},
		{
			form: "Action=CreateStack&StackName=x&StackPolicyBody={}" + topic,
			code: "ValidationError",
			want: "the sandbox does not support StackPolicyBody",
		},
		{
			form: "Action=CreateStack&StackName=x&ResourceTypes.member.1=AWS::S3::*" + topic,
			code: "ValidationError",
			want: "the sandbox does not support ResourceTypes",
		},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ImportExistingResources=true" + topic,
			code: "ValidationError",
			want: "the sandbox does not support ImportExistingResources",
		},
		{
			form: "Action=CreateStack&StackName=x" + attribute,
			code: "ValidationError",
			want: "Template error: resource Q does not support attribute type Nope in Fn::GetAtt",
		},
		{
			form: "Action=CreateStack&StackName=x" + nested,
			code: "ValidationError",
			want: "the sandbox does not support AWS::CloudFormation::Stack with TemplateURL child.yaml (line 1)",
		},
		{
			form: "Action=CreateStack&StackName=x" + behaviour,
			code: "ValidationError",
			want: "Template format error: [/Resources/T/Metadata] Lockstep::Sandbox: Delay must be a duration " +
				"such as 2s, at most 24h0m0s (line 1)",
		},
		{"Action=UpdateStack&StackName=nobody" + topic, "ValidationError", "Stack [nobody] does not exist"},
		{
			form: "Action=UpdateStack&StackName=shop&UsePreviousTemplate=true" + topic,
			code: "ValidationError",
			want: "You cannot specify both usePreviousTemplate and Template Body/Template URL.",
		},
		{"Action=DescribeStacks&StackName=nobody", "ValidationError", "Stack with id nobody does not exist"},
		{"Action=DescribeStacks&NextToken=x", "ValidationError", "NextToken is invalid"},
		{"Action=DescribeStackEvents&StackName=nobody", "ValidationError", "Stack [nobody] does not exist"},
		{
			form: "Action=DescribeStackResources",
			code: "ValidationError",
			want: "Either StackName or PhysicalResourceId must be specified",
		},
		{"Action=DescribeStackResources&PhysicalResourceId=x", "ValidationError", "Stack for x does not exist"},
		{
			form: "Action=DescribeStackResources&StackName=shop&LogicalResourceId=x",
			code: "ValidationError",
			want: "Resource x does not exist for stack shop",
		},
		{"Action=GetTemplate&StackName=nobody", "ValidationError", "Stack with id nobody does not exist"},
		{
			form: "Action=ValidateTemplate&TemplateBody=a:%20b",
			code: "ValidationError",
			want: "Invalid template property or properties [a]",
		},
		{"Action=CreateChangeSet&StackName=shop" + topic, "ValidationError", "Value null at 'changeSetName'"},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=1" + topic,
			code: "ValidationError",
			want: "Value '1' at 'changeSetName'",
		},
		{
			form: "Action=CreateChangeSet&StackName=nobody&ChangeSetName=c" + topic,
			code: "ValidationError",
			want: "Stack [nobody] does not exist",
		},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ChangeSetType=CREATE" + topic,
			code: "ValidationError",
			want: "Stack [shop] already exists and cannot be created again with the changeSet [c].",
		},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ChangeSetType=IMPORT" + topic,
			code: "ValidationError",
			want: "the sandbox does not support ChangeSetType IMPORT",
		},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ChangeSetType=X" + topic,
			code: "ValidationError",
			want: "Member must satisfy enum value set: [IMPORT, UPDATE, CREATE]",
		},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=c&OnStackFailure=DELETE" + topic,
			code: "ValidationError",
			want: "OnStackFailure DELETE is only valid for a change set of type CREATE.",
		},
		{
			form: "Action=CreateChangeSet&StackName=shop&ChangeSetName=done" + topic,
			code: "AlreadyExistsException",
			want: "ChangeSet done cannot be created due to a mismatch with existing attribute ClientToken",
		},
		{
			form: "Action=DescribeChangeSet&ChangeSetName=c",
			code: "ValidationError",
			want: "StackName must be specified if ChangeSetName is not specified as an ARN.",
		},
		{
			form: "Action=DescribeChangeSet&StackName=shop&ChangeSetName=c",
			code: "ChangeSetNotFound",
			want: "ChangeSet [c] does not exist",
		},
		{"Action=ExecuteChangeSet&ChangeSetName=arn:x", "ChangeSetNotFound", "ChangeSet [arn:x] does not exist"},
		{
			form: "Action=ExecuteChangeSet&StackName=shop&ChangeSetName=done",
			code: "InvalidChangeSetStatus",
			want: "cannot be executed in its current status of [FAILED]",
		},
		{
			form: "Action=ExecuteChangeSet&StackName=shop&ChangeSetName=cs0",
			code: "InvalidChangeSetStatus",
			want: "cannot be executed in its current execution status of [EXECUTE_COMPLETE]",
		},
		{
			form: "Action=DeleteStack&StackName=shop&RetainResources.member.1=Queue",
			code: "ValidationError",
			want: "Invalid operation on stack [" + arn + "].",
		},
		{"Action=AssumeRole&RoleArn=x&RoleSessionName=y", "ValidationError", "x is invalid"},
	}
}

func TestRequestsAreBounded(t *testing.T) {
	endpoint := startSandbox(t, databasePath(t), sandbox.Options{})
	for form, want := range map[string]int{
		"Action=CreateStack&TemplateBody=" + strings.Repeat("x", 4<<20): http.StatusRequestEntityTooLarge,
		"Action=DescribeStacks" + strings.Repeat("&a=b", 5000):          http.StatusBadRequest,
	} {
		if status, _ := postForm(t, endpoint, form); status != want {
			t.Errorf("%.40s: %d, want %d", form, status, want)
		}
	}

	resp, err := http.Get(endpoint)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET answers %d", resp.StatusCode)
	}
}
