// Package syncstate is the SQL of the state of syncs: branches, resources, attempts,
// events, blockers, status reports and previews. What people configure is in package
// store, whose rules hold here too.
package syncstate
