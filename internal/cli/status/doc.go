// Package status has the commands that show and follow syncs: status, wait,
// watch, history, blockers and retry.
//
// All of them read what the server has recorded. Only wait, retry and blockers
// --resolve cause a sync. Reading is polling: often at first, since most syncs
// are short.
package status
