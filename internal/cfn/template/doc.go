// Package template reads and evaluates CloudFormation templates.
//
// It is pure: text and parameters in, values out. It knows the language (YAML
// with short tags, JSON, parameters, mappings, conditions, rules, functions,
// outputs) and knows no resource type: what a Ref or an attribute of a resource
// is, and what another stack exports, it asks its caller through [Input].
//
// Three steps, each of which refuses with the words CloudFormation uses, the
// line added where the cause stands on one:
//
//  1. [Parse] decodes the text into nodes that know their lines, and checks all
//     that can be known without values: sections, names, references, the form of
//     every function.
//  2. [Template.Bind] gives every parameter a value and checks its constraints.
//  3. [Template.Evaluate] decides the conditions, orders the resources by what
//     they refer to, and computes their properties and the outputs.
//
// What the package does not evaluate (transforms, macros, modules, dynamic
// references, language extensions) is an error that says "the sandbox does not
// expand X (line N)". Nothing of that kind is skipped in silence.
//
// A template comes from anybody who can push: aliases are refused as AWS
// refuses them, so there is nothing to expand; depth, size, counts and the bytes
// an evaluation may produce are bounded.
package template
