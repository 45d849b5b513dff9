package policy

import (
	_ "embed"
	"slices"
)

// builtInPolicies are the policies of the ready-made roles: part of every Set.
//
//go:embed builtin.cedar
var builtInPolicies string

// BuiltInRoles gives the names of the ready-made roles. No web identity role may
// have one of them: whoever assumed it would be in the ready-made one.
func BuiltInRoles() []string { return []string{"reader", "operator", "admin"} }

// IsBuiltInRole says whether a role is one of the ready-made ones.
func IsBuiltInRole(role string) bool { return slices.Contains(BuiltInRoles(), role) }
