package sandbox_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// databasePath returns the path of a new database.
func databasePath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "sandbox.db")
}

// newClient starts a sandbox whose operations are complete at once.
func newClient(t testing.TB) *cloudformation.Client {
	t.Helper()
	return client(startSandbox(t, databasePath(t), sandbox.Options{ResourceDuration: time.Nanosecond}), "us-east-1")
}

// startSandbox opens a sandbox and returns its URL.
func startSandbox(t testing.TB, path string, opt sandbox.Options) string {
	t.Helper()
	server, err := sandbox.Open(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}

	srv := httptest.NewServer(server)
	t.Cleanup(func() {
		srv.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})

	return srv.URL
}

func configuration(url, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: &url,
		Credentials:  credentials.NewStaticCredentialsProvider("LSTESTKEY00000000000", "secret", ""),
	}
}

func client(url, region string) *cloudformation.Client {
	return cloudformation.NewFromConfig(configuration(url, region))
}

// apply creates or updates a stack with a change set, and returns the stack.
func apply(t testing.TB, client *cloudformation.Client, name, body string, params ...types.Parameter) types.Stack {
	t.Helper()
	ctx := t.Context()
	kind := types.ChangeSetTypeCreate
	if _, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}); err == nil {
		kind = types.ChangeSetTypeUpdate
	}

	sets, err := client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: &name})
	number := "cs0"
	if err == nil {
		number = "cs" + string(rune('0'+len(sets.Summaries)))
	}

	created, err := client.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{
		StackName:     &name,
		ChangeSetName: &number,
		ChangeSetType: kind,
		TemplateBody:  &body,
		Parameters:    params,
		Capabilities:  []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	if err != nil {
		t.Fatal(err)
	}

	token := aws.String("tok-" + number)
	execute := &cloudformation.ExecuteChangeSetInput{ChangeSetName: created.Id, ClientRequestToken: token}
	if _, err := client.ExecuteChangeSet(ctx, execute); err != nil {
		describe := &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id}
		described, _ := client.DescribeChangeSet(ctx, describe)
		t.Fatalf("%v (%s)", err, aws.ToString(described.StatusReason))
	}

	return describeStack(t, client, *created.StackId)
}

func createStackInput(name, body string) *cloudformation.CreateStackInput {
	return &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body}
}

// creationInput returns the input of a change set that creates a stack.
func creationInput(stack, body string) *cloudformation.CreateChangeSetInput {
	return &cloudformation.CreateChangeSetInput{
		StackName:     &stack,
		ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody:  &body,
	}
}

func executeChangeSet(t testing.TB, client *cloudformation.Client, arn *string) {
	t.Helper()
	input := &cloudformation.ExecuteChangeSetInput{ChangeSetName: arn}
	if _, err := client.ExecuteChangeSet(t.Context(), input); err != nil {
		t.Fatal(err)
	}
}

func deleteStack(t testing.TB, client *cloudformation.Client, input *cloudformation.DeleteStackInput) {
	t.Helper()
	if _, err := client.DeleteStack(t.Context(), input); err != nil {
		t.Fatal(err)
	}
}

func describeStack(t testing.TB, client *cloudformation.Client, name string) types.Stack {
	t.Helper()
	input := &cloudformation.DescribeStacksInput{StackName: &name}
	out, err := client.DescribeStacks(context.WithoutCancel(t.Context()), input)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Stacks) != 1 {
		t.Fatalf("%d stacks, want 1", len(out.Stacks))
	}
	return out.Stacks[0]
}

func outputs(stack types.Stack) map[string]string {
	values := map[string]string{}
	for _, output := range stack.Outputs {
		values[*output.OutputKey] = *output.OutputValue
	}
	return values
}

// describeEvents returns a stack's events, oldest first, as "Logical STATUS reason".
func describeEvents(t testing.TB, client *cloudformation.Client, name string) []string {
	t.Helper()
	var out []string
	input := &cloudformation.DescribeStackEventsInput{StackName: &name}
	for paginator := cloudformation.NewDescribeStackEventsPaginator(client, input); paginator.HasMorePages(); {
		page, err := paginator.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		for _, event := range page.StackEvents {
			text := aws.ToString(event.LogicalResourceId) + " " + string(event.ResourceStatus)
			if reason := aws.ToString(event.ResourceStatusReason); reason != "" {
				text += " " + reason
			}

			out = append([]string{text}, out...)
		}
	}

	return out
}
