// Package configure has the commands that decide what is synced: sync, init,
// apply and export.
//
// `lockstep init` writes a deployment file, `lockstep sync create` syncs a
// resource with one, and `lockstep apply` makes everything match a manifest. See
// package manifest for how.
package configure
