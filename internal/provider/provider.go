// Package provider is the contract with Git hosts, one of the two walls of
// sockets: a folder per driver, each knowing this contract and no other
// driver. A driver reads; what one host can do beyond reading (report a status,
// keep a comment, open a pull request) is an interface of its own (ability.go)
// that a Driver or Client may also have.
//
// Two rooms are tools of all drivers: gitremote reads a repository by Git's own
// protocol, rest speaks to a host's JSON API. Both reach only what the server's
// Network lets them.
//
// Errors are *lockstep.Error: Unavailable where time heals it (network, 5xx,
// 429), Denied where credentials are refused, NotFound where the repository is
// not there or the commit is gone, Invalid where it can never work as it is,
// Limit where a repository is larger than we read. Messages name host and
// path, never a credential.
package provider

import (
	"context"

	"github.com/lockstephq/lockstep"
)

// A Driver speaks to one kind of Git host. It is safe for concurrent use.
type Driver interface {
	Type() lockstep.ProviderType
	// Open gives a client for one repository of a connection. It opens nothing
	// over the network: a wrong endpoint is an error, an unreachable one is not.
	Open(r Repository) (Client, error)
}

// A Repository is what a driver needs to know to read one.
type Repository struct {
	Link lockstep.RepositoryLink
	Access
}

// An Access is what a driver needs to know to call a host.
type Access struct {
	Connection lockstep.Connection
	Host       *lockstep.Host // nil where the provider needs none
	// Credential is what CompleteConnection stored, opened. That of an application
	// (OAUTH) is renewed by others: a client is opened anew when it was.
	Credential lockstep.Credential
}

// A Client reads one repository. It is safe for concurrent use and keeps
// connections and a bounded cache of what it read; Close lets go of both.
type Client interface {
	// Heads returns the commit of each branch, in one request for all. A branch
	// that is not there is absent from the map.
	Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error)
	// Files returns the tree of a commit. Blobs are fetched when opened.
	Files(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error)
	Close()
}

// A Brancher knows which branch HEAD stands for. The branch may be unborn:
// sha is "" then.
type Brancher interface {
	DefaultBranch(ctx context.Context) (branch string, sha lockstep.SHA, err error)
}

// A Historian knows whether a commit is a head or one of its ancestors, looked
// for at most depth commits deep.
type Historian interface {
	Contains(ctx context.Context, head, sha lockstep.SHA, depth int) (bool, error)
}
