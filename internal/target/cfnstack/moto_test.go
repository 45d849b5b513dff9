package cfnstack_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
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

// moto is one server for all tests of the package; TestMain ends it.
var moto struct {
	once sync.Once
	url  string
	why  string // why there is none
	stop func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if moto.stop != nil {
		moto.stop()
	}
	os.Exit(code)
}

// motoURL returns the endpoint of a moto server that is warm: its first change
// set takes seconds.
func motoURL(t testing.TB) string {
	t.Helper()
	moto.once.Do(func() { moto.why = startMoto() })
	if moto.why == "" {
		return moto.url
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(moto.why)
	}
	t.Skip(moto.why)
	return ""
}

func startMoto() (why string) {
	if err := exec.Command("python3", "-c", "import moto.server, flask").Run(); err != nil {
		return "moto is not installed: python3 -m pip install 'moto[server]'"
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err.Error()
	}

	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	cmd := exec.Command("python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		return err.Error()
	}

	moto.stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	moto.url = "http://127.0.0.1:" + port
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		response, err := http.Get(moto.url + "/moto-api/")
		if err == nil {
			response.Body.Close()
			return warm(moto.url)
		}

		<-time.After(50 * time.Millisecond)
	}

	return "moto does not answer"
}

func warm(url string) (why string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := api(url).CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{
		StackName: aws.String("warm"), ChangeSetName: aws.String("warm"), ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody: aws.String(`{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`),
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

// api is a test's own view of an endpoint.
func api(url string) *cloudformation.Client {
	return cloudformation.New(cloudformation.Options{
		Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// driver makes one that asks quickly.
func driver(t testing.TB, url string) *cfnstack.Driver {
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

// motoConfiguration is one of a stack that no other test uses.
func motoConfiguration(t testing.TB) lockstep.SyncConfiguration {
	return configuration("s" + targettest.NewAttempt(t, lockstep.SyncConfiguration{}, nil, nil).ID[:12])
}

func stackFiles(template string) targettest.Tree {
	return targettest.Files(map[string]string{"web.yaml": "template-file-path: stacks/web.yaml\n", "stacks/web.yaml": template})
}

const parameterTemplate = `Resources:
  Topic: {Type: AWS::SNS::Topic}
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Name: /%s/a, Value: "%s"}
`

func TestDriverFulfilsTheContractOnMoto(t *testing.T) {
	url := motoURL(t)
	targettest.Test(t, func(t *testing.T) targettest.Harness {
		cfg := motoConfiguration(t)
		name := cfg.ResourceName
		return targettest.Harness{
			Driver:        driver(t, url),
			Configuration: cfg,
			First:         stackFiles(fmt.Sprintf(parameterTemplate, name, "one")),
			Second:        stackFiles(fmt.Sprintf(parameterTemplate, name, "two")),
			// A second parameter of the same name: moto answers the execution
			// itself with the error of SSM.
			Broken: stackFiles(fmt.Sprintf(parameterTemplate, name, "one") +
				"  Double:\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, Name: /" + name + "/a, Value: x}\n"),
			ForgetsFailures: true,
			Changes:   func(t testing.TB) int { return changes(t, url, name) },
			Proposals: func(t testing.TB) int { return proposals(t, url, name) },
		}
	})
}

// changes counts the beginnings of a creation or update among a stack's events.
func changes(t testing.TB, url, name string) int {
	t.Helper()
	out, err := api(url).DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
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

// proposals counts the change sets of a stack that were not executed, and the
// stack itself where it is an empty one.
func proposals(t testing.TB, url, name string) int {
	t.Helper()
	stacks, err := api(url).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return 0
	}

	unexecuted := 0
	if stacks.Stacks[0].StackStatus == types.StackStatusReviewInProgress {
		unexecuted++
	}

	sets, err := api(url).ListChangeSets(t.Context(), &cloudformation.ListChangeSetsInput{StackName: &name})
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
