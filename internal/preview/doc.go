// Package preview tells on a pull request what merging it would change: a
// change set is planned for its head and never executed, and one comment is kept
// up to date.
//
//	look (list.go) ──▶ [pull_requests] ──▶ [preview] ──▶ [preview_comment]
//	                     list, compare      plan, remove    render, put
//
// Each [x] is a durable job; the rows hold the truth, as in the engine, and the
// sweep wakes what was lost. All of them have workers of their own (queue.LowPriority):
// however many pull requests there are, no sync waits for them.
//
// The pull requests into a branch are listed when the poller says that the
// repository stirred, and on a schedule (list.go). A head concerns a
// configuration that asks for comments if what it reads of the head's files is not
// what it reads of the branch's head (concern.go). Then it gets a preview: one per
// pull request and configuration. It is made anew when either side's files change,
// or when a sync of the resource began since.
//
// A preview (turn.go) takes the target driver's own steps, as an attempt does,
// until the driver declares what it would execute. That is never recorded and the
// driver never called to go on, so nothing can be executed; what was proposed is
// discarded (remove.go), whatever becomes of the pull request, the configuration
// or this process. There is no row of an attempt, no event, no blocker, and no
// status that changes.
//
// A preview never works beside an attempt of its resource: it waits. An attempt
// does not wait for a preview, save for the one call that removes what the preview
// proposed: an empty stack that it made may be the one that the attempt is about
// to fill. The previews of a resource are worked one after the other.
//
// A pull request from a fork is previewed only where an administrator lets it.
// The configuration's file is then the branch's own, whatever the fork says
// (overlay.go), and no value and no text of the target is shown.
//
// The comment (page.go, text.go) is Markdown in which everything that comes from
// outside stands in code spans, where nothing is a mention, a link or HTML. It is
// cut below the host's limit on whole rows.
package preview
