// Package console is what people see in a browser: HTML that this server writes,
// with no script and nothing fetched from elsewhere.
//
// There is one page so far, that of a commit in an environment (commit.go): what a
// status at the Git host links to. Nobody logs in for it. Its address has a key
// that cannot be guessed (address.go), a stamp of link, commit and environment
// under the server's seal key; whoever can see the status at the host can follow
// it, and nobody can make the address of another page from it. So it shows what
// explains the status and nothing else: no role, no parameter, no other thing of
// the account. It is there as long as the commit's report is remembered. See
// docs/adr/0014.
//
// A request goes through console.go: the method, the address, the key, and only
// then the database, in one transaction whose rows are bounded, for a few requests
// at a time. Whoever shows no key gets one answer, whatever there is, and is held
// back by address; the key is looked at before that, so that strangers behind the
// same proxy keep nobody out.
//
// A page is a struct that holds what is to be seen, as text that commands nothing
// (lockstep.SanitizeLine), and a template (look.go) that html/template escapes. Links lead
// to the page itself and are relative, so that they hold behind whatever path a
// proxy has put before it.
package console
