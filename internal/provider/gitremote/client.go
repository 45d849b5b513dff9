package gitremote

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A Client reads one repository. It keeps the snapshot that it read last: the next
// commit usually differs in a few trees, and only those are fetched. It is safe for
// concurrent use.
type Client struct {
	remote *gitwire.Remote

	mu   sync.Mutex
	last *gitwire.Snapshot
}

var (
	_ provider.Client        = (*Client)(nil)
	_ provider.Brancher      = (*Client)(nil)
	_ provider.HistoryReader = (*Client)(nil)
	_ provider.CommitReader  = (*Client)(nil)
)

// Open returns a client. It makes no request.
func Open(options gitwire.Options) (*Client, error) {
	remote, err := gitwire.Open(options)
	if err != nil {
		return nil, Translate(err)
	}
	return &Client{remote: remote}, nil
}

// BranchPrefix begins the full name of a branch.
const BranchPrefix = "refs/heads/"

// Heads returns the commits of branches, in one request.
func (c *Client) Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error) {
	names := make([]string, 0, len(branches))
	for _, branch := range branches {
		names = append(names, BranchPrefix+branch)
	}

	refs, err := c.remote.Refs(ctx, names)
	if err != nil {
		return nil, Translate(err)
	}

	heads := make(map[string]lockstep.SHA, len(refs))
	for name, id := range refs {
		heads[strings.TrimPrefix(name, BranchPrefix)] = lockstep.SHA(id.String())
	}

	return heads, nil
}

// Files returns the tree of a commit. Later fetches of blobs end with ctx.
func (c *Client) Files(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	snapshot, err := c.snapshot(ctx, sha)
	if err != nil {
		return nil, err
	}
	return tree{snapshot.Tree(ctx)}, nil
}

// Commit returns the bytes of a commit as they are stored.
func (c *Client) Commit(ctx context.Context, sha lockstep.SHA) ([]byte, error) {
	snapshot, err := c.snapshot(ctx, sha)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(snapshot.Raw()), nil
}

// snapshot returns the last snapshot, or reads another on top of it.
func (c *Client) snapshot(ctx context.Context, sha lockstep.SHA) (*gitwire.Snapshot, error) {
	id, err := object.ParseID(string(sha))
	if err != nil {
		return nil, Translate(err)
	}

	c.mu.Lock()
	snapshot := c.last
	c.mu.Unlock()

	if snapshot != nil && snapshot.Commit() == id {
		return snapshot, nil
	}

	snapshot, err = c.remote.Snapshot(ctx, id, snapshot)
	if err != nil {
		return nil, Translate(err)
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.last = snapshot
	return snapshot, nil
}

// DefaultBranch returns the branch that HEAD points to.
func (c *Client) DefaultBranch(ctx context.Context) (string, lockstep.SHA, error) {
	head, err := c.remote.Head(ctx)
	if err != nil {
		return "", "", Translate(err)
	}

	branch, ok := strings.CutPrefix(head.Ref, BranchPrefix)
	if !ok {
		return "", "", lockstep.Errorf(lockstep.Invalid,
			"HEAD of %s is on no branch. Name the branch to follow.", c.remote.Name())
	}
	if head.ID.IsZero() {
		return branch, "", nil
	}

	return branch, lockstep.SHA(head.ID.String()), nil
}

// Contains reports whether a commit is in the history of a head.
func (c *Client) Contains(ctx context.Context, head, sha lockstep.SHA, depth int) (bool, error) {
	from, err := object.ParseID(string(head))
	if err != nil {
		return false, Translate(err)
	}

	id, err := object.ParseID(string(sha))
	if err != nil {
		return false, Translate(err)
	}

	history, err := c.remote.Commits(ctx, from, depth)
	if err != nil {
		return false, Translate(err)
	}

	return history.Contains(id), nil
}

// Descends reports whether a commit is in the history of a head, by the commits between them.
func (c *Client) Descends(ctx context.Context, head, ancestor lockstep.SHA) (bool, error) {
	from, err := object.ParseID(string(head))
	if err != nil {
		return false, Translate(err)
	}

	id, err := object.ParseID(string(ancestor))
	if err != nil {
		return false, Translate(err)
	}

	descends, err := c.remote.Descends(ctx, from, id)
	if err != nil {
		return false, Translate(err)
	}

	return descends, nil
}

// Close releases the connections and the snapshot.
func (c *Client) Close() {
	c.remote.Close()
	c.mu.Lock()
	defer c.mu.Unlock()

	c.last = nil
}
