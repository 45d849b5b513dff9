// Package iam holds the operations on the identities of an account: access keys,
// policies and web identity roles. They belong to Lockstep's own service.
//
// Each operation is a method of [Service] that takes an [access.Caller] and a
// request of package wire, and returns a response. It acts on the caller's account
// alone. Keys, policies and roles are stored by package identity.
//
// Package iam does not issue sessions, which is package sts's part.
package iam
