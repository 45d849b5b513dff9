// Package preview comments on pull requests what merging them would change: it creates a
// change set for the pull request's head, never executes it, and keeps one comment up to date.
//
//	activity, schedule ──▶ [pull_requests] ──▶ [preview] ──▶ [preview_comment]
//	                        list, compare     plan, remove    render, post
//
// Each [x] is a durable job; the state is in rows, and the sweep wakes lost jobs. The jobs have
// low priority and workers of their own, so that no sync waits for them.
//
// # Which pull requests
//
// The pull requests into a branch are listed on activity in the repository and on a schedule. A
// pull request affects a configuration that requests comments if the configuration's inputs at
// the pull request's head differ from those at the branch's head. Each affected configuration
// gets a preview, which is replaced when the files of either side change or when a sync of the
// resource has begun since.
//
// # Planning
//
// A preview runs the same steps of the target driver as an attempt, until the driver declares
// what it would execute. That intent is never recorded and the driver is never called to
// continue, so nothing can be executed. The proposed changes are discarded in any case: if the
// pull request or the configuration is gone, and after a crash. A preview creates no attempt,
// event or blocker and changes no status.
//
// # Concurrency
//
// The previews of a resource run one after the other, and not while an attempt runs. An attempt
// never waits for a preview: what a preview discards is its own change set. The empty stack that
// comes with the change set of a new stack is left for the attempt that will fill it.
//
// # Forks
//
// A pull request from a fork is previewed only if the administrator allows it. The deployment
// file is then that of the branch, and neither values nor messages of the target are shown.
//
// # Comments
//
// A comment is Markdown. All external text is in code spans, which contain no mention, link or
// HTML. The metadata of the provider type says whether its hosts render HTML; those that do not
// get headings instead of folded sections. A comment that exceeds the host's size limit is shortened by whole rows.
//
// # Limits
//
// The package decides nothing about merging and sets no commit status.
package preview
