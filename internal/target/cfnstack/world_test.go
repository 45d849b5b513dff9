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

func withParameters(text string) targettest.Tree {
	return targettest.Files(map[string]string{"web.yaml": "template-file-path: t.yaml\n" + text, "t.yaml": plainTemplate})
}

func stackFiles(template string) targettest.Tree {
	return targettest.Files(map[string]string{"web.yaml": "template-file-path: stacks/web.yaml\n", "stacks/web.yaml": template})
}

// newDriver returns a driver that polls quickly.
func newDriver(t testing.TB, url string) *cfnstack.Driver {
	t.Helper()
	driver, err := cfnstack.New(cfnstack.Options{
		Target: url, BaseCredentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		Poll:     cfnstack.Schedule{First: 5 * time.Millisecond, Max: 50 * time.Millisecond},
		Instance: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

// cloudFormationClient returns a client of an endpoint.
func cloudFormationClient(url string) *cloudformation.Client {
	return cloudformation.New(cloudformation.Options{
		Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// countChanges counts the creations and updates in a stack's events.
func countChanges(t testing.TB, url, name string) int {
	t.Helper()
	out, err := cloudFormationClient(url).DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		return 0 // there is no such stack
	}

	executed := 0
	for _, ev := range out.StackEvents {
		status := string(ev.ResourceStatus)
		if aws.ToString(ev.PhysicalResourceId) == aws.ToString(ev.StackId) && (status == "CREATE_IN_PROGRESS" || status == "UPDATE_IN_PROGRESS") {
			executed++
		}
	}

	return executed
}

// countProposals counts the unexecuted change sets of a stack, and the stack itself if
// it is empty.
func countProposals(t testing.TB, url, name string) int {
	t.Helper()
	stacks, err := cloudFormationClient(url).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return 0
	}

	unexecuted := 0
	if stacks.Stacks[0].StackStatus == types.StackStatusReviewInProgress {
		unexecuted++
	}

	sets, err := cloudFormationClient(url).ListChangeSets(t.Context(), &cloudformation.ListChangeSetsInput{StackName: &name})
	if err != nil {
		t.Fatal(err)
	}

	for _, s := range sets.Summaries {
		if aws.ToString(s.StackName) == name && !strings.HasPrefix(string(s.ExecutionStatus), "EXECUTE_") {
			unexecuted++
		}
	}

	return unexecuted
}
