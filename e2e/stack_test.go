package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// stack runs the program stack get|events|delete NAME, or stack change NAME KEY=VALUE. It does not use
// Lockstep.
func stack() {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := runStack(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runStack(ctx context.Context, args []string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}

	api := cloudformation.NewFromConfig(cfg)
	switch {
	case len(args) == 2 && args[0] == "get":
		return getStack(ctx, api, args[1])
	case len(args) == 2 && args[0] == "events":
		return stackEvents(ctx, api, args[1])
	case len(args) == 2 && args[0] == "delete":
		if _, err := api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &args[1]}); err != nil {
			return err
		}
		return waitUntilIdle(ctx, api, args[1])

	case len(args) == 3 && args[0] == "change":
		return changeStack(ctx, api, args[1], args[2])
	}

	return errors.New("usage: stack get|events|delete NAME, stack change NAME KEY=VALUE")
}

// A stackDocument is what `stack get` prints, as JSON.
type stackDocument struct {
	Name       string
	Status     string
	Parameters map[string]string
	Tags       map[string]string
	Outputs    map[string]string
	Resources  map[string]string
}

func getStack(ctx context.Context, api *cloudformation.Client, name string) error {
	stack, err := describe(ctx, api, name)
	if err != nil {
		return err
	}

	list, err := api.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &name})
	if err != nil {
		return err
	}

	document := stackDocument{Name: name, Status: string(stack.StackStatus), Parameters: map[string]string{}, Tags: map[string]string{},
		Outputs: map[string]string{}, Resources: map[string]string{}}
	for _, p := range stack.Parameters {
		document.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}

	for _, t := range stack.Tags {
		document.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}

	for _, o := range stack.Outputs {
		document.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}

	for _, r := range list.StackResources {
		document.Resources[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.ResourceType)
	}

	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

func describe(ctx context.Context, api *cloudformation.Client, name string) (types.Stack, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return types.Stack{}, err
	}
	return out.Stacks[0], nil
}

// stackEvents prints a line per event, oldest first.
func stackEvents(ctx context.Context, api *cloudformation.Client, name string) error {
	out, err := api.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		return err
	}
	for i := len(out.StackEvents) - 1; i >= 0; i-- {
		ev := out.StackEvents[i]
		fmt.Println(aws.ToString(ev.LogicalResourceId), ev.ResourceStatus, aws.ToString(ev.ResourceStatusReason))
	}
	return nil
}

// changeStack changes a parameter of a stack, like a person in the AWS console.
func changeStack(ctx context.Context, api *cloudformation.Client, name, assignment string) error {
	key, value, _ := strings.Cut(assignment, "=")
	_, err := api.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &name, UsePreviousTemplate: aws.Bool(true),
		Parameters: []types.Parameter{{ParameterKey: &key, ParameterValue: &value}}})
	if err != nil {
		return err
	}
	return waitUntilIdle(ctx, api, name)
}

// waitUntilIdle waits until no operation runs on a stack, or the stack does not exist.
func waitUntilIdle(ctx context.Context, api *cloudformation.Client, name string) error {
	for {
		stack, err := describe(ctx, api, name)
		if err != nil || !strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS") {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
