package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/spec"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

// A plan is what a proposal would do to a stack as it is.
type plan struct {
	old, new []rollout.Resource
	changes  []rollout.Change
	outputs  []template.Output
	imports  []string
	// changed says that carrying the plan out would change anything.
	changed bool
	// missing is the export that the template imports and nobody exports.
	missing *template.MissingExport
}

// planner evaluates a proposal against a stack's resources.
type planner struct {
	c            *call
	st           *store.Stack
	site         spec.Site
	proposal     *proposal
	before       map[string]*rollout.Resource
	secret       map[string]bool // resources with a value from a NoEcho parameter
	plan         *plan
	operation    int
	changedTypes []string
}

// evaluatePlan evaluates a proposal. Its errors are the template's; a missing export is
// no error but in the plan, because it fails the stack and not the request.
func (c *call) evaluatePlan(stack *store.Stack, proposal *proposal) (*plan, error) {
	old, err := c.Resources(stack)
	if err != nil {
		return nil, err
	}

	planner := &planner{c: c, st: stack, proposal: proposal, before: map[string]*rollout.Resource{}, secret: map[string]bool{}, operation: stack.Operations, plan: &plan{old: old}}
	for i := range old {
		planner.before[old[i].LogicalID] = &old[i]
	}

	planner.site = spec.Site{Partition: c.who.partition(), Region: stack.Region, Account: stack.Account, Suffix: c.who.suffix(), StackID: stack.ARN, StackName: stack.Name}
	evaluation, err := proposal.template.Evaluate(planner.input())
	if missing, ok := errors.AsType[*template.MissingExport](err); ok {
		return &plan{old: old, missing: missing, changed: true}, nil
	}

	if err != nil {
		return nil, err
	}
	if planner.changedTypes != nil {
		return nil, &syntax.Error{Message: "Update of resource type is not permitted. The new template modifies resource type of the following resources: [" + strings.Join(planner.changedTypes, ", ") + "]"}
	}

	planner.plan.outputs, planner.plan.imports = evaluation.Outputs, evaluation.Imports
	planner.compareResources()
	return planner.plan, planner.checkNameConflicts()
}

func (pl *planner) input() template.Input {
	settings := pl.proposal.def.Settings
	notifications := make([]any, len(settings.Notifications))
	for i, arn := range settings.Notifications {
		notifications[i] = arn
	}

	return template.Input{
		Parameters: settings.Parameters,
		Pseudo: map[string]any{
			"AWS::AccountId": pl.site.Account, "AWS::Region": pl.site.Region, "AWS::Partition": pl.site.Partition,
			"AWS::URLSuffix": pl.site.Suffix, "AWS::StackId": pl.st.ARN, "AWS::StackName": pl.st.Name,
			"AWS::NotificationARNs": notifications,
		},
		Import: pl.c.ExportValue,
		StoredParameter: func(name string) (string, bool) {
			if v, ok := spec.PublicParameter(pl.site, name); ok {
				return v, true
			}
			return pl.c.ParameterValue(name)
		},
		ResolveResource: pl.resolveResource,
	}
}

// resolveResource decides whether a resource keeps its physical id, and gives it one.
func (pl *planner) resolveResource(resource template.Resource) (template.ResourceValues, error) {
	if resource.Type == "AWS::CloudFormation::Stack" {
		return template.ResourceValues{}, &syntax.Error{Message: nestedStackMessage(resource)}
	}

	behaviour, err := rollout.ReadBehaviour(resource.Metadata)
	if err != nil {
		return template.ResourceValues{}, &syntax.Error{Message: fmt.Sprintf("Template format error: [/Resources/%s/Metadata] %s (line %d)", resource.LogicalID, err, resource.Line)}
	}

	planned := rollout.Resource{
		LogicalID: resource.LogicalID, Type: resource.Type, Generation: pl.operation, Properties: resource.Properties,
		Attributes: resource.Attributes, DeletionPolicy: resource.DeletionPolicy, UpdateReplacePolicy: resource.UpdateReplacePolicy,
		DependsOn: resource.DependsOn, Sources: resource.Sources, Behaviour: behaviour, Shown: pl.maskedProperties(resource),
	}
	if len(resource.Metadata) > 0 {
		planned.Metadata = syntax.Canonical(resource.Metadata)
	}

	made := pl.assignPhysicalID(&planned)
	pl.plan.new = append(pl.plan.new, planned)
	return template.ResourceValues{Ref: planned.PhysicalID, Attribute: func(name string) (any, error) {
		value, err := made.Attribute(name)
		if err != nil {
			return nil, &syntax.Error{Message: err.Error()}
		}
		return value, nil
	}}, nil
}

// assignPhysicalID returns a resource its physical id: the one it has, unless a change
// replaces it.
func (pl *planner) assignPhysicalID(planned *rollout.Resource) spec.Made {
	known := pl.c.s.catalog
	old := pl.before[planned.LogicalID]
	if old != nil && old.Type != planned.Type {
		pl.changedTypes = append(pl.changedTypes, planned.LogicalID)
	}

	replaced := old != nil && slices.ContainsFunc(rollout.ChangedProperties(old.Properties, planned.Properties), func(name string) bool {
		return known.Recreation(planned.Type, name) == spec.Always
	})
	if old != nil && !replaced {
		planned.Generation = old.Generation
	}

	made := known.Make(spec.Order{Site: pl.site, Type: planned.Type, LogicalID: planned.LogicalID, Generation: planned.Generation, Properties: planned.Properties})
	planned.PhysicalID = made.ID
	if old != nil && !replaced {
		planned.PhysicalID = old.PhysicalID
	}

	if replaced && planned.PhysicalID == old.PhysicalID && known.Unique(planned.Type, planned.Properties) {
		planned.Behaviour = rollout.Behaviour{Fail: "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename " +
			planned.PhysicalID + " and update the stack again."}
	}

	return made
}

// maskedProperties is the text of a resource's properties for events: what comes from a
// NoEcho parameter, be it by way of other resources, is masked.
func (pl *planner) maskedProperties(resource template.Resource) string {
	hidden := map[string]bool{}
	for _, p := range pl.proposal.template.Parameters() {
		hidden[p.Name] = p.NoEcho
	}

	properties := map[string]any{}
	for name, v := range resource.Properties {
		properties[name] = v
		for _, ref := range resource.Sources[name].References {
			if hidden[ref.Name] && ref.Kind == template.ToParameter || pl.secret[referencedResource(ref)] {
				properties[name] = template.Masked
				pl.secret[resource.LogicalID] = true
			}
		}
	}

	return syntax.Canonical(properties)
}

// referencedResource is the resource that a reference is to.
func referencedResource(ref template.Reference) string {
	if ref.Kind == template.ToParameter {
		return ""
	}
	id, _, _ := strings.Cut(ref.Name, ".")
	return id
}

func nestedStackMessage(r template.Resource) string {
	url, _ := r.Properties["TemplateURL"].(string)
	return fmt.Sprintf("the sandbox does not expand AWS::CloudFormation::Stack with TemplateURL %s (line %d)", syntax.Clip(url), r.Line)
}

// compareResources works out the changes and whether there are any.
func (pl *planner) compareResources() {
	before, after := pl.st.Definition.Settings, pl.proposal.def.Settings
	tags := !slices.Equal(before.Tags, after.Tags)
	parameters := map[string]bool{}
	for name, v := range after.Parameters {
		old, had := before.Parameters[name]
		parameters[name] = !had || old != v
	}
	cmp := rollout.Comparison{Catalog: pl.c.s.catalog, Parameters: parameters, Tags: tags}
	pl.plan.changes = cmp.Compare(pl.plan.old, pl.plan.new)
	pl.plan.changed = len(pl.plan.changes) > 0 || tags || !slices.Equal(pl.st.Outputs, pl.plan.outputs)
}

// checkNameConflicts returns new resources the failure that AWS would: a name that another
// stack's resource has.
func (pl *planner) checkNameConflicts() error {
	for i := range pl.plan.new {
		planned := &pl.plan.new[i]
		old := pl.before[planned.LogicalID]
		if old != nil && old.PhysicalID == planned.PhysicalID || !pl.c.s.catalog.Unique(planned.Type, planned.Properties) {
			continue
		}

		owner, taken, err := pl.c.ResourceOwner(pl.st, planned.Type, planned.PhysicalID)
		if err != nil {
			return err
		}

		if taken {
			planned.Behaviour = rollout.Behaviour{Fail: planned.PhysicalID + " already exists in stack " + owner}
		}
	}

	return nil
}
