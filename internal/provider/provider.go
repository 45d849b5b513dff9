package provider

import (
	"context"

	"github.com/lockstephq/lockstep"
)

// A Driver speaks to one kind of Git host. It is safe for concurrent use.
type Driver interface {
	// Metadata describes the provider type. It is constant.
	Metadata() Metadata
	// Open returns a client for one repository of a connection. It makes no request:
	// a wrong endpoint is an error, an unreachable one is not.
	Open(repository Repository) (Client, error)
}

// A Repository is what a driver needs to know to read one.
type Repository struct {
	Link lockstep.RepositoryLink
	Access
}

// An Access is what a driver needs to know to call a host.
type Access struct {
	Connection lockstep.Connection
	Host       *lockstep.Host // nil for the provider's own service
	// Credential is the opened credential of the connection. Drivers do not renew an
	// OAuth credential: when it was renewed, the client is opened again.
	Credential lockstep.Credential
}

// A Client reads one repository. It is safe for concurrent use. It keeps connections
// and a bounded cache of what it read; Close releases both.
type Client interface {
	// Heads returns the commit of each branch, in one request for all. A branch that
	// does not exist is absent from the map.
	Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error)
	// Files returns the tree of a commit. Blobs are fetched when they are opened.
	Files(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error)
	Close()
}

// A Brancher is a Client that knows the default branch. The branch may be unborn:
// sha is "" then.
type Brancher interface {
	DefaultBranch(ctx context.Context) (branch string, sha lockstep.SHA, err error)
}

// A HistoryReader is a Client that reads the ancestors of a commit.
type HistoryReader interface {
	// Contains reports whether sha is head or one of its ancestors, at most depth
	// commits deep.
	Contains(ctx context.Context, head, sha lockstep.SHA, depth int) (bool, error)
	// Descends reports whether ancestor is head or one of its ancestors, however deep.
	// It reads the commits between the two, up to a bound.
	Descends(ctx context.Context, head, ancestor lockstep.SHA) (bool, error)
}

// A CommitReader is a Client that returns commits as they are stored, to verify their
// signatures.
type CommitReader interface {
	// Commit returns the raw bytes of a commit object. Their hash is sha. The error
	// is NotFound if the commit does not exist.
	Commit(ctx context.Context, sha lockstep.SHA) ([]byte, error)
}
