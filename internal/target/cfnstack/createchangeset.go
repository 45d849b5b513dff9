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

// maxInspectionAge is how old the description of the stack may be when a change
// set is created.
const maxInspectionAge = time.Minute

// bundle reads the files, describes the stack and decides what kind of change set
// to create. It changes nothing, so that errors of the files are found before the
// first call that changes something.
func (c creation) bundle(ctx context.Context) (target.Step, error) {
	document, err := c.readDocument(ctx)
	if err != nil {
		return target.Step{}, err
	}

	stack, err := c.describeStack(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}
	if err := c.checkUnchanged(ctx, stack); err != nil {
		return target.Step{}, err
	}

	create, err := checkStackStatus(stack)
	if err != nil {
		return target.Step{}, err
	}

	previous, absent, err := absentParameters(document, stack, create)
	if err != nil {
		return target.Step{}, err
	}

	if !c.checkpoint.BundleEmitted {
		c.emit(TemplateBundled, string(c.Revision.SHA), "Uploaded CloudFormation template.")
		if absent != "" {
			c.emit(ParametersAbsent, "", "Not in the deployment file: %s.", absent)
		}
		for _, warning := range document.Warnings {
			c.emit(DuplicateKey, "", "%s", warning)
		}
	}

	if c.checkpoint.ExportRetries == 0 {
		c.emit(ChangeSetCreationInProgress, stackID(stack), "Creating a changeset.")
	}

	state := &c.checkpoint
	state.BundleEmitted = true
	state.InspectedAt = c.Now
	state.ChangeSetNumber++
	state.ChangeSetName = fmt.Sprintf("lockstep-%s-%d", c.ID, state.ChangeSetNumber)
	state.CreatesStack = create
	state.StackARN = stackID(stack)
	state.PreviousParameters = previous
	state.HasSecret = len(document.Secrets()) > 0

	return c.enterPhase(phaseCreate)
}

// absentParameters decides which values the parameters get that are not in the
// deployment file. A NoEcho parameter keeps the stack's value. Another one gets the
// template's default or, without one, keeps the stack's value. It returns the names
// of those that keep their value, and a description of all.
func absentParameters(doc *deploymentfile.Document, stack *types.Stack, create bool) (previous []string,
	description string, err error) {
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

	var described []string
	for _, parameter := range doc.Template.Parameters {
		switch {
		case given[parameter.Name]:
		case inStack[parameter.Name] && (parameter.NoEcho || !parameter.HasDefault):
			previous = append(previous, parameter.Name)
			described = append(described, parameter.Name+" (keeps the stack's value)")
		case parameter.HasDefault:
			described = append(described, parameter.Name+" (the template's default)")
		default:
			return nil, "", doc.MissingParameterError(parameter.Name)
		}
	}

	return previous, strings.Join(described, ", "), nil
}

// createChangeSet creates the change set, unless it exists.
func (c creation) createChangeSet(ctx context.Context) (target.Step, error) {
	found, err := c.findChangeSet(ctx)
	if err == nil {
		c.rememberChangeSet(aws.ToString(found.ChangeSetId), aws.ToString(found.StackId))
		return c.checkChangeSet(ctx, found)
	}

	if !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}

	if c.Now.Sub(c.checkpoint.InspectedAt) > maxInspectionAge { // the stack may have changed since
		stale := c.checkpoint.StaleChangeSet
		c.checkpoint = c.checkpoint.forNextChangeSet()
		c.checkpoint.ChangeSetNumber--
		c.checkpoint.StaleChangeSet = stale

		return c.enterPhase(phaseBundle)
	}

	document, err := c.readDocument(ctx)
	if err != nil {
		return target.Step{}, err
	}

	c.deleteStaleChangeSet(ctx)
	out, err := c.session.client.CreateChangeSet(ctx, c.changeSetInput(document), c.session.callOptions, withoutRetries)
	if err != nil {
		return c.handleCreateError(ctx, err)
	}

	if aws.ToString(out.Id) == "" || aws.ToString(out.StackId) == "" {
		return target.Step{}, c.session.emptyError("CreateChangeSet", "changeset")
	}

	before := c.checkpoint.StackARN
	c.rememberChangeSet(aws.ToString(out.Id), aws.ToString(out.StackId))
	if before != "" && before != c.checkpoint.StackARN {
		if !c.checkpoint.CreatesStack {
			return c.replaceChangeSet("Another stack has taken the name.")
		}
		c.deleteOrphan(ctx, before)
	}

	return c.describeChangeSet(ctx)
}

// deleteOrphan deletes the empty stack that an earlier attempt left, on endpoints that
// create another stack of the same name instead of using it. The call names the orphan
// by ARN, so that it harms nothing when it arrives late or twice. If it is lost, the
// orphan stays.
func (c creation) deleteOrphan(ctx context.Context, arn string) {
	stack, err := c.session.describeStack(ctx, arn)
	if err == nil && stack.StackStatus == types.StackStatusReviewInProgress {
		_, err = c.session.client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &arn}, c.session.callOptions)
	}
	if err != nil && !errors.Is(err, errNotFound) {
		c.driver.options.Log.Info("empty stack not deleted", "attempt", c.ID, "stack", arn, "err", err)
	}
}

// rememberChangeSet records the ARNs of this attempt's change set and of its stack.
func (r *runner) rememberChangeSet(changeSetARN, stackARN string) {
	r.checkpoint.ChangeSetARN = changeSetARN
	r.checkpoint.StackARN = stackARN
}

func (c creation) changeSetInput(doc *deploymentfile.Document) *cloudformation.CreateChangeSetInput {
	input := &cloudformation.CreateChangeSetInput{
		// By name, since some endpoints cannot update a stack by ARN. The StackId of
		// the response shows whether it is still the same stack.
		StackName:     &c.Configuration.ResourceName,
		ChangeSetName: &c.checkpoint.ChangeSetName,
		ClientToken:   &c.checkpoint.ChangeSetName,
		ChangeSetType: types.ChangeSetTypeUpdate,
		TemplateBody:  &doc.Template.Body,
		Capabilities: []types.Capability{
			types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand,
		},
		Description: aws.String(c.description()),
	}
	if c.checkpoint.CreatesStack {
		input.ChangeSetType = types.ChangeSetTypeCreate
	}

	if doc.Template.HasNestedStacks {
		input.IncludeNestedStacks = aws.Bool(true)
	}

	for _, p := range doc.File.Parameters {
		input.Parameters = append(input.Parameters, types.Parameter{ParameterKey: &p.Name, ParameterValue: &p.Value})
	}

	for _, name := range c.checkpoint.PreviousParameters {
		input.Parameters = append(input.Parameters,
			types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
	}

	if doc.File.HasTags { // an empty list clears the tags, no list keeps them
		input.Tags = make([]types.Tag, 0, len(doc.File.Tags))
		for _, t := range doc.File.Tags {
			input.Tags = append(input.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
		}
	}

	return input
}

// description is the only place where AWS shows whose change this is.
func (c creation) description() string {
	text := fmt.Sprintf("Lockstep: commit %s of %s, attempt %s", c.Revision.SHA, c.Revision.Branch, c.ID)
	if c.driver.options.Instance != "" {
		text += ", instance " + c.driver.options.Instance
	}
	return lockstep.Truncate(text, 1000)
}

// handleCreateError decides what a refused CreateChangeSet means. It describes the
// stack to find out whether something else has begun to change it, since the error
// has no code for that.
func (c creation) handleCreateError(ctx context.Context, refused error) (target.Step, error) {
	_, message := apiError(refused)
	if isNoChange(message) {
		return c.endUnchanged()
	}

	fault := c.session.toError("CreateChangeSet", refused)
	switch lockstep.KindOf(fault) {
	case lockstep.Unavailable, lockstep.Denied:
		return target.Step{}, fault
	}

	stack, err := c.describeStack(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}

	create, err := checkStackStatus(stack)
	if err != nil {
		return target.Step{}, err
	}
	if hasCode(refused, "AlreadyExists") || create != c.checkpoint.CreatesStack {
		return c.replaceChangeSet("The stack has changed since it was described.")
	}

	if isPlain(refused) {
		message = lockstep.Shown(fault)
	}

	c.emit(ChangeSetCreationFailed, c.checkpoint.StackARN, "%s", failureSentence("Changeset creation failed.", message))
	return c.cleanUpAndEnd(lockstep.Failed, message)
}

// noChangeReasons are the messages for "nothing to change". CloudFormation has no
// code for it.
var noChangeReasons = [...]string{
	"The submitted information didn't contain changes",
	"No updates are to be performed",
	"There are no changes to execute", // by nested stacks
}

func isNoChange(message string) bool {
	return slices.ContainsFunc(noChangeReasons[:], func(s string) bool { return strings.Contains(message, s) })
}

func (c creation) endUnchanged() (target.Step, error) {
	c.emit(NoChanges, c.checkpoint.StackARN, "The commit changes nothing in the stack. No update was performed.")
	return c.cleanUpAndEnd(lockstep.Unchanged, "")
}

// describeChangeSet continues by the status of the change set.
func (c creation) describeChangeSet(ctx context.Context) (target.Step, error) {
	out, err := c.session.findChangeSet(ctx, c.checkpoint.ChangeSetARN, "")
	if errors.Is(err, errNotFound) {
		return c.replaceChangeSet("The changeset or its stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}
	return c.checkChangeSet(ctx, out)
}

func (c creation) checkChangeSet(ctx context.Context, out *cloudformation.DescribeChangeSetOutput) (target.Step,
	error) {
	c.checkpoint.CreatedAt = aws.ToTime(out.CreationTime)
	switch out.Status {
	case types.ChangeSetStatusCreatePending, types.ChangeSetStatusCreateInProgress:
		return c.pollAgain(phaseDescribe)
	case types.ChangeSetStatusFailed:
		reason := aws.ToString(out.StatusReason)
		if isNoChange(reason) {
			return c.endUnchanged()
		}
		if name := missingExportName(reason); name != "" && c.mayAwaitExport() {
			return c.awaitExport(name)
		}

		if reason == "" {
			reason = "CloudFormation returned no reason"
		}

		c.emit(ChangeSetCreationFailed, c.checkpoint.ChangeSetARN, "%s",
			failureSentence("Changeset creation failed.", reason))
		return c.cleanUpAndEnd(lockstep.Failed, reason)

	case types.ChangeSetStatusCreateComplete:
		return c.declareIntent(ctx, out)
	}

	return c.replaceChangeSet("The changeset is being deleted by something else.")
}

// declareIntent returns the intent to execute the change set, and its plan. The
// change set is executed once the intent is committed.
func (c creation) declareIntent(ctx context.Context, out *cloudformation.DescribeChangeSetOutput) (target.Step, error) {
	switch out.ExecutionStatus {
	case types.ExecutionStatusObsolete:
		return c.replaceChangeSet("The stack was changed by something else after the changeset was created.")
	case types.ExecutionStatusUnavailable:
		return c.pollAgain(phaseDescribe)
	}

	plan, err := c.readPlan(ctx, out)
	if err != nil {
		return target.Step{}, err
	}

	c.emit(ChangeSetCreationSucceeded, c.checkpoint.ChangeSetARN, "Changeset creation succeeded.")
	step, err := c.enterPhase(phaseExecute)
	step.Intent = c.checkpoint.ChangeSetARN
	step.Plan = plan

	return step, err
}
