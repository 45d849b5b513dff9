// Package syntax decodes the text of CloudFormation templates into nodes that
// know their lines, and checks the form of function calls.
//
//	text ── JSON or YAML ──▶ [Node] tree ──▶ [CheckArguments], [SplitSub], …
//
// [Decode] accepts JSON and YAML with short tags, and writes short tags in their
// long form: !Ref X becomes {Ref: X}. Scalars become strings, as CloudFormation
// sees them.
//
// # Untrusted text
//
// Anybody who can push writes templates. Aliases and merge keys are refused, as
// AWS refuses them, so that nothing expands; depth, size and the number of nodes
// are bounded.
//
// # Errors
//
// Every error is an *[Error] with a message to show. It uses CloudFormation's
// words where CloudFormation has any, and ends in the line of the cause.
//
// The package does not know the sections of a template; package template does.
package syntax
