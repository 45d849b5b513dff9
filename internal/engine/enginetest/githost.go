package enginetest

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing/fstest"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A GitHost is a provider driver with one repository in memory, which all its clients read.
type GitHost struct {
	Mu           sync.Mutex
	BranchHeads  map[string]lockstep.SHA
	Commits      map[lockstep.SHA]fstest.MapFS
	parents      map[lockstep.SHA]lockstep.SHA
	rawCommit    []byte                  // of the next commits
	rawCommits   map[lockstep.SHA][]byte // as Git stores them
	lagging      map[lockstep.SHA]bool
	down         error         // the error of every call, if not nil
	historyError error         // the error of Descends, if not nil
	gate         chan struct{} // Files waits until it is closed, if not nil
	slow         string        // the endpoint of a host whose Files ends with its context
	waiting      int           // calls of Files at that host
	maxWaiting   int           // the most of them at once
	HeadCalls    int           // calls of Heads
	Opened       []provider.Repository
	closed       int
	Statuses     *StatusRecorder // nil if clients cannot show statuses
	calls        []string        // of the API
	HasAPI       bool            // clients open pull requests and register webhooks
}

// NewGitHost returns a GitHost whose repository is empty.
func NewGitHost() *GitHost {
	return &GitHost{BranchHeads: map[string]lockstep.SHA{}, Commits: map[lockstep.SHA]fstest.MapFS{},
		parents: map[lockstep.SHA]lockstep.SHA{}, rawCommits: map[lockstep.SHA][]byte{}, lagging: map[lockstep.SHA]bool{}}
}

// Push commits files on top of a branch.
func (h *GitHost) Push(branch string, files map[string]string) lockstep.SHA {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	sum := sha1.Sum([]byte(fmt.Sprint(len(h.Commits), files)))
	sha := lockstep.SHA(hex.EncodeToString(sum[:]))
	h.Commits[sha], h.parents[sha], h.BranchHeads[branch] = tree, h.BranchHeads[branch], sha
	h.rawCommits[sha] = h.rawCommit
	return sha
}

// SetHead makes a branch point to a commit; "" removes it.
func (h *GitHost) SetHead(branch string, sha lockstep.SHA) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if sha == "" {
		delete(h.BranchHeads, branch)
		return
	}
	h.BranchHeads[branch] = sha
}

// FailWith makes every call fail with err, or succeed again if it is nil.
func (h *GitHost) FailWith(err error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.down = err
}

// FailHistoryWith makes the host answer requests for the history with err.
func (h *GitHost) FailHistoryWith(err error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.historyError = err
}

// SlowDown makes the host at an endpoint answer no request for files.
func (h *GitHost) SlowDown(endpoint string) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.slow = endpoint
}

// MaxWaiting returns how many requests waited for the slow host at once.
func (h *GitHost) MaxWaiting() int {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return h.maxWaiting
}

// Lag makes the host advertise a commit without serving it, or serve it again.
func (h *GitHost) Lag(sha lockstep.SHA, lags bool) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.lagging[sha] = lags
}

// BlockReads makes Files wait until release is called.
func (h *GitHost) BlockReads() (release func()) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	gate := make(chan struct{})
	h.gate = gate
	return func() {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		h.gate = nil
		close(gate)
	}
}

// Metadata returns the provider type.
func (h *GitHost) Metadata() provider.Metadata { return provider.Metadata{Type: "Git"} }

// Open returns a client with the capabilities that the host has at that time.
func (h *GitHost) Open(of provider.Repository) (provider.Client, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Opened = append(h.Opened, of)
	client := &gitClient{GitHost: h, isSlow: of.Host != nil && of.Host.Endpoint == h.slow}
	if h.HasAPI {
		return apiClient{client}, nil
	}
	if h.Statuses != nil {
		return statusClient{client, h.Statuses}, nil
	}
	return client, nil
}

// ClientCounts returns how many clients were opened, and how many of them closed.
func (h *GitHost) ClientCounts() (opened, closed int) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return len(h.Opened), h.closed
}

type gitClient struct {
	*GitHost
	over   bool // closed; guarded by the host's lock
	isSlow bool
}

var errClosed = errors.New("the client is closed")

func (c *gitClient) Close() {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.over = true
	c.closed++
}

func (c *gitClient) Heads(_ context.Context, branches []string) (map[string]lockstep.SHA, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()

	c.HeadCalls++
	if c.down != nil || c.over {
		return nil, errors.Join(c.down, closedIf(c.over))
	}

	heads := map[string]lockstep.SHA{}
	for _, b := range branches {
		if sha, ok := c.BranchHeads[b]; ok {
			heads[b] = sha
		}
	}

	return heads, nil
}

func (c *gitClient) Files(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	if c.isSlow {
		return nil, c.waitForever(ctx)
	}

	c.Mu.Lock()
	gate := c.gate
	c.Mu.Unlock()

	if gate != nil {
		<-gate
	}

	c.Mu.Lock()
	defer c.Mu.Unlock()

	if c.down != nil || c.over {
		return nil, errors.Join(c.down, closedIf(c.over))
	}

	tree, ok := c.Commits[sha]
	if !ok || c.lagging[sha] {
		return nil, lockstep.Errorf(lockstep.NotFound, "There is no commit %s.", sha)
	}

	return MemoryTree{tree}, nil
}

// waitForever is an answer that does not come.
func (c *gitClient) waitForever(ctx context.Context) error {
	c.Mu.Lock()
	c.waiting++
	c.maxWaiting = max(c.maxWaiting, c.waiting)
	c.Mu.Unlock()

	<-ctx.Done()

	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.waiting--
	return lockstep.Wrapf(lockstep.Unavailable, ctx.Err(), "The host is slow.")
}

func (c *gitClient) Contains(_ context.Context, head, sha lockstep.SHA, depth int) (bool, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	for ; head != "" && depth > 0; depth-- {
		if head == sha {
			return true, nil
		}
		head = c.parents[head]
	}
	return false, nil
}

func (c *gitClient) Descends(ctx context.Context, head, ancestor lockstep.SHA) (bool, error) {
	descends, _ := c.Contains(ctx, head, ancestor, len(c.Commits)+1)
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return descends, c.historyError
}

func (c *gitClient) Commit(_ context.Context, sha lockstep.SHA) ([]byte, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return c.rawCommits[sha], c.down
}

func closedIf(over bool) error {
	if over {
		return errClosed
	}
	return nil
}

// A MemoryTree is a tree of files in memory.
type MemoryTree struct{ fstest.MapFS }

// ObjectID returns a hash of the file.
func (t MemoryTree) ObjectID(name string) (string, error) {
	b, err := fs.ReadFile(t.MapFS, name)
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:]), err
}

// An apiClient is a client whose host has an API. It records the calls.
type apiClient struct{ *gitClient }

func (c apiClient) Propose(_ context.Context, proposal provider.Proposal) (provider.PullRequest, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	for _, f := range proposal.Files {
		call := fmt.Sprintf("%s on %s of %s %s: %s", f.Path, proposal.Branch, proposal.Base, proposal.BaseSHA.Short(),
			f.Content)
		c.calls = append(c.calls, call)
	}
	return provider.PullRequest{Number: 7, Base: proposal.Base, URL: "https://git.example.com/7"}, nil
}

func (c apiClient) WebhookKind() lockstep.WebhookKind { return lockstep.GiteaWebhook }

func (c apiClient) RegisterWebhook(_ context.Context, url, secret string) error {
	if url == "panic" {
		panic("a bug of the driver's")
	}
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.calls = append(c.calls, "register "+url+" "+secret)
	return nil
}

func (c apiClient) RemoveWebhook(_ context.Context, url string) error {
	if url == "panic" {
		panic("a bug of the driver's")
	}
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.calls = append(c.calls, "remove "+url)
	return nil
}

// DefaultBranch returns main.
func (c apiClient) DefaultBranch(context.Context) (string, lockstep.SHA, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return "main", c.BranchHeads["main"], nil
}

// Calls returns the calls of the API since the last time.
func (h *GitHost) Calls() []string {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	all := h.calls
	h.calls = nil
	return all
}

// BlockReadsWith makes calls of Files from now on wait until gate is closed.
func (h *GitHost) BlockReadsWith(gate chan struct{}) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.gate = gate
}
