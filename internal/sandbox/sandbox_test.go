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

// newClient starts a sandbox whose operations are complete at once.
func newClient(t testing.TB) *cloudformation.Client {
	t.Helper()
	return client(startSandbox(t, filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{ResourceDuration: time.Nanosecond}), "us-east-1")
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
		Region: region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider("LSTESTKEY00000000000", "secret", ""),
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

	n, err := client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: &name})
	number := "cs0"
	if err == nil {
		number = "cs" + string(rune('0'+len(n.Summaries)))
	}

	created, err := client.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{
		StackName: &name, ChangeSetName: &number, ChangeSetType: kind, TemplateBody: &body, Parameters: params,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: created.Id, ClientRequestToken: aws.String("tok-" + number)}); err != nil {
		d, _ := client.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id})
		t.Fatalf("%v (%s)", err, aws.ToString(d.StatusReason))
	}

	return describeStack(t, client, *created.StackId)
}

func describeStack(t testing.TB, c *cloudformation.Client, name string) types.Stack {
	t.Helper()
	out, err := c.DescribeStacks(context.WithoutCancel(t.Context()), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Stacks) != 1 {
		t.Fatalf("%d stacks, want 1", len(out.Stacks))
	}
	return out.Stacks[0]
}

func outputs(s types.Stack) map[string]string {
	values := map[string]string{}
	for _, o := range s.Outputs {
		values[*o.OutputKey] = *o.OutputValue
	}
	return values
}

// describeEvents returns a stack's events, oldest first, as "Logical STATUS reason".
func describeEvents(t testing.TB, c *cloudformation.Client, name string) []string {
	t.Helper()
	var out []string
	p := cloudformation.NewDescribeStackEventsPaginator(c, &cloudformation.DescribeStackEventsInput{StackName: &name})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		for _, e := range page.StackEvents {
			text := aws.ToString(e.LogicalResourceId) + " " + string(e.ResourceStatus)
			if r := aws.ToString(e.ResourceStatusReason); r != "" {
				text += " " + r
			}

			out = append([]string{text}, out...)
		}
	}

	return out
}
