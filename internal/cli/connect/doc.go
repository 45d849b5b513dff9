// Package connect has the commands for Git hosts, connections, repository links
// and their tags: host, connect, link and tag.
//
// The way from a Git host to a repository is host → connection → link.
// `lockstep connect` creates the host and the connection it needs, checks the
// credential with the Git host, and stores it. `lockstep link create` links a
// repository over a connection, and registers a webhook.
//
// Secrets come from standard input or from files, never from arguments. Only
// `lockstep link webhook` prints one.
package connect
