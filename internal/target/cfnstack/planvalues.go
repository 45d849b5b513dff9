package cfnstack

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
)

// valuesTimeout bounds the calls for the values of a plan, so that no sync waits for
// them or fails because of them.
const valuesTimeout = 5 * time.Second

// addValueChanges adds to a plan the parameters and tags that would change, from the
// stack's values to the file's. If the stack or the files cannot be read, the plan is
// truncated instead.
func (c creation) addValueChanges(ctx context.Context, out *cloudformation.DescribeChangeSetOutput,
	plan *lockstep.Plan) {
	ctx, cancel := context.WithTimeout(ctx, valuesTimeout)
	defer cancel()

	document, err := c.readDocument(ctx)
	stack := new(types.Stack)
	if err == nil && !c.checkpoint.CreatesStack {
		stack, err = c.describeStack(ctx)
	}

	if err != nil {
		plan.Truncated = true
		return
	}

	parameters := c.parameterChanges(document, stack, out, causingParameters(plan.Changes))
	plan.Parameters = limitValueChanges(parameters, &plan.Truncated)
	plan.Tags = limitValueChanges(tagChanges(document, stack), &plan.Truncated)
}

func limitValueChanges(list []lockstep.ValueChange, cut *bool) []lockstep.ValueChange {
	if len(list) <= lockstep.MaxValueChanges {
		return list
	}
	*cut = true
	return list[:lockstep.MaxValueChanges]
}

// causingParameters returns the parameters that cause a change of a resource.
func causingParameters(changes []lockstep.ProposedChange) map[string]bool {
	names := map[string]bool{}
	for _, change := range changes {
		for _, detail := range change.Details {
			if detail.ChangeSource == string(types.ChangeSourceParameterReference) {
				names[detail.CausingEntity] = true
			}
		}
	}
	return names
}

// parameterChanges compares parameters. The value of a NoEcho parameter is unknown;
// it changes if it causes a change of a resource. A parameter that is no longer in
// the template may have been NoEcho, so its value is masked.
func (c creation) parameterChanges(document *deploymentfile.Document, stack *types.Stack,
	out *cloudformation.DescribeChangeSetOutput, causing map[string]bool) []lockstep.ValueChange {
	before := parameterValues(stack.Parameters)
	described := parameterValues(out.Parameters)
	given := map[string]string{}
	for _, parameter := range document.File.Parameters {
		given[parameter.Name] = parameter.Value
	}

	names := maps.Clone(before)
	for name := range document.Declared {
		names[name] = ""
	}

	var list []lockstep.ValueChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		declared, isDeclared := document.Declared[name]
		valueBefore, existed := before[name]
		after, known := given[name]
		if !known {
			after, known = described[name] // the template's default
		}

		switch {
		case !isDeclared:
			list = append(list, lockstep.ValueChange{Name: name, Masked: true})
		case slices.Contains(c.checkpoint.PreviousParameters, name):
		case declared.NoEcho:
			if !existed || causing[name] {
				list = append(list, lockstep.ValueChange{Name: name, Masked: true})
			}
		case known && (!existed || valueBefore != after):
			list = append(list, lockstep.ValueChange{Name: name, Before: valueBefore, After: after})
		}
	}

	return list
}

func parameterValues(parameters []types.Parameter) map[string]string {
	values := make(map[string]string, len(parameters))
	for _, p := range parameters {
		values[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return values
}

// tagChanges compares tags. Without tags in the file the stack keeps its own.
func tagChanges(doc *deploymentfile.Document, stack *types.Stack) []lockstep.ValueChange {
	if !doc.File.HasTags {
		return nil
	}

	changes := map[string]lockstep.ValueChange{}
	for _, t := range stack.Tags {
		if key := aws.ToString(t.Key); !strings.HasPrefix(key, "aws:") {
			changes[key] = lockstep.ValueChange{Name: key, Before: aws.ToString(t.Value)}
		}
	}

	for _, t := range doc.File.Tags {
		change, there := changes[t.Key]
		if there && change.Before == t.Value {
			delete(changes, t.Key)
			continue
		}

		changes[t.Key] = lockstep.ValueChange{Name: t.Key, Before: change.Before, After: t.Value}
	}

	var list []lockstep.ValueChange
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		list = append(list, changes[key])
	}

	return list
}
