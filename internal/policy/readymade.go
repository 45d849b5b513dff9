package policy

import (
	_ "embed"
	"slices"
)

// readyMade are the policies of the ready-made roles: part of every Set.
//
//go:embed readymade.cedar
var readyMade string

// ReadyMade gives the names of the ready-made roles. No web identity role may
// have one of them: whoever assumed it would be in the ready-made one.
func ReadyMade() []string { return []string{"reader", "operator", "admin"} }

// IsReadyMade says whether a role is one of the ready-made ones.
func IsReadyMade(role string) bool { return slices.Contains(ReadyMade(), role) }
