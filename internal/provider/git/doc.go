// Package git is the driver for any Git server: Gitea, Forgejo, CodeCommit, a plain server over
// HTTP or SSH, or a folder of repositories below a path that the administrator allowed.
//
// A repository's URL is its host's endpoint, "/", and the link's path as it is. Reading needs
// nothing but Git. The credential for a server that is neither Gitea nor Forgejo is checked when a
// repository is read, so a connection to it is AVAILABLE as soon as it has one.
//
// # Gitea and Forgejo
//
// Everything but reading needs an API. The one that is supported is Gitea's, which Forgejo
// shares. A client finds out whether a server has it on first use. For any other
// server the error is Invalid with [provider.ErrUnsupported].
package git
