package sandbox

import (
	"fmt"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

// An operation is one action of a service.
type operation struct {
	service awsquery.Service
	writes  bool
	run     func(*call) (any, error)
}

// A call is one request for an operation.
type call struct {
	store.Scope
	sandbox *Sandbox
	caller  caller
	form    requestForm
	action  string
}

func cloudformation() awsquery.Service {
	return awsquery.Service{Namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/"}
}

func sts() awsquery.Service {
	return awsquery.Service{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}
}

func operations() map[string]operation {
	reads := func(f func(*call) (any, error)) operation { return operation{service: cloudformation(), run: f} }
	writes := func(f func(*call) (any, error)) operation {
		return operation{service: cloudformation(), writes: true, run: f}
	}
	return map[string]operation{
		"CreateChangeSet":        writes((*call).createChangeSet),
		"DescribeChangeSet":      reads((*call).describeChangeSet),
		"ExecuteChangeSet":       writes((*call).executeChangeSet),
		"DeleteChangeSet":        writes((*call).deleteChangeSet),
		"ListChangeSets":         reads((*call).listChangeSets),
		"CreateStack":            writes((*call).createStack),
		"UpdateStack":            writes((*call).updateStack),
		"DeleteStack":            writes((*call).deleteStack),
		"DescribeStacks":         reads((*call).describeStacks),
		"ListStacks":             reads((*call).listStacks),
		"DescribeStackEvents":    reads((*call).describeStackEvents),
		"DescribeStackResources": reads((*call).describeStackResources),
		"GetTemplate":            reads((*call).getTemplate),
		"GetTemplateSummary":     reads((*call).getTemplateSummary),
		"ValidateTemplate":       reads((*call).validateTemplate),
		"GetCallerIdentity":      {service: sts(), run: (*call).getCallerIdentity},
		"AssumeRole":             {service: sts(), writes: true, run: (*call).assumeRole},
	}
}

// validationError returns a ValidationError.
func validationError(format string, args ...any) error {
	return &awsquery.Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// constraintError returns a ValidationError of one member.
func constraintError(member, value, constraint string) error {
	shown := "'" + syntax.Clip(value) + "'"
	if value == "" {
		shown = "null"
	}
	return validationError("1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", shown,
		member, constraint)
}
