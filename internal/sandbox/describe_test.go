package sandbox_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

func TestRepeatedRequestsAreDoneOnce(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	create := &cloudformation.CreateStackInput{StackName: aws.String("web"), TemplateBody: aws.String(shop), ClientRequestToken: aws.String("t1")}
	first, err := client.CreateStack(ctx, create)
	if err != nil {
		t.Fatal(err)
	}

	again, err := client.CreateStack(ctx, create)
	if err != nil || *again.StackId != *first.StackId {
		t.Errorf("created again: %v", err)
	}

	create.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
	_, err = client.CreateStack(ctx, create)
	checkError(t, err, "TokenAlreadyExistsException", "A client request token already exists")

	input := changeSetInput("web", "cs")
	input.ClientToken, input.Parameters = aws.String("t2"), []types.Parameter{parameter("Seconds", "31")}
	made, err := client.CreateChangeSet(ctx, input)
	if err != nil {
		t.Fatal(err)
	}

	remade, err := client.CreateChangeSet(ctx, input)
	if err != nil || *remade.Id != *made.Id {
		t.Errorf("change set again: %v", err)
	}

	input.ClientToken = aws.String("t3")
	_, err = client.CreateChangeSet(ctx, input)
	checkError(t, err, "AlreadyExistsException", "ChangeSet cs cannot be created due to a mismatch with existing attribute ClientToken")

	execute := &cloudformation.ExecuteChangeSetInput{ChangeSetName: made.Id, ClientRequestToken: aws.String("t4")}
	for range 2 {
		if _, err := client.ExecuteChangeSet(ctx, execute); err != nil {
			t.Fatal(err)
		}
	}

	updates := 0
	described, err := client.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}

	for _, event := range described.StackEvents {
		if event.ResourceStatus == types.ResourceStatusUpdateInProgress && *event.LogicalResourceId == "web" {
			updates++
		}
		if want := map[bool]string{true: "t4", false: "t1"}[strings.HasPrefix(string(event.ResourceStatus), "UPDATE")]; aws.ToString(event.ClientRequestToken) != want {
			t.Errorf("%s %s has token %q, want %q", *event.LogicalResourceId, event.ResourceStatus, aws.ToString(event.ClientRequestToken), want)
		}
	}

	if updates != 1 {
		t.Errorf("%d updates, want 1", updates)
	}
}

func TestOtherChangeSetsBecomeObsolete(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	apply(t, client, "web", shop)
	ids := map[string]*string{}
	for _, name := range []string{"one", "two"} {
		in := changeSetInput("web", name)
		in.Parameters = []types.Parameter{parameter("Seconds", "31")}
		made, err := client.CreateChangeSet(ctx, in)
		if err != nil {
			t.Fatal(err)
		}

		ids[name] = made.Id
	}

	if _, err := client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: aws.String("one"), StackName: aws.String("web")}); err != nil {
		t.Fatal(err)
	}

	_, err := client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: ids["two"]})
	checkError(t, err, "InvalidChangeSetStatus", "in its current execution status of [OBSOLETE]")
	list, err := client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, s := range list.Summaries {
		got = append(got, *s.ChangeSetName+" "+string(s.ExecutionStatus))
	}

	if diff := cmp.Diff([]string{"two OBSOLETE", "one EXECUTE_COMPLETE", "cs0 EXECUTE_COMPLETE"}, got); diff != "" {
		t.Error(diff)
	}

	for range 2 { // deleting what is not there is no error
		if _, err := client.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: ids["two"]}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLongListsComeInPages(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	var b strings.Builder
	b.WriteString("Resources:\n")

	for i := range 250 {
		fmt.Fprintf(&b, "  R%d: {Type: AWS::SNS::Topic}\n", i)
	}

	in := changeSetInput("big", "cs")
	in.ChangeSetType, in.TemplateBody = types.ChangeSetTypeCreate, aws.String(b.String())
	made, err := client.CreateChangeSet(ctx, in)
	if err != nil {
		t.Fatal(err)
	}

	if got := describeChanges(t, client, *made.Id); len(got) != 250 {
		t.Errorf("%d changes, want 250", len(got))
	}

	if _, err := client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: made.Id}); err != nil {
		t.Fatal(err)
	}

	seen := map[string]bool{}
	all := describeEvents(t, client, "big")
	for _, e := range all {
		seen[e] = true
	}

	if len(all) != 3+3*250 || len(seen) != len(all) {
		t.Errorf("%d events, %d different, want %d", len(all), len(seen), 3+3*250)
	}

	for i := range 105 {
		if _, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String(fmt.Sprintf("s%d", i)), TemplateBody: aws.String("Resources: {T: {Type: AWS::SNS::Topic}}")}); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("s7")}); err != nil {
		t.Fatal(err)
	}

	live := 0
	for paginator := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{}); paginator.HasMorePages(); {
		page, err := paginator.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}

		live += len(page.Stacks)
	}

	deleted := 0
	for paginator := cloudformation.NewListStacksPaginator(client, &cloudformation.ListStacksInput{StackStatusFilter: []types.StackStatus{types.StackStatusDeleteComplete}}); paginator.HasMorePages(); {
		page, err := paginator.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}

		deleted += len(page.StackSummaries)
	}

	if live != 105 || deleted != 1 {
		t.Errorf("%d stacks and %d deleted, want 105 and 1", live, deleted)
	}
}

func TestTemplatesAndResourcesAreFound(t *testing.T) {
	client := newClient(t)
	ctx := t.Context()
	apply(t, client, "web", shop)
	body, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String("web")})
	if err != nil || *body.TemplateBody != shop {
		t.Errorf("GetTemplate: %v", err)
	}

	body, err = client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String("web"), ChangeSetName: aws.String("cs0")})
	if err != nil || *body.TemplateBody != shop {
		t.Errorf("GetTemplate of a change set: %v", err)
	}

	url := aws.String("https://sqs.us-east-1.amazonaws.com/000000000000/shop-dev")
	found, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{PhysicalResourceId: url})
	if err != nil || len(found.StackResources) != 2 {
		t.Errorf("by physical id: %v", err)
	}

	one, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: aws.String("web"), LogicalResourceId: aws.String("Queue")})
	if err != nil || len(one.StackResources) != 1 || *one.StackResources[0].PhysicalResourceId != *url {
		t.Errorf("by logical id: %v", err)
	}

	validated, err := client.ValidateTemplate(ctx, &cloudformation.ValidateTemplateInput{TemplateBody: aws.String(
		"Description: d\nParameters: {P: {Type: String, Default: x, NoEcho: true}}\nResources: {R: {Type: AWS::IAM::Role}}")})
	if err != nil {
		t.Fatal(err)
	}

	if *validated.Description != "d" || *validated.Parameters[0].DefaultValue != "x" || !*validated.Parameters[0].NoEcho || validated.Capabilities[0] != types.CapabilityCapabilityIam ||
		*validated.CapabilitiesReason != "The following resource(s) require capabilities: [AWS::IAM::Role]" {
		t.Errorf("%+v", validated)
	}
}

func TestManyClientsAtOnceKeepTheBooksRight(t *testing.T) {
	url := startSandbox(t, filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{ResourceDuration: time.Nanosecond})
	client := client(url, "us-east-1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := aws.String(fmt.Sprintf("s%d", i%4)) // two for each stack
			for range 5 {
				// Either may come first: what counts is that the books stay whole.
				_, _ = client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: name, TemplateBody: aws.String(shop), Parameters: []types.Parameter{parameter("Stage", "dev")}})
				_, _ = client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
				_, _ = client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: name})
			}
		})
	}

	wg.Wait()
	names := map[string]int{}
	out, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}

	for _, stack := range out.Stacks {
		names[*stack.StackName]++
		if names[*stack.StackName] > 1 {
			t.Errorf("stack %s is there twice", *stack.StackName)
		}
	}

	if stack := apply(t, client, "after", strings.ReplaceAll(shop, "shop-", "after-")); stack.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("a stack afterwards: %s", stack.StackStatus)
	}
}

func TestALongHistoryIsPruned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.db")
	c := client(startSandbox(t, path, sandbox.Options{ResourceDuration: time.Nanosecond}), "us-east-1")
	for i := range 6 {
		apply(t, c, "shop", shop, parameter("Seconds", fmt.Sprint(30+i)))
	}

	database, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	defer database.Close()

	for table, most := range map[string]int{"event WHERE state IS NOT NULL": 2 + 2*4, "revision": 1 + 3} {
		var n int
		err := database.View(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n) })
		if err != nil || n > most {
			t.Errorf("%d rows in %s (%v), want at most %d", n, table, err, most)
		}
	}
}
