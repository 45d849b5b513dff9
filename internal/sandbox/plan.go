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
func (c *call) evaluatePlan(st *store.Stack, p *proposal) (*plan, error) {
	old, err := c.Resources(st)
	if err != nil {
		return nil, err
	}

	pl := &planner{c: c, st: st, proposal: p, before: map[string]*rollout.Resource{}, secret: map[string]bool{}, operation: st.Operations, plan: &plan{old: old}}
	for i := range old {
		pl.before[old[i].LogicalID] = &old[i]
	}

	pl.site = spec.Site{Partition: c.who.partition(), Region: st.Region, Account: st.Account, Suffix: c.who.suffix(), StackID: st.ARN, StackName: st.Name}
	ev, err := p.template.Evaluate(pl.input())
	if missing, ok := errors.AsType[*template.MissingExport](err); ok {
		return &plan{old: old, missing: missing, changed: true}, nil
	}

	if err != nil {
		return nil, err
	}
	if pl.changedTypes != nil {
		return nil, &syntax.Error{Message: "Update of resource type is not permitted. The new template modifies resource type of the following resources: [" + strings.Join(pl.changedTypes, ", ") + "]"}
	}

	pl.plan.outputs, pl.plan.imports = ev.Outputs, ev.Imports
	pl.compareResources()
	return pl.plan, pl.checkNameConflicts()
}

func (pl *planner) input() template.Input {
	d := pl.proposal.def.Settings
	notifications := make([]any, len(d.Notifications))
	for i, arn := range d.Notifications {
		notifications[i] = arn
	}

	return template.Input{
		Parameters: d.Parameters,
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
func (pl *planner) resolveResource(r template.Resource) (template.ResourceValues, error) {
	if r.Type == "AWS::CloudFormation::Stack" {
		return template.ResourceValues{}, &syntax.Error{Message: nestedStackMessage(r)}
	}

	behaviour, err := rollout.ReadBehaviour(r.Metadata)
	if err != nil {
		return template.ResourceValues{}, &syntax.Error{Message: fmt.Sprintf("Template format error: [/Resources/%s/Metadata] %s (line %d)", r.LogicalID, err, r.Line)}
	}

	n := rollout.Resource{
		LogicalID: r.LogicalID, Type: r.Type, Generation: pl.operation, Properties: r.Properties,
		Attributes: r.Attributes, DeletionPolicy: r.DeletionPolicy, UpdateReplacePolicy: r.UpdateReplacePolicy,
		DependsOn: r.DependsOn, Sources: r.Sources, Behaviour: behaviour, Shown: pl.maskedProperties(r),
	}
	if len(r.Metadata) > 0 {
		n.Metadata = syntax.Canonical(r.Metadata)
	}

	made := pl.assignPhysicalID(&n)
	pl.plan.new = append(pl.plan.new, n)
	return template.ResourceValues{Ref: n.PhysicalID, Attribute: func(name string) (any, error) {
		v, err := made.Attribute(name)
		if err != nil {
			return nil, &syntax.Error{Message: err.Error()}
		}
		return v, nil
	}}, nil
}

// assignPhysicalID gives a resource its physical id: the one it has, unless a change
// replaces it.
func (pl *planner) assignPhysicalID(n *rollout.Resource) spec.Made {
	known := pl.c.s.catalog
	old := pl.before[n.LogicalID]
	if old != nil && old.Type != n.Type {
		pl.changedTypes = append(pl.changedTypes, n.LogicalID)
	}

	replaced := old != nil && slices.ContainsFunc(rollout.ChangedProperties(old.Properties, n.Properties), func(name string) bool {
		return known.Recreation(n.Type, name) == spec.Always
	})
	if old != nil && !replaced {
		n.Generation = old.Generation
	}

	made := known.Make(spec.Order{Site: pl.site, Type: n.Type, LogicalID: n.LogicalID, Generation: n.Generation, Properties: n.Properties})
	n.PhysicalID = made.ID
	if old != nil && !replaced {
		n.PhysicalID = old.PhysicalID
	}

	if replaced && n.PhysicalID == old.PhysicalID && known.Unique(n.Type, n.Properties) {
		n.Behaviour = rollout.Behaviour{Fail: "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename " +
			n.PhysicalID + " and update the stack again."}
	}

	return made
}

// maskedProperties is the text of a resource's properties for events: what comes from a
// NoEcho parameter, be it by way of other resources, is masked.
func (pl *planner) maskedProperties(r template.Resource) string {
	hidden := map[string]bool{}
	for _, p := range pl.proposal.template.Parameters() {
		hidden[p.Name] = p.NoEcho
	}

	properties := map[string]any{}
	for name, v := range r.Properties {
		properties[name] = v
		for _, ref := range r.Sources[name].References {
			if hidden[ref.Name] && ref.Kind == template.ToParameter || pl.secret[referencedResource(ref)] {
				properties[name] = template.Masked
				pl.secret[r.LogicalID] = true
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

// checkNameConflicts gives new resources the failure that AWS would: a name that another
// stack's resource has.
func (pl *planner) checkNameConflicts() error {
	for i := range pl.plan.new {
		n := &pl.plan.new[i]
		old := pl.before[n.LogicalID]
		if old != nil && old.PhysicalID == n.PhysicalID || !pl.c.s.catalog.Unique(n.Type, n.Properties) {
			continue
		}

		owner, taken, err := pl.c.ResourceOwner(pl.st, n.Type, n.PhysicalID)
		if err != nil {
			return err
		}

		if taken {
			n.Behaviour = rollout.Behaviour{Fail: n.PhysicalID + " already exists in stack " + owner}
		}
	}

	return nil
}
