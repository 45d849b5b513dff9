package cfnstack_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// moto is the server of all tests of the package. TestMain stops it.
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

// motoURL returns the endpoint of a moto server that has created a change set, since
// the first one takes seconds.
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
	_, err := cloudFormationClient(url).CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{
		StackName:     aws.String("warm"),
		ChangeSetName: aws.String("warm"),
		ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody:  aws.String(`{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`),
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

// motoConfiguration returns a configuration of a stack that no other test uses.
func motoConfiguration(t testing.TB) lockstep.SyncConfiguration {
	return configuration("s" + targettest.NewAttempt(t, lockstep.SyncConfiguration{}, nil, nil).ID[:12])
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
			Driver:        newDriver(t, url),
			Configuration: cfg,
			First:         stackFiles(fmt.Sprintf(parameterTemplate, name, "one")),
			Second:        stackFiles(fmt.Sprintf(parameterTemplate, name, "two")),
			// A second parameter of the same name: moto answers the execution
			// itself with the error of SSM.
			Broken: stackFiles(fmt.Sprintf(parameterTemplate, name, "one") +
				"  Double:\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, " +
				"Name: /" + name + "/a, Value: x}\n"),
			ForgetsFailures: true,
			Changes:         func(t testing.TB) int { return countChanges(t, url, name) },
			Proposals:       func(t testing.TB) int { return countProposals(t, url, name) },
		}
	})
}
