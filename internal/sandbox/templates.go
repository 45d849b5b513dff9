package sandbox

import (
	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/template"
)

type getTemplateResult struct {
	TemplateBody    string
	StagesAvailable awsquery.List[string]
}

func (c *call) getTemplate() (any, error) {
	out := getTemplateResult{StagesAvailable: awsquery.NewList("Original", "Processed")}
	if c.form.Text("ChangeSetName") != "" {
		changeSet, err := c.requestedChangeSet()
		if err != nil {
			return nil, err
		}

		out.TemplateBody = changeSet.Definition.Body
		return out, nil
	}

	stack, err := c.requestedStack()
	if err != nil {
		return nil, err
	}
	if stack.Definition.Body == "" {
		return nil, validationError("Stack [%s] is in %s state and has no template", stack.Name, stack.Status)
	}

	out.TemplateBody = stack.Definition.Body
	return out, nil
}

type validateTemplateResult struct {
	Parameters         awsquery.List[templateParameter]
	Description        string                `xml:",omitempty"`
	Capabilities       awsquery.List[string] // absent and empty are equal
	CapabilitiesReason string                `xml:",omitempty"`
}

type templateParameter struct {
	ParameterKey string
	DefaultValue *string `xml:",omitempty"`
	NoEcho       bool
	Description  string `xml:",omitempty"`
}

func (c *call) validateTemplate() (any, error) {
	body, err := c.form.templateBody(nil)
	if err != nil {
		return nil, err
	}

	t, err := template.Parse(body)
	if err != nil {
		return nil, err
	}

	out := validateTemplateResult{Description: t.Description()}
	for _, p := range t.Parameters() {
		declared := templateParameter{ParameterKey: p.Name, NoEcho: p.NoEcho, Description: p.Description}
		if p.HasDefault {
			declared.DefaultValue = &p.Default
		}

		out.Parameters.Members = append(out.Parameters.Members, declared)
	}

	required, reason := t.Capabilities()
	out.Capabilities = awsquery.NewList(required...)
	out.CapabilitiesReason = reason
	return out, nil
}

type templateSummary struct {
	Parameters         awsquery.List[parameterDeclaration]
	Description        string `xml:",omitempty"`
	Capabilities       awsquery.List[string]
	CapabilitiesReason string `xml:",omitempty"`
	ResourceTypes      awsquery.List[string]
	Version            string
}

type parameterDeclaration struct {
	ParameterKey         string
	DefaultValue         *string `xml:",omitempty"`
	ParameterType        string
	NoEcho               bool
	Description          string `xml:",omitempty"`
	ParameterConstraints struct {
		AllowedValues awsquery.List[string]
	}
}

// getTemplateSummary serves GetTemplateSummary, which the AWS CLI's deploy calls before
// it sends parameters.
func (c *call) getTemplateSummary() (any, error) {
	body, err := c.summaryTemplate()
	if err != nil {
		return nil, err
	}

	t, err := template.Parse(body)
	if err != nil {
		return nil, err
	}

	required, reason := t.Capabilities()
	out := templateSummary{
		Description:        t.Description(),
		Capabilities:       awsquery.NewList(required...),
		CapabilitiesReason: reason,
		ResourceTypes:      awsquery.NewList(t.ResourceTypes()...),
		Version:            "2010-09-09",
	}
	for _, parameter := range t.Parameters() {
		declared := parameterDeclaration{
			ParameterKey:  parameter.Name,
			ParameterType: parameter.Type,
			NoEcho:        parameter.NoEcho,
			Description:   parameter.Description,
		}
		if parameter.HasDefault {
			declared.DefaultValue = &parameter.Default
		}

		declared.ParameterConstraints.AllowedValues = awsquery.NewList(parameter.AllowedValues...)
		out.Parameters.Members = append(out.Parameters.Members, declared)
	}

	return out, nil
}

// summaryTemplate returns the template of the request, or that of its stack.
func (c *call) summaryTemplate() (string, error) {
	if c.form.Text("StackName") == "" {
		return c.form.templateBody(nil)
	}
	stack, err := c.requestedStack()
	if err != nil {
		return "", err
	}
	return stack.Definition.Body, nil
}
