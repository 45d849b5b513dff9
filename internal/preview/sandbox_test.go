package preview_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue/queuetest"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
)

const canary = "canary-8675309"

// A watchedDriver announces what it has done.
type watchedDriver struct {
	*cfnstack.Driver
	removed chan string           // ids of previews
	ended   chan lockstep.Outcome // outcomes of attempts
}

func (d watchedDriver) Advance(ctx context.Context, a target.Attempt) (target.Step, error) {
	step, err := d.Driver.Advance(ctx, a)
	if err == nil && step.End != nil && !isPreview(a) {
		d.ended <- step.End.Outcome
	}
	return step, err
}

func (d watchedDriver) Discard(ctx context.Context, a target.Attempt) error {
	err := d.Driver.Discard(ctx, a)
	if err == nil && isPreview(a) {
		d.removed <- a.ID
	}
	return err
}

// newSandboxWorld returns a world whose stacks are in a sandbox, in real time.
func newSandboxWorld(t *testing.T) (*world, watchedDriver, *cloudformation.Client) {
	t.Helper()
	box, err := sandbox.Open(t.Context(), filepath.Join(t.TempDir(), "sandbox.db"),
		sandbox.Options{ResourceDuration: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(box)
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})

	key := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")
	driver, err := cfnstack.New(cfnstack.Options{
		Target:          server.URL,
		BaseCredentials: key,
		Poll:            cfnstack.Schedule{First: 5 * time.Millisecond, Max: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}

	watched := watchedDriver{driver, make(chan string, 100), make(chan lockstep.Outcome, 100)}
	w := newWorld(t, queuetest.Open(t, db.SQLite))
	w.driver = watched
	w.startWorkers()

	return w, watched, cloudformation.New(cloudformation.Options{
		Region:       w.link.Region,
		BaseEndpoint: &server.URL,
		Credentials:  key,
	})
}

// receive waits for a value of a channel.
func receive[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(time.Minute):
		t.Fatalf("not within a minute: %s", what)
	}
	return v
}

// expectNothingProposed checks that the stack has no change set, and is no empty shell.
func expectNothingProposed(t *testing.T, api *cloudformation.Client, exists bool) {
	t.Helper()
	stack, err := api.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("web")})
	if exists != (err == nil) {
		t.Fatalf("the stack exists: %t, want %t (%v)", err == nil, exists, err)
	}

	if !exists {
		return
	}

	sets, err := api.ListChangeSets(t.Context(),
		&cloudformation.ListChangeSetsInput{StackName: stack.Stacks[0].StackId})
	if err != nil {
		t.Fatal(err)
	}

	for _, s := range sets.Summaries {
		if strings.Contains(aws.ToString(s.ChangeSetName), "preview") {
			t.Errorf("change set %s is left", aws.ToString(s.ChangeSetName))
		}
	}
}

const template = `Parameters:
  Title: {Type: String, Default: one}
  Password: {Type: String, NoEcho: true, Default: none}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub "${Title}${Password}"}}
`

func deploymentFiles(file, template string) map[string]string {
	return map[string]string{"web.yaml": "template-file-path: t.yaml\n" + file, "t.yaml": template}
}

// The life of one stack: created, changed and previewed by pull requests.
func TestAttack18PreviewsOnTheSandboxLeaveNothing(t *testing.T) {
	w, driver, api := newSandboxWorld(t)
	sha := w.host.commit(map[string]string{"readme.md": "nothing yet"})
	w.host.update(func() { w.host.heads["main"] = sha })
	w.createConfiguration("web")
	first := deploymentFiles("parameters: {Password: "+canary+"}\ntags: {team: core}\n", template)
	w.openPullRequest(1, first)
	receive(t, driver.removed, "the preview of a new stack is removed")
	body := w.waitForComment(1, "1 added", "`Topic`", "| `Password` | *hidden* | *hidden* |",
		"| `Title` | – | `one` |", "| `team` | – | `core` |")
	expectNothingProposed(t, api, true) // the stack is there, and empty

	if len(driver.ended) != 0 {
		t.Errorf("an attempt has ended: %s", <-driver.ended)
	}

	w.push(first)
	if outcome := receive(t, driver.ended, "the first sync"); outcome != lockstep.Applied {
		t.Fatalf("the first sync: %s", outcome)
	}

	w.openPullRequest(2, deploymentFiles("parameters: {Title: two, Password: "+canary+"-new}\ntags: {team: web}\n",
		template))
	receive(t, driver.removed, "the preview of a change is removed")
	body += w.waitForComment(2, "1 modified", "`DisplayName`", "| `Title` | `one` | `two` |",
		"| `team` | `core` | `web` |", "| `Password` | *hidden*")
	expectNothingProposed(t, api, true)

	w.openPullRequest(3, deploymentFiles("parameters: {Password: "+canary+"}\n",
		strings.Replace(template, "${Title}", "${Nothing}", 1)))
	receive(t, driver.removed, "the preview of a broken template is removed")
	body += w.waitForComment(3, "planning failed")
	w.openPullRequest(4, deploymentFiles("no-such-key: 1\n", template))
	receive(t, driver.removed, "the preview of a broken file is removed")
	body += w.waitForComment(4, "planning failed", "no-such-key")
	expectNothingProposed(t, api, true)

	if strings.Contains(body, canary) || w.Count(`SELECT count(*) FROM preview
		WHERE result LIKE $1 OR CAST(checkpoint AS text) LIKE $1`, "%"+canary+"%") != 0 {
		t.Errorf("a NoEcho value shows:\n%s", body)
	}

	w.push(deploymentFiles("parameters: {Title: three, Password: "+canary+"}\ntags: {team: core}\n", template))
	if outcome := receive(t, driver.ended, "the sync after previews"); outcome != lockstep.Applied {
		t.Errorf("the sync after previews: %s", outcome)
	}

	if w.Count(`SELECT count(*) FROM sync_blocker`) != 0 {
		t.Error("a preview was mistaken for drift")
	}
}
