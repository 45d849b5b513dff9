// Package console serves the web pages: plain HTML without scripts.
//
// There is one page, the commit page (commit.go). The status that Lockstep sets at
// the Git host links to it. It shows a commit's stacks and their events in one
// environment.
//
// # Access
//
// The page needs no login. Its URL has a key: a MAC of the link, the commit and the
// environment under the server's seal key (address.go). A person who can see the
// status can open the page, but cannot derive the URL of another one. So the page
// shows what explains the status and nothing else: no role, no parameters, no other
// resource of the account. It exists as long as the status report is stored. See
// docs/adr/0014.
//
// # Requests
//
//	method → path and query → key → slot → one bounded transaction → template
//
// A request without a valid key gets the same response whatever exists, and is
// limited by client network. The key is verified first, so that clients behind the
// same proxy do not use up each other's limit. A limited number of pages is rendered
// at a time.
//
// # Templates
//
// The data of a page is sanitized text (lockstep.SanitizeLine), which html/template
// escapes (templates.go). Links are relative, so that they work behind a proxy that
// adds a path.
package console
