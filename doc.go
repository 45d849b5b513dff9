// Package lockstep defines the domain of the product: hosts, connections, repository
// links, sync configurations, revisions, attempts, events, blockers, and errors that
// say who has to act on them.
//
// # How the nouns relate
//
//	Host ◀── Connection ◀── RepositoryLink ◀── SyncConfiguration ──▶ Resource
//	          Credential      Webhook            SignaturePolicy        │
//	                             │                                      │
//	                             ▼                                      ▼
//	                  RepositorySyncAttempt ──────────────▶ ResourceSyncAttempt
//	                   resolves a head (SHA)                 Event, Plan, Blocker
//
// An arrow to the left reads "belongs to". A resource outlives its configuration.
//
// # Names
//
// Where AWS has a word, it is used here. AWS's spelling (Arn, Id, ResourceName) is
// used only in the shapes of package wire. docs/glossary.md lists the terms.
//
// # Limits
//
// The package imports only the standard library and does no I/O. How a value is
// stored, sent or executed is defined by the packages that do so.
package lockstep
