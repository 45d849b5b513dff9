// Package manifest implements sync as code: a manifest is a file with hosts,
// connections, repository links, sync configurations, policies and roles, and
// [Apply] makes a server match it. [Export] writes the manifest of a server.
//
//	manifest ── Parse ──▶ File ──────┐
//	                                 ├─▶ Plan ──▶ steps ──▶ Apply
//	server ──── Read ───▶ Resources ─┘
//
// [Parse] rejects what it does not know, with the position. [Plan] makes no
// requests, so a plan can be shown without being applied. Applying a manifest
// twice changes nothing: the second plan has no steps.
//
// # Identity
//
// A manifest has names, not ARNs: hosts, connections, policies and roles are
// identified by their name, repository links by OWNER/NAME, and sync
// configurations by sync type and resource. The server allows two hosts,
// connections or links with one name; using such a name is an error that lists
// the ARNs.
//
// # Absence
//
// A list that the manifest does not have is not compared. An optional key that is
// absent leaves the server's value: an empty map of tags removes tags, a missing
// one does not. Resources that a list does not have are deleted only by pruning.
//
// The signers of a sync configuration are two texts that count as one: a manifest
// with either sets both. A sync configuration is created together with its
// signers, in one request.
//
// # Order
//
// Hosts, connections, links and sync configurations are created in this order and
// deleted in the opposite order, since each needs the one before. Roles and
// policies come last, so that a caller who removes its own permissions is done
// with everything else. Steps of one kind run in parallel; roles and policies run
// one by one. After an error no more steps start; applying again continues.
//
// # What it does not do
//
// It changes no stacks: deleting a sync configuration leaves its stack. It has no
// secrets: a new connection is PENDING until `lockstep connect`.
package manifest
