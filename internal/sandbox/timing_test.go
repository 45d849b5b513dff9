package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// A bubble is a sandbox that clients reach without a socket, so that time is fake. It
// can be closed and opened again.
type bubble struct {
	t    *testing.T
	path string
	opt  sandbox.Options
	s    *sandbox.Sandbox
}

func newBubble(t *testing.T, opt sandbox.Options) *bubble {
	t.Helper()
	b := &bubble{t: t, path: databasePath(t), opt: opt}
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *bubble) open() {
	server, err := sandbox.Open(b.t.Context(), b.path, b.opt)
	if err != nil {
		b.t.Fatal(err)
	}
	b.s = server
}

func (b *bubble) close() {
	if err := b.s.Close(); err != nil {
		b.t.Error(err)
	}
}

// Do serves a client's request as a server does.
func (b *bubble) Do(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.Host = req.URL.Host
	rec := httptest.NewRecorder()
	b.s.ServeHTTP(rec, in)
	return rec.Result(), nil
}

func (b *bubble) config(region string) aws.Config {
	cfg := configuration("http://sandbox.test", region)
	cfg.HTTPClient = b
	return cfg
}

func (b *bubble) client() *cloudformation.Client {
	return cloudformation.NewFromConfig(b.config("us-east-1"))
}

// statuses polls a stack for some time and returns the statuses it had.
func statuses(t *testing.T, client *cloudformation.Client, name string, d, step time.Duration) []string {
	t.Helper()
	var out []string
	for range d / step {
		if s := string(describeStack(t, client, name).StackStatus); !slices.Contains(out, s) {
			out = append(out, s)
		}
		time.Sleep(step)
	}
	return out
}

const slow = `
Resources:
  Slow: {Type: AWS::SQS::Queue, Metadata: {"Lockstep::Sandbox": {Delay: 2s}}}
  After: {Type: AWS::SNS::Topic, DependsOn: Slow}
Outputs: {Arn: {Value: !GetAtt Slow.Arn, Export: {Name: slow}}}
`

func TestStatesInProgressCanBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newBubble(t, sandbox.Options{}).client()
		in := changeSetInput("shop", "first")
		in.ChangeSetType = types.ChangeSetTypeCreate
		created, err := client.CreateChangeSet(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}

		var seen []string
		for range 30 {
			input := &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id}
			described, err := client.DescribeChangeSet(t.Context(), input)
			if err != nil {
				t.Fatal(err)
			}

			if s := string(described.Status) + " " + string(described.ExecutionStatus); !slices.Contains(seen, s) {
				seen = append(seen, s)
			}

			time.Sleep(time.Millisecond)
		}

		want := []string{"CREATE_PENDING UNAVAILABLE", "CREATE_IN_PROGRESS UNAVAILABLE", "CREATE_COMPLETE AVAILABLE"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}

		execute := &cloudformation.ExecuteChangeSetInput{ChangeSetName: created.Id}
		if _, err := client.ExecuteChangeSet(t.Context(), execute); err != nil {
			t.Fatal(err)
		}

		_, err = client.ExecuteChangeSet(t.Context(), execute)
		checkError(t, err, "InvalidChangeSetStatus",
			"cannot be executed in its current execution status of [EXECUTE_IN_PROGRESS]")
		_, err = client.DeleteChangeSet(t.Context(), &cloudformation.DeleteChangeSetInput{ChangeSetName: created.Id})
		checkError(t, err, "InvalidChangeSetStatus",
			"cannot be deleted in its current execution status of [EXECUTE_IN_PROGRESS]")

		want = []string{"CREATE_IN_PROGRESS", "CREATE_COMPLETE"}
		if diff := cmp.Diff(want, statuses(t, client, "shop", 300*time.Millisecond, 5*time.Millisecond)); diff != "" {
			t.Error(diff)
		}

		update := &cloudformation.UpdateStackInput{
			StackName:           aws.String("shop"),
			UsePreviousTemplate: aws.Bool(true),
			Parameters:          []types.Parameter{parameter("Stage", "prod")},
		}
		if _, err := client.UpdateStack(t.Context(), update); err != nil {
			t.Fatal(err)
		}

		_, err = client.CreateChangeSet(t.Context(), changeSetInput("shop", "second"))
		checkError(t, err, "ValidationError", "is in UPDATE_IN_PROGRESS state and can not be updated.")
		_, err = client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("shop")})
		checkError(t, err, "ValidationError", "cannot be deleted while in status UPDATE_IN_PROGRESS")
		want = []string{"UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"}
		if diff := cmp.Diff(want, statuses(t, client, "shop", 300*time.Millisecond, 5*time.Millisecond)); diff != "" {
			t.Error(diff)
		}
	})
}

// checkStack checks the status of a stack and the number of its outputs.
func checkStack(t *testing.T, client *cloudformation.Client, name string, status types.StackStatus, outputs int) {
	t.Helper()
	stack := describeStack(t, client, name)
	if stack.StackStatus != status {
		t.Errorf("the stack is %s, want %s", stack.StackStatus, status)
	}
	if got := len(stack.Outputs); got != outputs {
		t.Errorf("the stack has %d outputs, want %d", got, outputs)
	}
}

func TestARestartGoesOnWhereTheClockSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, sandbox.Options{})
		client := b.client()
		out, err := client.CreateStack(t.Context(), createStackInput("slow", slow))
		if err != nil {
			t.Fatal(err)
		}

		time.Sleep(1500 * time.Millisecond)
		before := describeEvents(t, client, "slow")
		b.close()
		b.open()

		checkStack(t, client, *out.StackId, types.StackStatusCreateInProgress, 0)

		if diff := cmp.Diff(before, describeEvents(t, client, "slow")); diff != "" {
			t.Error(diff)
		}

		b.close()
		time.Sleep(2 * time.Second)
		b.open()

		checkStack(t, client, *out.StackId, types.StackStatusCreateComplete, 1)

		want := append(before,
			"Slow CREATE_COMPLETE",
			"After CREATE_IN_PROGRESS",
			"After CREATE_IN_PROGRESS Resource creation Initiated",
			"After CREATE_COMPLETE",
			"slow CREATE_COMPLETE "+final)
		if diff := cmp.Diff(want, describeEvents(t, client, "slow")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDeletingAStackThatIsBeingCreatedStopsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newBubble(t, sandbox.Options{}).client()
		cs := changeSetInput("slow", "first")
		cs.ChangeSetType = types.ChangeSetTypeCreate
		cs.TemplateBody = aws.String(slow)
		made, err := client.CreateChangeSet(t.Context(), cs)
		if err != nil {
			t.Fatal(err)
		}

		time.Sleep(time.Second)
		executeChangeSet(t, client, made.Id)

		time.Sleep(time.Second)
		deleteStack(t, client, &cloudformation.DeleteStackInput{StackName: aws.String("slow")})

		time.Sleep(time.Hour)
		stack := describeStack(t, client, *made.StackId)
		if stack.StackStatus != types.StackStatusDeleteComplete {
			t.Errorf("status %s, want DELETE_COMPLETE", stack.StackStatus)
		}
		if stack.DeletionTime == nil {
			t.Error("the stack has no deletion time")
		}

		all := describeEvents(t, client, *made.StackId)
		want := []string{
			"slow DELETE_IN_PROGRESS User Initiated",
			"Slow DELETE_IN_PROGRESS",
			"Slow DELETE_COMPLETE",
			"slow DELETE_COMPLETE " + final,
		}
		if diff := cmp.Diff(want, all[len(all)-4:]); diff != "" {
			t.Error(diff)
		}

		describe := &cloudformation.DescribeChangeSetInput{ChangeSetName: made.Id}
		described, err := client.DescribeChangeSet(t.Context(), describe)
		if err != nil || described.ExecutionStatus != types.ExecutionStatusExecuteFailed {
			t.Errorf("change set: %v, %v", described, err)
		}

		user := "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue slow}}}"
		got := createChangeSet(t, client, creationInput("user", user))
		if got.Status == types.ChangeSetStatusCreateComplete {
			t.Error("what was never created is exported")
		}
	})
}

func TestAnExportIsInForceWhenItsStackIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newBubble(t, sandbox.Options{}).client()
		if _, err := client.CreateStack(t.Context(), createStackInput("slow", slow)); err != nil {
			t.Fatal(err)
		}

		user := "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue slow}}}"
		for i, want := range []types.ChangeSetStatus{types.ChangeSetStatusFailed, types.ChangeSetStatusCreateComplete} {
			input := creationInput("user", user)
			input.ChangeSetName = aws.String([]string{"a", "b"}[i])
			if _, err := client.CreateChangeSet(t.Context(), input); err != nil {
				t.Fatal(err)
			}

			time.Sleep(3 * time.Second)
			described, err := client.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{
				StackName:     input.StackName,
				ChangeSetName: input.ChangeSetName,
			})
			if err != nil {
				t.Fatal(err)
			}
			if described.Status != want {
				t.Errorf("%s %s, want %s", described.Status, aws.ToString(described.StatusReason), want)
			}
		}
	})
}
