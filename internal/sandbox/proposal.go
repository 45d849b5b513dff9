package sandbox

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

// A requestForm has the members of a request.
type requestForm struct{ awsquery.Form }

// A proposal is the stack that a request asks for.
type proposal struct {
	definition store.Definition
	template   *template.Template
}

// readProposal reads the proposal of the request. Before is the stack's definition,
// nil for a new stack.
func (f requestForm) readProposal(before *store.Definition) (*proposal, error) {
	if err := f.checkSupported(); err != nil {
		return nil, err
	}

	body, err := f.templateBody(before)
	if err != nil {
		return nil, err
	}

	t, err := template.Parse(body)
	if err != nil {
		return nil, err
	}

	proposal := &proposal{template: t, definition: store.Definition{Body: body}}
	settings := &proposal.definition.Settings
	var previous map[string]string
	if before != nil {
		previous = before.Settings.Parameters
		settings.Tags = before.Settings.Tags
		settings.RoleARN = before.Settings.RoleARN
		settings.Notifications = before.Settings.Notifications
	}

	if settings.Parameters, err = t.BindParameters(f.parameterInputs(), previous); err != nil {
		return nil, err
	}

	settings.Description = t.Description()
	settings.ShownParameters = maskParameters(t, settings.Parameters)
	if err := f.readSettings(settings); err != nil {
		return nil, err
	}

	return proposal, f.checkCapabilities(t, settings.Capabilities)
}

// checkSupported refuses members of the request that the sandbox does not implement.
func (f requestForm) checkSupported() error {
	for _, name := range []string{
		"StackPolicyBody", "StackPolicyURL", "StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL",
		"DeploymentMode",
	} {
		if f.Text(name) != "" {
			return validationError("the sandbox does not support %s", name)
		}
	}

	for _, name := range []string{"ResourceTypes", "ResourcesToImport", "RollbackConfiguration.RollbackTriggers"} {
		if len(f.Members(name)) > 0 {
			return validationError("the sandbox does not support %s", name)
		}
	}

	if f.Text("ImportExistingResources") == "true" {
		return validationError("the sandbox does not support ImportExistingResources")
	}

	return nil
}

// maskParameters returns the values in the template's order, NoEcho values masked.
func maskParameters(t *template.Template, values map[string]string) []store.Parameter {
	var out []store.Parameter
	for _, parameter := range t.Parameters() {
		value := values[parameter.Name]
		if parameter.NoEcho {
			value = template.Masked
		}
		out = append(out, store.Parameter{ParameterKey: parameter.Name, ParameterValue: value})
	}
	return out
}

// templateBody returns the text of the request's template.
func (f requestForm) templateBody(before *store.Definition) (string, error) {
	body, previous := f.Text("TemplateBody"), f.Text("UsePreviousTemplate") == "true"
	url := f.Text("TemplateURL")
	switch {
	case url != "":
		return "", validationError("the sandbox does not support TemplateURL %s: send the template as TemplateBody",
			syntax.Clip(url))
	case body != "" && previous:
		return "", validationError("You cannot specify both usePreviousTemplate and Template Body/Template URL.")
	case previous && before != nil:
		return before.Body, nil
	case previous:
		return "", validationError("UsePreviousTemplate cannot be used for a stack that has no template")
	case body == "":
		return "", validationError("Either Template URL or Template Body must be specified.")
	case len(body) > syntax.MaxBody:
		return "", constraintError("templateBody", body,
			"Member must have length less than or equal to "+strconv.Itoa(syntax.MaxBody))
	}

	return body, nil
}

func (f requestForm) parameterInputs() []template.ParameterInput {
	var out []template.ParameterInput
	for _, member := range f.Members("Parameters") {
		out = append(out, template.ParameterInput{
			Key:         member.Text("ParameterKey"),
			Value:       member.Pointer("ParameterValue"),
			UsePrevious: member.Text("UsePreviousValue") == "true",
		})
	}
	return out
}

// readSettings reads the members other than the template and the parameters. An absent
// member keeps the previous value, and an empty list removes it.
func (f requestForm) readSettings(settings *store.Settings) error {
	if f.HasList("Tags") {
		tags, err := f.tags()
		if err != nil {
			return err
		}

		settings.Tags = tags
	}

	if role := f.Text("RoleARN"); role != "" {
		if !strings.HasPrefix(role, "arn:") || len(role) < 20 || len(role) > 2048 {
			return constraintError("roleARN", role, "Member must have length between 20 and 2048 and be an ARN")
		}
		settings.RoleARN = role
	}

	if f.HasList("NotificationARNs") {
		settings.Notifications = f.Texts("NotificationARNs")
	}

	settings.Capabilities = f.Texts("Capabilities")
	for _, name := range settings.Capabilities {
		if !slices.Contains([]string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}, name) {
			return constraintError("capabilities", name,
				"Member must satisfy enum value set: [CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND, CAPABILITY_IAM]")
		}
	}

	var err error
	settings.RetainExceptOnCreate, err = f.Flag("RetainExceptOnCreate")
	return err
}

func (f requestForm) tags() ([]store.Tag, error) {
	var out []store.Tag
	seen := map[string]bool{}
	for _, m := range f.Members("Tags") {
		t := store.Tag{Key: m.Text("Key"), Value: m.Text("Value")}
		switch {
		case t.Key == "" || len([]rune(t.Key)) > 128:
			return nil, constraintError("tags", t.Key, "Member must have length between 1 and 128")
		case len([]rune(t.Value)) > 256:
			return nil, constraintError("tags", t.Value, "Member must have length less than or equal to 256")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, validationError("aws: prefixed tag key names are not allowed for external use.")
		case seen[t.Key]:
			return nil, validationError("Duplicate tag key: %s", syntax.Clip(t.Key))
		}

		seen[t.Key] = true
		out = append(out, t)
	}

	if len(out) > 50 {
		return nil, constraintError("tags", strconv.Itoa(len(out)), "Member must have length less than or equal to 50")
	}

	slices.SortFunc(out, func(a, b store.Tag) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// checkCapabilities returns an error if the request lacks capabilities of the template.
func (f requestForm) checkCapabilities(t *template.Template, given []string) error {
	required, _ := t.Capabilities()
	for _, name := range required {
		if !slices.Contains(given, name) && !slices.Contains(given, "CAPABILITY_NAMED_IAM") {
			return &awsquery.Error{Code: "InsufficientCapabilitiesException",
				Message: "Requires capabilities : [" + strings.Join(required, ", ") + "]"}
		}
	}
	return nil
}

// readOnFailure reads the members of CreateStack and UpdateStack about failure.
func (f requestForm) readOnFailure() (rollout.OnFailure, error) {
	disable, err := f.Flag("DisableRollback")
	if err != nil {
		return "", err
	}

	asked := f.Text("OnFailure")
	if asked != "" && f.Has("DisableRollback") {
		return "", validationError("You can specify either DisableRollback or OnFailure, but not both.")
	}
	if disable {
		return rollout.DoNothing, nil
	}

	return parseOnFailure("onFailure", asked)
}

func parseOnFailure(member, name string) (rollout.OnFailure, error) {
	switch onFailure := rollout.OnFailure(name); onFailure {
	case "":
		return rollout.Rollback, nil
	case rollout.Rollback, rollout.DoNothing, rollout.DeleteStack:
		return onFailure, nil
	}
	return "", constraintError(member, name, "Member must satisfy enum value set: [DO_NOTHING, ROLLBACK, DELETE]")
}
