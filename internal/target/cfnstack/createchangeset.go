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

// maxInspectionAge is how long the look at the stack counts on which a change set is
// built.
const maxInspectionAge = time.Minute

// bundle reads the files, looks at the stack and decides what to propose. It
// changes nothing, so that what is wrong is known before the first call that
// does.
func (w *runner) bundle(ctx context.Context) (target.Step, error) {
	doc, err := w.readDocument(ctx)
	if err != nil {
		return target.Step{}, err
	}

	stack, err := w.describeStack(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}
	if err := w.checkUnchanged(ctx, stack); err != nil {
		return target.Step{}, err
	}

	create, err := checkStackStatus(stack)
	if err != nil {
		return target.Step{}, err
	}

	previous, absent, err := absentParameters(doc, stack, create)
	if err != nil {
		return target.Step{}, err
	}

	if !w.checkpoint.BundleEmitted {
		w.emit(TemplateBundled, string(w.Revision.SHA), "Uploaded CloudFormation template.")
		if absent != "" {
			w.emit(ParametersAbsent, "", "Not in the deployment file: %s.", absent)
		}
	}

	if w.checkpoint.ExportRetries == 0 {
		w.emit(ChangeSetCreationInProgress, stackID(stack), "Creating a changeset.")
	}

	w.checkpoint.BundleEmitted, w.checkpoint.InspectedAt = true, w.Now
	w.checkpoint.ChangeSetNumber++
	w.checkpoint.ChangeSetName = fmt.Sprintf("lockstep-%s-%d", w.ID, w.checkpoint.ChangeSetNumber)
	w.checkpoint.CreatesStack, w.checkpoint.StackWasMissing, w.checkpoint.StackARN = create, stack == nil, stackID(stack)
	w.checkpoint.PreviousParameters, w.checkpoint.HasSecret = previous, len(doc.Secrets()) > 0

	return w.enterPhase(phaseCreate)
}

// absent decides what becomes of the parameters that the file does not give: a
// NoEcho one keeps the value in the stack, another takes the template's
// default, and where there is none the value in the stack.
func absentParameters(doc *deploymentfile.Document, stack *types.Stack, create bool) (previous []string, absent string, err error) {
	given := make(map[string]bool, len(doc.File.Parameters))
	for _, parameter := range doc.File.Parameters {
		given[parameter.Name] = true
	}

	inStack := map[string]bool{}
	if stack != nil && !create {
		for _, parameter := range stack.Parameters {
			inStack[aws.ToString(parameter.ParameterKey)] = true
		}
	}

	var said []string
	for _, parameter := range doc.Template.Parameters {
		switch {
		case given[parameter.Name]:
		case inStack[parameter.Name] && (parameter.NoEcho || !parameter.HasDefault):
			previous = append(previous, parameter.Name)
			said = append(said, parameter.Name+" (keeps the stack's value)")
		case parameter.HasDefault:
			said = append(said, parameter.Name+" (the template's default)")
		default:
			return nil, "", doc.MissingParameterError(parameter.Name)
		}
	}

	return previous, strings.Join(said, ", "), nil
}

// createChangeSet proposes the change set, unless that has been done.
func (w *runner) createChangeSet(ctx context.Context) (target.Step, error) {
	name := w.checkpoint.StackARN
	if name == "" {
		name = w.Configuration.ResourceName
	}

	found, err := w.session.findChangeSet(ctx, w.checkpoint.ChangeSetName, name)
	if err == nil {
		w.rememberChangeSet(aws.ToString(found.ChangeSetId), aws.ToString(found.StackId))
		return w.checkChangeSet(ctx, found)
	}

	if !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}

	if w.Now.Sub(w.checkpoint.InspectedAt) > maxInspectionAge { // after a pause the stack may be another's
		stale := w.checkpoint.StaleChangeSet
		w.checkpoint = w.checkpoint.forNextChangeSet()
		w.checkpoint.ChangeSetNumber, w.checkpoint.StaleChangeSet = w.checkpoint.ChangeSetNumber-1, stale

		return w.enterPhase(phaseBundle)
	}

	doc, err := w.readDocument(ctx)
	if err != nil {
		return target.Step{}, err
	}

	w.deleteStaleChangeSet(ctx)
	out, err := w.session.client.CreateChangeSet(ctx, w.changeSetInput(doc), w.session.callOptions, withoutRetries)
	if err != nil {
		return w.handleCreateError(ctx, err)
	}

	was := w.checkpoint.StackARN
	w.rememberChangeSet(aws.ToString(out.Id), aws.ToString(out.StackId))
	if !w.checkpoint.CreatesStack && was != w.checkpoint.StackARN {
		return w.replaceChangeSet("Another stack has taken the name.")
	}

	return w.describeChangeSet(ctx)
}

// rememberChangeSet remembers the ARNs of a change set that was made by this attempt, and
// of the stack that was made with it.
func (w *runner) rememberChangeSet(changeSet, stack string) {
	if w.checkpoint.ChangeSetARN, w.checkpoint.StackARN = changeSet, stack; w.checkpoint.StackWasMissing {
		w.checkpoint.CreatedStack = stack
	}
}

func (w *runner) changeSetInput(doc *deploymentfile.Document) *cloudformation.CreateChangeSetInput {
	input := &cloudformation.CreateChangeSetInput{
		// By name: some endpoints update no stack by ARN. That it is still the
		// same stack shows in the answer's StackId.
		StackName:     &w.Configuration.ResourceName,
		ChangeSetName: &w.checkpoint.ChangeSetName,
		ClientToken:   &w.checkpoint.ChangeSetName,
		ChangeSetType: types.ChangeSetTypeUpdate,
		TemplateBody:  &doc.Template.Body,
		Capabilities: []types.Capability{
			types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand,
		},
		Description: aws.String(w.description()),
	}
	if w.checkpoint.CreatesStack {
		input.ChangeSetType = types.ChangeSetTypeCreate
	}

	if doc.Template.HasNestedStacks {
		input.IncludeNestedStacks = aws.Bool(true)
	}

	for _, p := range doc.File.Parameters {
		input.Parameters = append(input.Parameters, types.Parameter{ParameterKey: &p.Name, ParameterValue: &p.Value})
	}

	for _, name := range w.checkpoint.PreviousParameters {
		input.Parameters = append(input.Parameters, types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
	}

	if doc.File.HasTags { // an empty list clears, none keeps
		input.Tags = make([]types.Tag, 0, len(doc.File.Tags))
		for _, t := range doc.File.Tags {
			input.Tags = append(input.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
		}
	}

	return input
}

// description is the one place where AWS shows whose change this is.
func (w *runner) description() string {
	text := fmt.Sprintf("Lockstep: commit %s of %s, attempt %s", w.Revision.SHA, w.Revision.Branch, w.ID)
	if w.driver.options.Instance != "" {
		text += ", instance " + w.driver.options.Instance
	}
	return lockstep.Truncate(text, 1000)
}

// handleCreateError decides what a refused CreateChangeSet means. A refusal because
// something else has begun to work on the stack in between is told by looking
// at the stack, not by its text.
func (w *runner) handleCreateError(ctx context.Context, refused error) (target.Step, error) {
	code, message := apiError(refused)
	if isNoChange(message) {
		return w.endUnchanged()
	}

	fault := w.session.toError("CreateChangeSet", refused)
	switch lockstep.KindOf(fault) {
	case lockstep.Unavailable, lockstep.Denied:
		return target.Step{}, fault
	}

	stack, err := w.describeStack(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}

	create, err := checkStackStatus(stack)
	if err != nil {
		return target.Step{}, err
	}
	if hasCode(refused, "AlreadyExists") || create != w.checkpoint.CreatesStack {
		return w.replaceChangeSet("The stack has changed since it was looked at.")
	}

	if code == "" || isNotXML(refused) {
		message = lockstep.Shown(fault)
	}

	w.emit(ChangeSetCreationFailed, w.checkpoint.StackARN, "%s", failureSentence("Changeset creation failed.", message))
	return w.cleanUpAndEnd(lockstep.Failed, message)
}

// noChangeReasons are the ways in which "nothing to change" is said; there is no code
// for it.
var noChangeReasons = [...]string{
	"The submitted information didn't contain changes",
	"No updates are to be performed",
	"There are no changes to execute", // by nested stacks
}

func isNoChange(message string) bool {
	return slices.ContainsFunc(noChangeReasons[:], func(s string) bool { return strings.Contains(message, s) })
}

func (w *runner) endUnchanged() (target.Step, error) {
	w.emit(NoChanges, w.checkpoint.StackARN, "The commit changes nothing in the stack. No update was made.")
	return w.cleanUpAndEnd(lockstep.Unchanged, "")
}

// describeChangeSet looks how far the change set is.
func (w *runner) describeChangeSet(ctx context.Context) (target.Step, error) {
	out, err := w.session.findChangeSet(ctx, w.checkpoint.ChangeSetARN, "")
	if errors.Is(err, errNotFound) {
		return w.replaceChangeSet("The changeset or its stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}
	return w.checkChangeSet(ctx, out)
}

func (w *runner) checkChangeSet(ctx context.Context, out *cloudformation.DescribeChangeSetOutput) (target.Step, error) {
	w.checkpoint.ProposedAt = aws.ToTime(out.CreationTime)
	switch out.Status {
	case types.ChangeSetStatusCreatePending, types.ChangeSetStatusCreateInProgress:
		return w.pollAgain(phaseDescribe)
	case types.ChangeSetStatusFailed:
		reason := aws.ToString(out.StatusReason)
		if isNoChange(reason) {
			return w.endUnchanged()
		}
		if name := missingExportName(reason); name != "" && w.mayAwaitExport() {
			return w.awaitExport(name)
		}

		if reason == "" {
			reason = "CloudFormation gave none"
		}

		w.emit(ChangeSetCreationFailed, w.checkpoint.ChangeSetARN, "%s", failureSentence("Changeset creation failed.", reason))
		return w.cleanUpAndEnd(lockstep.Failed, reason)

	case types.ChangeSetStatusCreateComplete:
		return w.declareIntent(ctx, out)
	}

	return w.replaceChangeSet("The changeset is being deleted by something else.")
}

// declareIntent declares what is about to be executed, and shows it. Nothing is before
// that is committed.
func (w *runner) declareIntent(ctx context.Context, out *cloudformation.DescribeChangeSetOutput) (target.Step, error) {
	switch out.ExecutionStatus {
	case types.ExecutionStatusObsolete:
		return w.replaceChangeSet("Something else has changed the stack since the changeset was made.")
	case types.ExecutionStatusUnavailable:
		return w.pollAgain(phaseDescribe)
	}

	plan, err := w.readPlan(ctx, out)
	if err != nil {
		return target.Step{}, err
	}

	w.emit(ChangeSetCreationSucceeded, w.checkpoint.ChangeSetARN, "Changeset creation succeeded.")
	step, err := w.enterPhase(phaseExecute)
	step.Intent, step.Plan = w.checkpoint.ChangeSetARN, plan

	return step, err
}
