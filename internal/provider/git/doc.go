// Package git is the driver for any Git server: Gitea, Forgejo, CodeCommit, a plain server over
// HTTP or SSH, or a folder of repositories below a path that the administrator allowed.
//
// A repository's URL is its host's endpoint, "/", and the link's path as it is. Reading needs
// nothing but Git, so a connection is AVAILABLE as soon as it has a credential.
//
// # Gitea and Forgejo
//
// Everything but reading needs an API. The one that is supported is Gitea's, which Forgejo
// shares. A client finds out whether a server has it on first use. For any other
// server the error is Invalid with [provider.ErrUnsupported].
package git
