package policy

import (
	_ "embed"
	"slices"
)

// builtInPolicies are the policies of the built-in roles. They are part of every
// Set.
//
//go:embed builtin.cedar
var builtInPolicies string

// BuiltInRoles returns the names of the built-in roles. A web identity role must
// not have one of these names: its sessions would be in the built-in role.
func BuiltInRoles() []string { return []string{"reader", "operator", "admin"} }

// IsBuiltInRole reports whether a role is a built-in one.
func IsBuiltInRole(role string) bool { return slices.Contains(BuiltInRoles(), role) }
