// Package trigger notices that a branch has moved and requests a repository sync.
//
//	Git host ──▶ webhook ──▶ request for a poll ─┐
//	                                             ▼
//	                  interval ────────────▶ poll due ──▶ claim ──▶ slot ──▶ probe
//	                                                     (lease)            │
//	                                           engine.RecordHead ◀──────────┘
//
// # Polls
//
// The unit of a poll is the repository link: one probe reads the heads of all its tracked
// branches. Any number of nodes claim due polls from the database in batches. A claim is a
// lease, so that another node takes over the links of a node that died. A poll requested
// during a probe makes the next one due at once. The interval doubles while nothing moves.
//
// # Slots
//
// A probe needs a slot at its Git host, and then a worker slot of this node. The host's slot
// comes first, so that a slow or busy host does not delay the others. A host that does not
// answer gets one trial probe at a time until it does; its other links record the failure
// without a probe. A host that asks for a delay gets no probes until then.
//
// # Failure
//
// An outage is recorded as one FAILED repository sync per cause: at once if a person has to
// act, else after three consecutive failures. When the repository is reachable again, all its
// branches are synced. A panic ends one probe or one delivery.
//
// # Webhooks
//
// A webhook requests a poll of one link, named by the path, and proves that the sender knows
// the webhook's secret. The proof is verified while the body is read; the body is neither kept
// nor parsed, because the refs are read from Git in any case. The request for a poll and the
// delivery's id are committed before the response is sent. Then this node's poller is woken;
// other nodes notice within half a second. Unverified requests all get the same response and
// are rate-limited by address.
//
// # Limits
//
// The package does not sync. A sync resolves the head again when it starts, so nothing depends
// on the order in which probes end.
package trigger
