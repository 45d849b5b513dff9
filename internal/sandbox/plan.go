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

// A plan is what a proposal changes in a stack.
type plan struct {
	existing, desired []rollout.Resource
	changes           []rollout.Change
	outputs           []template.Output
	imports           []string
	// hasChanges is set if the plan changes anything.
	hasChanges bool
	// missingExport is the export that the template imports and that does not exist.
	missingExport *template.MissingExport
}

// A planner evaluates a proposal with a stack's resources.
type planner struct {
	call         *call
	stack        *store.Stack
	site         spec.Site
	proposal     *proposal
	previous     map[string]*rollout.Resource
	hasSecret    map[string]bool // resources with a value from a NoEcho parameter
	plan         *plan
	operation    int
	changedTypes []string
}

// evaluatePlan evaluates a proposal. Its errors are the template's. A missing export is
// in the plan, since it fails the stack and not the request.
func (c *call) evaluatePlan(stack *store.Stack, proposal *proposal) (*plan, error) {
	old, err := c.Resources(stack)
	if err != nil {
		return nil, err
	}

	planner := &planner{
		call:      c,
		stack:     stack,
		proposal:  proposal,
		previous:  map[string]*rollout.Resource{},
		hasSecret: map[string]bool{},
		operation: stack.Operations,
		plan:      &plan{existing: old},
	}
	for i := range old {
		planner.previous[old[i].LogicalID] = &old[i]
	}

	planner.site = spec.Site{
		Partition: c.caller.partition(),
		Region:    stack.Region,
		Account:   stack.Account,
		Suffix:    c.caller.suffix(),
		StackID:   stack.ARN,
		StackName: stack.Name,
	}
	evaluation, err := proposal.template.Evaluate(planner.input())
	if missing, ok := errors.AsType[*template.MissingExport](err); ok {
		return &plan{existing: old, missingExport: missing, hasChanges: true}, nil
	}

	if err != nil {
		return nil, err
	}
	if planner.changedTypes != nil {
		return nil, &syntax.Error{Message: "Update of resource type is not permitted. The new template modifies " +
			"resource type of the following resources: [" + strings.Join(planner.changedTypes, ", ") + "]"}
	}

	planner.plan.outputs = evaluation.Outputs
	planner.plan.imports = evaluation.Imports
	planner.compareResources()
	return planner.plan, planner.checkNameConflicts()
}

func (pl *planner) input() template.Input {
	settings := pl.proposal.definition.Settings
	notifications := make([]any, len(settings.Notifications))
	for i, arn := range settings.Notifications {
		notifications[i] = arn
	}

	return template.Input{
		Parameters: settings.Parameters,
		Pseudo: map[string]any{
			"AWS::AccountId":        pl.site.Account,
			"AWS::Region":           pl.site.Region,
			"AWS::Partition":        pl.site.Partition,
			"AWS::URLSuffix":        pl.site.Suffix,
			"AWS::StackId":          pl.stack.ARN,
			"AWS::StackName":        pl.stack.Name,
			"AWS::NotificationARNs": notifications,
		},
		Import: pl.call.ExportValue,
		StoredParameter: func(name string) (string, bool) {
			if v, ok := spec.PublicParameter(pl.site, name); ok {
				return v, true
			}
			return pl.call.ParameterValue(name)
		},
		ResolveResource: pl.resolveResource,
	}
}

// resolveResource plans a resource and returns its values.
func (pl *planner) resolveResource(resource template.Resource) (template.ResourceValues, error) {
	if resource.Type == "AWS::CloudFormation::Stack" {
		return template.ResourceValues{}, &syntax.Error{Message: nestedStackMessage(resource)}
	}

	behaviour, err := rollout.ReadBehavior(resource.Metadata)
	if err != nil {
		return template.ResourceValues{}, &syntax.Error{Message: fmt.Sprintf("Template format error: "+
			"[/Resources/%s/Metadata] %s (line %d)", resource.LogicalID, err, resource.Line)}
	}

	planned := rollout.Resource{
		LogicalID:           resource.LogicalID,
		Type:                resource.Type,
		Generation:          pl.operation,
		Properties:          resource.Properties,
		Attributes:          resource.Attributes,
		DeletionPolicy:      resource.DeletionPolicy,
		UpdateReplacePolicy: resource.UpdateReplacePolicy,
		DependsOn:           resource.DependsOn,
		Sources:             resource.Sources,
		Behavior:            behaviour,
		EventProperties:     pl.maskedProperties(resource),
	}
	if len(resource.Metadata) > 0 {
		planned.Metadata = syntax.Canonical(resource.Metadata)
	}

	made := pl.assignPhysicalID(&planned)
	pl.plan.desired = append(pl.plan.desired, planned)
	return template.ResourceValues{Ref: planned.PhysicalID, Attribute: func(name string) (any, error) {
		value, err := made.Attribute(name)
		if err != nil {
			return nil, &syntax.Error{Message: err.Error()}
		}
		return value, nil
	}}, nil
}

// assignPhysicalID sets the physical id of a resource: the existing one, unless a
// change replaces the resource.
func (pl *planner) assignPhysicalID(planned *rollout.Resource) spec.Made {
	known := pl.call.sandbox.catalog
	old := pl.previous[planned.LogicalID]
	if old != nil && old.Type != planned.Type {
		pl.changedTypes = append(pl.changedTypes, planned.LogicalID)
	}

	replaced := old != nil && slices.ContainsFunc(rollout.ChangedProperties(old.Properties, planned.Properties),
		func(name string) bool {
			return known.Recreation(planned.Type, name) == spec.Always
		})
	if old != nil && !replaced {
		planned.Generation = old.Generation
	}

	made := known.Make(spec.Order{
		Site:       pl.site,
		Type:       planned.Type,
		LogicalID:  planned.LogicalID,
		Generation: planned.Generation,
		Properties: planned.Properties,
	})
	planned.PhysicalID = made.ID
	if old != nil && !replaced {
		planned.PhysicalID = old.PhysicalID
	}

	if replaced && planned.PhysicalID == old.PhysicalID && known.Unique(planned.Type, planned.Properties) {
		planned.Behavior = rollout.Behavior{Fail: "CloudFormation cannot update a stack when a custom-named resource " +
			"requires replacing. Rename " +
			planned.PhysicalID + " and update the stack again."}
	}

	return made
}

// maskedProperties returns the text of a resource's properties for events. Values of
// NoEcho parameters are masked, also if they come through other resources.
func (pl *planner) maskedProperties(resource template.Resource) string {
	hidden := map[string]bool{}
	for _, p := range pl.proposal.template.Parameters() {
		hidden[p.Name] = p.NoEcho
	}

	properties := map[string]any{}
	for name, v := range resource.Properties {
		properties[name] = v
		for _, ref := range resource.Sources[name].References {
			if hidden[ref.Name] && ref.Kind == template.ToParameter || pl.hasSecret[referencedResource(ref)] {
				properties[name] = template.Masked
				pl.hasSecret[resource.LogicalID] = true
			}
		}
	}

	return syntax.Canonical(properties)
}

// referencedResource returns the resource that a reference refers to.
func referencedResource(ref template.Reference) string {
	if ref.Kind == template.ToParameter {
		return ""
	}
	id, _, _ := strings.Cut(ref.Name, ".")
	return id
}

func nestedStackMessage(r template.Resource) string {
	url, _ := r.Properties["TemplateURL"].(string)
	return fmt.Sprintf("the sandbox does not support AWS::CloudFormation::Stack with TemplateURL %s (line %d)",
		syntax.Clip(url), r.Line)
}

// compareResources computes the changes.
func (pl *planner) compareResources() {
	before, after := pl.stack.Definition.Settings, pl.proposal.definition.Settings
	tags := !slices.Equal(before.Tags, after.Tags)
	parameters := map[string]bool{}
	for name, v := range after.Parameters {
		old, had := before.Parameters[name]
		parameters[name] = !had || old != v
	}
	cmp := rollout.Comparison{Catalog: pl.call.sandbox.catalog, Parameters: parameters, Tags: tags}
	pl.plan.changes = cmp.Compare(pl.plan.existing, pl.plan.desired)
	pl.plan.hasChanges = len(pl.plan.changes) > 0 || tags || !slices.Equal(pl.stack.Outputs, pl.plan.outputs)
}

// checkNameConflicts fails new resources whose name a resource of another stack has, as
// AWS does.
func (pl *planner) checkNameConflicts() error {
	for i := range pl.plan.desired {
		planned := &pl.plan.desired[i]
		old := pl.previous[planned.LogicalID]
		if old != nil && old.PhysicalID == planned.PhysicalID ||
			!pl.call.sandbox.catalog.Unique(planned.Type, planned.Properties) {
			continue
		}

		owner, taken, err := pl.call.ResourceOwner(pl.stack, planned.Type, planned.PhysicalID)
		if err != nil {
			return err
		}

		if taken {
			planned.Behavior = rollout.Behavior{Fail: planned.PhysicalID + " already exists in stack " + owner}
		}
	}

	return nil
}
