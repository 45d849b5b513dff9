package sandbox_test

import (
	"fmt"
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
	create := createStackInput("web", shop)
	create.ClientRequestToken = aws.String("t1")
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
	input.ClientToken = aws.String("t2")
	input.Parameters = []types.Parameter{parameter("Seconds", "31")}
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
	checkError(t, err, "AlreadyExistsException",
		"ChangeSet cs cannot be created due to a mismatch with existing attribute ClientToken")

	execute := &cloudformation.ExecuteChangeSetInput{ChangeSetName: made.Id, ClientRequestToken: aws.String("t4")}
	for range 2 {
		if _, err := client.ExecuteChangeSet(ctx, execute); err != nil {
			t.Fatal(err)
		}
	}

	updates := 0
	described, err := client.DescribeStackEvents(ctx,
		&cloudformation.DescribeStackEventsInput{StackName: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}

	for _, event := range described.StackEvents {
		if event.ResourceStatus == types.ResourceStatusUpdateInProgress && *event.LogicalResourceId == "web" {
			updates++
		}

		want := "t1"
		if strings.HasPrefix(string(event.ResourceStatus), "UPDATE") {
			want = "t4"
		}
		if got := aws.ToString(event.ClientRequestToken); got != want {
			t.Errorf("%s %s has token %q, want %q", *event.LogicalResourceId, event.ResourceStatus, got, want)
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

	execute := &cloudformation.ExecuteChangeSetInput{ChangeSetName: aws.String("one"), StackName: aws.String("web")}
	if _, err := client.ExecuteChangeSet(ctx, execute); err != nil {
		t.Fatal(err)
	}

	_, err := client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: ids["two"]})
	checkError(t, err, "InvalidChangeSetStatus", "in its current execution status of [OBSOLETE]")
	list, err := client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, summary := range list.Summaries {
		got = append(got, *summary.ChangeSetName+" "+string(summary.ExecutionStatus))
	}

	if diff := cmp.Diff([]string{"two OBSOLETE", "one EXECUTE_COMPLETE", "cs0 EXECUTE_COMPLETE"}, got); diff != "" {
		t.Error(diff)
	}

	for range 2 { // deleting what is not there is no error
		input := &cloudformation.DeleteChangeSetInput{ChangeSetName: ids["two"]}
		if _, err := client.DeleteChangeSet(ctx, input); err != nil {
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
	in.ChangeSetType = types.ChangeSetTypeCreate
	in.TemplateBody = aws.String(b.String())
	made, err := client.CreateChangeSet(ctx, in)
	if err != nil {
		t.Fatal(err)
	}

	if got := describeChanges(t, client, *made.Id); len(got) != 250 {
		t.Errorf("%d changes, want 250", len(got))
	}

	executeChangeSet(t, client, made.Id)

	seen := map[string]bool{}
	all := describeEvents(t, client, "big")
	for _, event := range all {
		seen[event] = true
	}

	if want := 3 + 3*250; len(all) != want {
		t.Errorf("%d events, want %d", len(all), want)
	}
	if len(seen) != len(all) {
		t.Errorf("%d of %d events are different, want all", len(seen), len(all))
	}

	for i := range 105 {
		input := createStackInput(fmt.Sprintf("s%d", i), "Resources: {T: {Type: AWS::SNS::Topic}}")
		if _, err := client.CreateStack(ctx, input); err != nil {
			t.Fatal(err)
		}
	}

	deleteStack(t, client, &cloudformation.DeleteStackInput{StackName: aws.String("s7")})

	live := 0
	describe := &cloudformation.DescribeStacksInput{}
	for paginator := cloudformation.NewDescribeStacksPaginator(client, describe); paginator.HasMorePages(); {
		page, err := paginator.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}

		live += len(page.Stacks)
	}

	deleted := 0
	list := &cloudformation.ListStacksInput{
		StackStatusFilter: []types.StackStatus{types.StackStatusDeleteComplete},
	}
	for paginator := cloudformation.NewListStacksPaginator(client, list); paginator.HasMorePages(); {
		page, err := paginator.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}

		deleted += len(page.StackSummaries)
	}

	if live != 105 {
		t.Errorf("%d stacks, want 105", live)
	}
	if deleted != 1 {
		t.Errorf("%d deleted stacks, want 1", deleted)
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

	body, err = client.GetTemplate(ctx, &cloudformation.GetTemplateInput{
		StackName:     aws.String("web"),
		ChangeSetName: aws.String("cs0"),
	})
	if err != nil || *body.TemplateBody != shop {
		t.Errorf("GetTemplate of a change set: %v", err)
	}

	url := aws.String("https://sqs.us-east-1.amazonaws.com/000000000000/shop-dev")
	found, err := client.DescribeStackResources(ctx,
		&cloudformation.DescribeStackResourcesInput{PhysicalResourceId: url})
	if err != nil || len(found.StackResources) != 2 {
		t.Errorf("by physical id: %v", err)
	}

	one, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{
		StackName:         aws.String("web"),
		LogicalResourceId: aws.String("Queue"),
	})
	if err != nil || len(one.StackResources) != 1 || *one.StackResources[0].PhysicalResourceId != *url {
		t.Errorf("by logical id: %v", err)
	}

	validated, err := client.ValidateTemplate(ctx, &cloudformation.ValidateTemplateInput{TemplateBody: aws.String(
		"Description: d\nParameters: {P: {Type: String, Default: x, NoEcho: true}}\nResources: {R: {Type: " +
			"AWS::IAM::Role}}")})
	if err != nil {
		t.Fatal(err)
	}

	if got := *validated.Description; got != "d" {
		t.Errorf("description %q, want d", got)
	}
	if got := *validated.Parameters[0].DefaultValue; got != "x" {
		t.Errorf("default %q, want x", got)
	}
	if !*validated.Parameters[0].NoEcho {
		t.Error("the parameter is not NoEcho")
	}
	if got, want := validated.Capabilities[0], types.CapabilityCapabilityIam; got != want {
		t.Errorf("capability %s, want %s", got, want)
	}
	want := "The following resource(s) require capabilities: [AWS::IAM::Role]"
	if got := *validated.CapabilitiesReason; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
}

func TestManyClientsAtOnceKeepTheDatabaseConsistent(t *testing.T) {
	url := startSandbox(t, databasePath(t), sandbox.Options{ResourceDuration: time.Nanosecond})
	client := client(url, "us-east-1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := aws.String(fmt.Sprintf("s%d", i%4)) // two for each stack
			for range 5 {
				// Either may come first: what counts is that the database stays consistent.
				input := createStackInput(*name, shop)
				input.Parameters = []types.Parameter{parameter("Stage", "dev")}
				_, _ = client.CreateStack(t.Context(), input)
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

	stack := apply(t, client, "after", strings.ReplaceAll(shop, "shop-", "after-"))
	if stack.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("a stack afterwards: %s", stack.StackStatus)
	}
}

func TestALongHistoryIsPruned(t *testing.T) {
	path := databasePath(t)
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
		err := database.View(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n)
		})
		if err != nil || n > most {
			t.Errorf("%d rows in %s (%v), want at most %d", n, table, err, most)
		}
	}
}

func TestOnlyTheLastEventsOfAStackAreKept(t *testing.T) {
	var template strings.Builder
	template.WriteString("Parameters: {Text: {Type: String}}\nResources:\n")
	for i := range 220 {
		fmt.Fprintf(&template, "  Q%d: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref Text}}\n", i)
	}

	path := databasePath(t)
	c := client(startSandbox(t, path, sandbox.Options{ResourceDuration: time.Nanosecond}), "us-east-1")
	for i := range 9 {
		apply(t, c, "many", template.String(), parameter("Text", fmt.Sprint(i)))
	}

	database, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	defer database.Close()

	var events, last int
	err = database.View(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT count(*), max(seq) FROM event`).Scan(&events, &last)
	})
	if err != nil {
		t.Fatal(err)
	}
	if last <= 3000 {
		t.Errorf("the stack had %d events, too few for this test", last)
	}
	if events > 2600 {
		t.Errorf("%d events of %d are kept", events, last)
	}
}
