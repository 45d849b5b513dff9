package sandbox_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
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
	form   string
	status int
	code   string
	want   string
}

func TestWrongRequestsAreRefusedInAWSsWords(t *testing.T) {
	endpoint := startSandbox(t, filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{ResourceDuration: time.Nanosecond})
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

		if status != row.status || answer.Error.Code != row.code || !strings.Contains(answer.Error.Message, row.want) {
			t.Errorf("%.80s\ngot  %d %s: %s\nwant %d %s: %s", row.form, status, answer.Error.Code, answer.Error.Message, row.status, row.code, row.want)
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
	attribute := body("Resources: {Q: {Type: AWS::SQS::Queue}, T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Q.Nope}}}")
	nested := body("Resources: {T: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}}")
	behaviour := body("Resources: {T: {Type: AWS::SNS::Topic, Metadata: {'Lockstep::Sandbox': {Delay: soon}}}}")

	return []refusal{
		{"", 400, "MissingAction", "The request must contain the parameter Action."},
		{"Action=Frobnicate&Version=2010-05-15", 400, "InvalidAction", "Could not find operation Frobnicate for version 2010-05-15"},
		{"Action=%zz", 400, "MalformedQueryString", "The query string contains a syntax error."},
		{"Action=CreateStack" + topic, 400, "ValidationError", "1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must not be null"},
		{"Action=CreateStack&StackName=a_b" + topic, 400, "ValidationError", "Value 'a_b' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"},
		{"Action=CreateStack&StackName=" + strings.Repeat("a", 129) + topic, 400, "ValidationError", "Member must have length less than or equal to 128"},
		{"Action=CreateStack&StackName=shop" + topic, 400, "AlreadyExistsException", "Stack [shop] already exists"},
		{"Action=CreateStack&StackName=x", 400, "ValidationError", "Either Template URL or Template Body must be specified."},
		{"Action=CreateStack&StackName=x&TemplateURL=https://b.s3.amazonaws.com/k", 400, "ValidationError", "the sandbox does not support TemplateURL https://b.s3.amazonaws.com/k"},
		{"Action=CreateStack&StackName=x&TemplateBody=" + strings.Repeat("x", 51201), 400, "ValidationError", "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"},
		{"Action=CreateStack&StackName=x&TemplateBody=Resources", 400, "ValidationError", "Template format error: unsupported structure."},
		{"Action=CreateStack&StackName=x" + role, 400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"Action=CreateStack&StackName=x&Capabilities.member.1=CAPABILITY_IAM" + role, 400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"Action=CreateStack&StackName=x&Capabilities.member.1=ALL" + topic, 400, "ValidationError", "Member must satisfy enum value set: [CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND, CAPABILITY_IAM]"},
		{"Action=CreateStack&StackName=x" + must, 400, "ValidationError", "Parameters: [A, B] must have values"},
		{"Action=CreateStack&StackName=x&Parameters.member.1.ParameterKey=Z&Parameters.member.1.ParameterValue=z" + topic, 400, "ValidationError", "Parameters: [Z] do not exist in the template"},
		{"Action=CreateStack&StackName=x&Tags.member.1.Key=aws:x&Tags.member.1.Value=y" + topic, 400, "ValidationError", "aws: prefixed tag key names are not allowed for external use."},
		{"Action=CreateStack&StackName=x&Tags.member.1.Key=a&Tags.member.2.Key=a" + topic, 400, "ValidationError", "Duplicate tag key: a"},
		{"Action=CreateStack&StackName=x&OnFailure=SHRUG" + topic, 400, "ValidationError", "at 'onFailure' failed to satisfy constraint: Member must satisfy enum value set: [DO_NOTHING, ROLLBACK, DELETE]"},
		{"Action=CreateStack&StackName=x&OnFailure=DELETE&DisableRollback=true" + topic, 400, "ValidationError", "You can specify either DisableRollback or OnFailure, but not both."},
		{"Action=CreateStack&StackName=x&DisableRollback=maybe" + topic, 400, "MalformedInput", "DisableRollback must be true or false"},
		{"Action=CreateStack&StackName=x&TimeoutInMinutes=0" + topic, 400, "ValidationError", "at 'timeoutInMinutes'"},
		{"Action=CreateStack&StackName=x&RoleARN=me" + topic, 400, "ValidationError", "at 'roleARN'"},
		{"Action=CreateStack&StackName=x&StackPolicyBody={}" + topic, 400, "ValidationError", "the sandbox does not support StackPolicyBody"},
		{"Action=CreateStack&StackName=x&ResourceTypes.member.1=AWS::S3::*" + topic, 400, "ValidationError", "the sandbox does not support ResourceTypes"},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ImportExistingResources=true" + topic, 400, "ValidationError", "the sandbox does not support ImportExistingResources"},
		{"Action=CreateStack&StackName=x" + attribute, 400, "ValidationError", "Template error: resource Q does not support attribute type Nope in Fn::GetAtt"},
		{"Action=CreateStack&StackName=x" + nested, 400, "ValidationError", "the sandbox does not support AWS::CloudFormation::Stack with TemplateURL child.yaml (line 1)"},
		{"Action=CreateStack&StackName=x" + behaviour, 400, "ValidationError", "Template format error: [/Resources/T/Metadata] Lockstep::Sandbox: Delay must be a duration such as 2s, at most 24h0m0s (line 1)"},
		{"Action=UpdateStack&StackName=nobody" + topic, 400, "ValidationError", "Stack [nobody] does not exist"},
		{"Action=UpdateStack&StackName=shop&UsePreviousTemplate=true" + topic, 400, "ValidationError", "You cannot specify both usePreviousTemplate and Template Body/Template URL."},
		{"Action=DescribeStacks&StackName=nobody", 400, "ValidationError", "Stack with id nobody does not exist"},
		{"Action=DescribeStacks&NextToken=x", 400, "ValidationError", "NextToken is invalid"},
		{"Action=DescribeStackEvents&StackName=nobody", 400, "ValidationError", "Stack [nobody] does not exist"},
		{"Action=DescribeStackResources", 400, "ValidationError", "Either StackName or PhysicalResourceId must be specified"},
		{"Action=DescribeStackResources&PhysicalResourceId=x", 400, "ValidationError", "Stack for x does not exist"},
		{"Action=DescribeStackResources&StackName=shop&LogicalResourceId=x", 400, "ValidationError", "Resource x does not exist for stack shop"},
		{"Action=GetTemplate&StackName=nobody", 400, "ValidationError", "Stack with id nobody does not exist"},
		{"Action=ValidateTemplate&TemplateBody=a:%20b", 400, "ValidationError", "Invalid template property or properties [a]"},
		{"Action=CreateChangeSet&StackName=shop" + topic, 400, "ValidationError", "Value null at 'changeSetName'"},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=1" + topic, 400, "ValidationError", "Value '1' at 'changeSetName'"},
		{"Action=CreateChangeSet&StackName=nobody&ChangeSetName=c" + topic, 400, "ValidationError", "Stack [nobody] does not exist"},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ChangeSetType=CREATE" + topic, 400, "ValidationError", "Stack [shop] already exists and cannot be created again with the changeSet [c]."},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ChangeSetType=IMPORT" + topic, 400, "ValidationError", "the sandbox does not support ChangeSetType IMPORT"},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=c&ChangeSetType=X" + topic, 400, "ValidationError", "Member must satisfy enum value set: [IMPORT, UPDATE, CREATE]"},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=c&OnStackFailure=DELETE" + topic, 400, "ValidationError", "OnStackFailure DELETE is only valid for a change set of type CREATE."},
		{"Action=CreateChangeSet&StackName=shop&ChangeSetName=done" + topic, 400, "AlreadyExistsException", "ChangeSet done cannot be created due to a mismatch with existing attribute ClientToken"},
		{"Action=DescribeChangeSet&ChangeSetName=c", 400, "ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN."},
		{"Action=DescribeChangeSet&StackName=shop&ChangeSetName=c", 404, "ChangeSetNotFound", "ChangeSet [c] does not exist"},
		{"Action=ExecuteChangeSet&ChangeSetName=arn:x", 404, "ChangeSetNotFound", "ChangeSet [arn:x] does not exist"},
		{"Action=ExecuteChangeSet&StackName=shop&ChangeSetName=done", 400, "InvalidChangeSetStatus", "cannot be executed in its current status of [FAILED]"},
		{"Action=ExecuteChangeSet&StackName=shop&ChangeSetName=cs0", 400, "InvalidChangeSetStatus", "cannot be executed in its current execution status of [EXECUTE_COMPLETE]"},
		{"Action=DeleteStack&StackName=shop&RetainResources.member.1=Queue", 400, "ValidationError", "Invalid operation on stack [" + arn + "]."},
		{"Action=AssumeRole&RoleArn=x&RoleSessionName=y", 400, "ValidationError", "x is invalid"},
	}
}

func TestRequestsAreBounded(t *testing.T) {
	endpoint := startSandbox(t, filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{})
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
