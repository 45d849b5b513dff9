// Package deploymentfile reads what a commit asks of a CloudFormation stack: the
// deployment file, and the parameters of the template it names.
//
//	[Read]        deployment file ─▶ template ─▶ [Document], with the inputs read
//	[Discoverer]  finds the deployment files of a tree, and templates without one
//	[Encoder]     writes a deployment file, and compares two of them
//
// # Strictness
//
// AWS's format has three keys: template-file-path, parameters and tags. Any other
// key is an error, since a key that is ignored is a change that never happens. An
// error names the file, the line and the key, and never a value, since a value
// may be a secret.
//
// # Untrusted text
//
// Sizes and counts are bounded. In deployment files aliases are refused, so that
// nothing expands. Paths cannot leave the commit.
//
// The package does not evaluate templates and does not call CloudFormation.
package deploymentfile
