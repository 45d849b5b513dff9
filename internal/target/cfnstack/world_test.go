package cfnstack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// plainTemplate has a default for each parameter.
const plainTemplate = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Size: {Type: Number, Default: 1}
  Names: {Type: CommaDelimitedList, Default: a}
  Password: {Type: String, NoEcho: true, Default: none}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Size}
`

// configuration returns the sync configuration of a stack, with the file web.yaml.
func configuration(stackName string) lockstep.SyncConfiguration {
	return lockstep.SyncConfiguration{
		ID:             1,
		Account:        "111122223333",
		Region:         "eu-west-1",
		SyncType:       cfnstack.Type,
		ResourceName:   stackName,
		Branch:         "main",
		ConfigFile:     "web.yaml",
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		RoleARN:        "arn:aws:iam::444455556666:role/sync",
	}
}

func plainFiles() targettest.Tree { return stackFiles(plainTemplate) }

// deploymentFiles returns the files of a template and of a deployment file with the
// path of the template and more text.
func deploymentFiles(text, template string) targettest.Tree {
	return targettest.Files(map[string]string{
		"web.yaml": "template-file-path: t.yaml\n" + text,
		"t.yaml":   template,
	})
}

func withParameters(text string) targettest.Tree {
	return deploymentFiles(text, plainTemplate)
}

func stackFiles(template string) targettest.Tree {
	return targettest.Files(map[string]string{
		"web.yaml":        "template-file-path: stacks/web.yaml\n",
		"stacks/web.yaml": template,
	})
}

var baseCredentials = credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")

// newDriver returns a driver that polls quickly.
func newDriver(t testing.TB, url string) *cfnstack.Driver {
	t.Helper()
	driver, err := cfnstack.New(cfnstack.Options{
		Target:          url,
		BaseCredentials: baseCredentials,
		Poll:            cfnstack.Schedule{First: 5 * time.Millisecond, Max: 50 * time.Millisecond},
		Instance:        "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

// cloudFormationClient returns a client of an endpoint.
func cloudFormationClient(url string) *cloudformation.Client {
	return cloudformation.New(cloudformation.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &url,
		Credentials:  baseCredentials,
	})
}

// drive runs an attempt of the stack web on files.
func drive(t testing.TB, driver *cfnstack.Driver, files targettest.Tree, baseline []byte) targettest.Run {
	t.Helper()
	return targettest.Drive(t, driver, targettest.NewAttempt(t, configuration("web"), files, baseline), false)
}

func describeStacks(t testing.TB, url, name string) (*cloudformation.DescribeStacksOutput, error) {
	t.Helper()
	input := &cloudformation.DescribeStacksInput{StackName: &name}
	return cloudFormationClient(url).DescribeStacks(t.Context(), input)
}

func deleteStack(t testing.TB, url, name string) {
	t.Helper()
	input := &cloudformation.DeleteStackInput{StackName: &name}
	if _, err := cloudFormationClient(url).DeleteStack(t.Context(), input); err != nil {
		t.Fatal(err)
	}
}

// countChanges counts the creations and updates in a stack's events.
func countChanges(t testing.TB, url, name string) int {
	t.Helper()
	input := &cloudformation.DescribeStackEventsInput{StackName: &name}
	out, err := cloudFormationClient(url).DescribeStackEvents(t.Context(), input)
	if err != nil {
		return 0 // there is no such stack
	}

	executed := 0
	for _, event := range out.StackEvents {
		ofStack := aws.ToString(event.PhysicalResourceId) == aws.ToString(event.StackId)
		begun := event.ResourceStatus == types.ResourceStatusCreateInProgress ||
			event.ResourceStatus == types.ResourceStatusUpdateInProgress
		if ofStack && begun {
			executed++
		}
	}

	return executed
}

// countProposals counts the unexecuted change sets of a stack.
func countProposals(t testing.TB, url, name string) int {
	t.Helper()
	if _, err := describeStacks(t, url, name); err != nil {
		return 0
	}

	unexecuted := 0
	input := &cloudformation.ListChangeSetsInput{StackName: &name}
	sets, err := cloudFormationClient(url).ListChangeSets(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}

	for _, summary := range sets.Summaries {
		if aws.ToString(summary.StackName) == name && !strings.HasPrefix(string(summary.ExecutionStatus), "EXECUTE_") {
			unexecuted++
		}
	}

	return unexecuted
}
