// Package template checks and evaluates CloudFormation templates.
//
//		text ── [Parse] ──▶ [Template] ── [Template.Evaluate] ──▶ [Evaluation]
//		                        └── [Template.BindParameters] ──▶ parameter values
//
//	 1. [Parse] checks everything that does not depend on values: sections, names,
//	    references and the form of every function.
//	 2. [Template.BindParameters] chooses the value of every parameter and checks its
//	    constraints.
//	 3. [Template.Evaluate] evaluates the conditions, sorts the resources by their
//	    dependencies, and computes their properties and the outputs.
//
// The package is pure. It knows the language and no resource type: the values of
// Ref and GetAtt, the exports of other stacks and stored parameters come from the
// caller through [Input].
//
// # Errors
//
// Errors are *[syntax.Error]. They have CloudFormation's words, and the line of
// the cause if there is one. An import of a missing export is a *[MissingExport].
//
// # Limits
//
// Anybody who can push writes templates, so counts and the bytes that an
// evaluation produces are bounded.
//
// Transforms, macros, modules, dynamic references and language extensions are not
// evaluated. Each is an error, "the sandbox does not support X (line N)", and none
// is skipped.
package template
