package cfnstack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
)

// maxLook is how long the look at the stack counts on which a change set is
// built.
const maxLook = time.Minute

// bundle reads the files, looks at the stack and decides what to propose. It
// changes nothing, so that what is wrong is known before the first call that
// does.
func (w *work) bundle(ctx context.Context) (target.Step, error) {
	doc, err := w.document(ctx)
	if err != nil {
		return target.Step{}, err
	}

	stack, err := w.describeStack(ctx)
	if err != nil && !errors.Is(err, errMissing) {
		return target.Step{}, err
	}
	if err := w.untouched(ctx, stack); err != nil {
		return target.Step{}, err
	}

	create, err := judge(stack)
	if err != nil {
		return target.Step{}, err
	}

	previous, absent, err := absentParameters(doc, stack, create)
	if err != nil {
		return target.Step{}, err
	}

	if !w.m.Bundled {
		w.emit(TemplateBundled, string(w.Revision.SHA), "Uploaded CloudFormation template.")
		if absent != "" {
			w.emit(ParametersAbsent, "", "Not in the deployment file: %s.", absent)
		}
	}

	if w.m.Awaited == 0 {
		w.emit(ChangeSetCreationInProgress, stackID(stack), "Creating a changeset.")
	}

	w.m.Bundled, w.m.Looked = true, w.Now
	w.m.Number++
	w.m.Name = fmt.Sprintf("lockstep-%s-%d", w.ID, w.m.Number)
	w.m.Create, w.m.Missing, w.m.Stack = create, stack == nil, stackID(stack)
	w.m.Previous, w.m.Secret = previous, len(doc.Secrets()) > 0

	return w.next(creating)
}

// absent decides what becomes of the parameters that the file does not give: a
// NoEcho one keeps the value in the stack, another takes the template's
// default, and where there is none the value in the stack.
func absentParameters(doc *deploymentfile.Document, stack *types.Stack, create bool) (previous []string, absent string, err error) {
	given := make(map[string]bool, len(doc.File.Parameters))
	for _, p := range doc.File.Parameters {
		given[p.Name] = true
	}

	inStack := map[string]bool{}
	if stack != nil && !create {
		for _, p := range stack.Parameters {
			inStack[aws.ToString(p.ParameterKey)] = true
		}
	}

	var said []string
	for _, p := range doc.Template.Parameters {
		switch {
		case given[p.Name]:
		case inStack[p.Name] && (p.NoEcho || !p.HasDefault):
			previous = append(previous, p.Name)
			said = append(said, p.Name+" (keeps the stack's value)")
		case p.HasDefault:
			said = append(said, p.Name+" (the template's default)")
		default:
			return nil, "", doc.MissingParameterError(p.Name)
		}
	}

	return previous, strings.Join(said, ", "), nil
}

// create proposes the change set, unless that has been done.
func (w *work) create(ctx context.Context) (target.Step, error) {
	name := w.m.Stack
	if name == "" {
		name = w.Configuration.ResourceName
	}

	found, err := w.s.changeSet(ctx, w.m.Name, name)
	if err == nil {
		w.adopt(aws.ToString(found.ChangeSetId), aws.ToString(found.StackId))
		return w.described(ctx, found)
	}

	if !errors.Is(err, errMissing) {
		return target.Step{}, err
	}

	if w.Now.Sub(w.m.Looked) > maxLook { // after a pause the stack may be another's
		stale := w.m.Stale
		w.m = w.m.anew()
		w.m.Number, w.m.Stale = w.m.Number-1, stale

		return w.next(bundling)
	}

	doc, err := w.document(ctx)
	if err != nil {
		return target.Step{}, err
	}

	w.dropStale(ctx)
	out, err := w.s.api.CreateChangeSet(ctx, w.changeSetInput(doc), w.s.as, once)
	if err != nil {
		return w.notCreated(ctx, err)
	}

	was := w.m.Stack
	w.adopt(aws.ToString(out.Id), aws.ToString(out.StackId))
	if !w.m.Create && was != w.m.Stack {
		return w.again("Another stack has taken the name.")
	}

	return w.describe(ctx)
}

// adopt remembers the ARNs of a change set that was made by this attempt, and
// of the stack that was made with it.
func (w *work) adopt(changeSet, stack string) {
	if w.m.ChangeSet, w.m.Stack = changeSet, stack; w.m.Missing {
		w.m.Shell = stack
	}
}

func (w *work) changeSetInput(doc *deploymentfile.Document) *cloudformation.CreateChangeSetInput {
	in := &cloudformation.CreateChangeSetInput{
		// By name: some endpoints update no stack by ARN. That it is still the
		// same stack shows in the answer's StackId.
		StackName:     &w.Configuration.ResourceName,
		ChangeSetName: &w.m.Name,
		ClientToken:   &w.m.Name,
		ChangeSetType: types.ChangeSetTypeUpdate,
		TemplateBody:  &doc.Template.Body,
		Capabilities: []types.Capability{
			types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand,
		},
		Description: aws.String(w.description()),
	}
	if w.m.Create {
		in.ChangeSetType = types.ChangeSetTypeCreate
	}

	if doc.Template.HasNestedStacks {
		in.IncludeNestedStacks = aws.Bool(true)
	}

	for _, p := range doc.File.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &p.Name, ParameterValue: &p.Value})
	}

	for _, name := range w.m.Previous {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
	}

	if doc.File.HasTags { // an empty list clears, none keeps
		in.Tags = make([]types.Tag, 0, len(doc.File.Tags))
		for _, t := range doc.File.Tags {
			in.Tags = append(in.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
		}
	}

	return in
}

// description is the one place where AWS shows whose change this is.
func (w *work) description() string {
	text := fmt.Sprintf("Lockstep: commit %s of %s, attempt %s", w.Revision.SHA, w.Revision.Branch, w.ID)
	if w.d.options.Instance != "" {
		text += ", instance " + w.d.options.Instance
	}
	return lockstep.Truncate(text, 1000)
}

// notCreated decides what a refused CreateChangeSet means. A refusal because
// something else has begun to work on the stack in between is told by looking
// at the stack, not by its text.
func (w *work) notCreated(ctx context.Context, refused error) (target.Step, error) {
	code, message := refusal(refused)
	if isNoChange(message) {
		return w.unchanged()
	}

	fault := w.s.fault("CreateChangeSet", refused)
	switch lockstep.KindOf(fault) {
	case lockstep.Unavailable, lockstep.Denied:
		return target.Step{}, fault
	}

	stack, err := w.describeStack(ctx)
	if err != nil && !errors.Is(err, errMissing) {
		return target.Step{}, err
	}

	create, err := judge(stack)
	if err != nil {
		return target.Step{}, err
	}
	if isCode(refused, "AlreadyExists") || create != w.m.Create {
		return w.again("The stack has changed since it was looked at.")
	}

	if code == "" || isNotXML(refused) {
		message = lockstep.Shown(fault)
	}

	w.emit(ChangeSetCreationFailed, w.m.Stack, "%s", because("Changeset creation failed.", message))
	return w.leave(lockstep.Failed, message)
}

// noChange are the ways in which "nothing to change" is said; there is no code
// for it.
var noChange = [...]string{
	"The submitted information didn't contain changes",
	"No updates are to be performed",
	"There are no changes to execute", // by nested stacks
}

func isNoChange(message string) bool {
	return slices.ContainsFunc(noChange[:], func(s string) bool { return strings.Contains(message, s) })
}

func (w *work) unchanged() (target.Step, error) {
	w.emit(NoChanges, w.m.Stack, "The commit changes nothing in the stack. No update was made.")
	return w.leave(lockstep.Unchanged, "")
}

// describe looks how far the change set is.
func (w *work) describe(ctx context.Context) (target.Step, error) {
	out, err := w.s.changeSet(ctx, w.m.ChangeSet, "")
	if errors.Is(err, errMissing) {
		return w.again("The changeset or its stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}
	return w.described(ctx, out)
}

func (w *work) described(ctx context.Context, out *cloudformation.DescribeChangeSetOutput) (target.Step, error) {
	w.m.Proposed = aws.ToTime(out.CreationTime)
	switch out.Status {
	case types.ChangeSetStatusCreatePending, types.ChangeSetStatusCreateInProgress:
		return w.wait(describing)
	case types.ChangeSetStatusFailed:
		reason := aws.ToString(out.StatusReason)
		if isNoChange(reason) {
			return w.unchanged()
		}
		if name := missingExport(reason); name != "" && w.patient() {
			return w.awaitExport(name)
		}

		if reason == "" {
			reason = "CloudFormation gave none"
		}

		w.emit(ChangeSetCreationFailed, w.m.ChangeSet, "%s", because("Changeset creation failed.", reason))
		return w.leave(lockstep.Failed, reason)

	case types.ChangeSetStatusCreateComplete:
		return w.ready(ctx, out)
	}

	return w.again("The changeset is being deleted by something else.")
}

// ready declares what is about to be executed, and shows it. Nothing is before
// that is committed.
func (w *work) ready(ctx context.Context, out *cloudformation.DescribeChangeSetOutput) (target.Step, error) {
	switch out.ExecutionStatus {
	case types.ExecutionStatusObsolete:
		return w.again("Something else has changed the stack since the changeset was made.")
	case types.ExecutionStatusUnavailable:
		return w.wait(describing)
	}

	plan, err := w.plan(ctx, out)
	if err != nil {
		return target.Step{}, err
	}

	w.emit(ChangeSetCreationSucceeded, w.m.ChangeSet, "Changeset creation succeeded.")
	step, err := w.next(executing)
	step.Intent, step.Plan = w.m.ChangeSet, plan

	return step, err
}
