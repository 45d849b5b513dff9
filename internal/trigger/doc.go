// Package trigger notices that a branch moved and requests a repository sync.
//
// Polls are claimed from the database in batches (poll.go), by any number of
// nodes: the unit is the repository link, whose branches are all asked for in
// one request. A claim is a lease, so that the links of a node that died are
// looked at by another; a hint during a poll makes the next one due at once.
//
// A webhook is such a hint (webhook.go): a Git host says that one repository has
// moved, at a path that names the webhook, and proves that it knows the webhook's
// secret in the way of its kind (webhook_scheme.go). The proof is checked over the
// bytes as they come; the body is not held and never parsed, since the refs are
// read from Git whatever it says. The hint and the delivery's id are committed
// before the answer, and then this node's poller is woken; those of other nodes
// ask within half a second. Who proves nothing is told the same whatever there is,
// and held back by address (webhook_memory.go).
//
// A look needs a place at its Git host, and then a slot of this node (dispatch.go,
// hosts.go). Places come first, so that a host that is slow, or has many links,
// keeps nobody from looking at another. A host that answers nobody is asked by one
// look at a time until it does; the outage is told to all its links all the same. A
// host that asks to wait is left alone by all.
//
// Noticing is all that happens here. A sync resolves the head again when it
// starts, so nothing depends on the order in which polls end.
package trigger
