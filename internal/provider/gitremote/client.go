// Package gitremote reads a repository by Git's own protocol as the contract
// wants it: what every driver does the same, whatever else its host can do.
//
// Errors: Unavailable for the network and 5xx, Denied for a refused credential,
// NotFound for an unknown repository or a commit that is gone, Limit for what is
// too large, Invalid for the rest that a person has to mend.
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

// A Client reads one repository. It keeps the snapshot it read last: the next
// commit's differs in a few trees, and only those travel. It is safe for
// concurrent use.
type Client struct {
	remote *gitwire.Remote

	mu   sync.Mutex
	last *gitwire.Snapshot
}

var (
	_ provider.Client    = (*Client)(nil)
	_ provider.Brancher  = (*Client)(nil)
	_ provider.Historian = (*Client)(nil)
	_ provider.Committer = (*Client)(nil)
)

// Open prepares a client. Of a URL nothing is reached yet.
func Open(o gitwire.Options) (*Client, error) {
	remote, err := gitwire.Open(o)
	if err != nil {
		return nil, Translate(err)
	}
	return &Client{remote: remote}, nil
}

const heads = "refs/heads/"

// Heads asks for all branches at once.
func (c *Client) Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error) {
	names := make([]string, 0, len(branches))
	for _, b := range branches {
		names = append(names, heads+b)
	}

	refs, err := c.remote.Refs(ctx, names)
	if err != nil {
		return nil, Translate(err)
	}

	found := make(map[string]lockstep.SHA, len(refs))
	for name, id := range refs {
		found[strings.TrimPrefix(name, heads)] = lockstep.SHA(id.String())
	}

	return found, nil
}

// Files reads the trees of a commit; what is fetched later ends with ctx.
func (c *Client) Files(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	s, err := c.snapshot(ctx, sha)
	if err != nil {
		return nil, err
	}
	return tree{s.Tree(ctx)}, nil
}

// Commit gives the bytes of a commit as they are stored.
func (c *Client) Commit(ctx context.Context, sha lockstep.SHA) ([]byte, error) {
	s, err := c.snapshot(ctx, sha)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(s.Raw()), nil
}

// snapshot gives the one that was read last, or reads another.
func (c *Client) snapshot(ctx context.Context, sha lockstep.SHA) (*gitwire.Snapshot, error) {
	id, err := object.ParseID(string(sha))
	if err != nil {
		return nil, Translate(err)
	}

	c.mu.Lock()
	snapshot := c.last
	c.mu.Unlock()

	if snapshot == nil || snapshot.Commit() != id {
		if snapshot, err = c.remote.Snapshot(ctx, id, snapshot); err != nil {
			return nil, Translate(err)
		}

		c.mu.Lock()
		c.last = snapshot
		c.mu.Unlock()
	}

	return snapshot, nil
}

// DefaultBranch asks which branch HEAD stands for.
func (c *Client) DefaultBranch(ctx context.Context) (string, lockstep.SHA, error) {
	head, err := c.remote.Head(ctx)
	if err != nil {
		return "", "", Translate(err)
	}

	branch, ok := strings.CutPrefix(head.Ref, heads)
	if !ok {
		return "", "", lockstep.Errorf(lockstep.Invalid, "HEAD of %s is on no branch. Name the branch to follow.", c.remote.Name())
	}
	if head.ID.IsZero() {
		return branch, "", nil
	}

	return branch, lockstep.SHA(head.ID.String()), nil
}

// Contains looks for a commit in the history of a head.
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

// Close lets go of the connections and of the snapshot.
func (c *Client) Close() {
	c.remote.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = nil
}
