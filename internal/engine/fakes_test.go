package engine_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing/fstest"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/target"
)

// gitHost is a provider whose repository is in memory. Every client reads the
// same one.
type gitHost struct {
	mu      sync.Mutex
	heads   map[string]lockstep.SHA
	commits map[lockstep.SHA]fstest.MapFS
	parents map[lockstep.SHA]lockstep.SHA
	stored  []byte                  // of the commits to come
	raw     map[lockstep.SHA][]byte // commits as they are stored
	down    error                   // of every call, if not nil
	gate    chan struct{}           // what Files waits for, if not nil
	asked   int                     // calls of Heads
	opened  []provider.Repository
	closed  int
	told    *statuses // what its clients report to; nil where they cannot
	notes   []string  // of what its clients were asked to do at the host
	able    bool      // its clients open pull requests and register webhooks
}

func newGitHost() *gitHost {
	return &gitHost{heads: map[string]lockstep.SHA{}, commits: map[lockstep.SHA]fstest.MapFS{},
		parents: map[lockstep.SHA]lockstep.SHA{}, raw: map[lockstep.SHA][]byte{}}
}

// push commits files on top of a branch.
func (h *gitHost) push(branch string, files map[string]string) lockstep.SHA {
	h.mu.Lock()
	defer h.mu.Unlock()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	sum := sha1.Sum([]byte(fmt.Sprint(len(h.commits), files)))
	sha := lockstep.SHA(hex.EncodeToString(sum[:]))
	h.commits[sha], h.parents[sha], h.heads[branch] = tree, h.heads[branch], sha
	h.raw[sha] = h.stored
	return sha
}

// point makes a branch point to a commit; "" removes it.
func (h *gitHost) point(branch string, sha lockstep.SHA) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sha == "" {
		delete(h.heads, branch)
		return
	}
	h.heads[branch] = sha
}

// fail makes every call fail; nil mends it.
func (h *gitHost) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = err
}

// hold makes the reading of files wait until release is called.
func (h *gitHost) hold() (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	gate := make(chan struct{})
	h.gate = gate
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.gate = nil
		close(gate)
	}
}

func (h *gitHost) Metadata() provider.Metadata { return provider.Metadata{Type: "Git"} }

func (h *gitHost) Open(of provider.Repository) (provider.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened = append(h.opened, of)
	client := &gitClient{gitHost: h}
	if h.able {
		return proposing{client}, nil
	}
	if h.told != nil {
		return reportingClient{client, h.told}, nil
	}
	return client, nil
}

// clients says how many clients were opened and how many of them closed.
func (h *gitHost) clients() (opened, closed int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.opened), h.closed
}

type gitClient struct {
	*gitHost
	over bool // closed; guarded by the host's lock
}

var errClosed = errors.New("the client is closed")

func (c *gitClient) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.closed++
}

func (c *gitClient) Heads(_ context.Context, branches []string) (map[string]lockstep.SHA, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.asked++
	if c.down != nil || c.over {
		return nil, errors.Join(c.down, closedIf(c.over))
	}

	heads := map[string]lockstep.SHA{}
	for _, b := range branches {
		if sha, ok := c.heads[b]; ok {
			heads[b] = sha
		}
	}

	return heads, nil
}

func (c *gitClient) Files(_ context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	c.mu.Lock()
	gate := c.gate
	c.mu.Unlock()

	if gate != nil {
		<-gate
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if c.down != nil || c.over {
		return nil, errors.Join(c.down, closedIf(c.over))
	}

	tree, ok := c.commits[sha]
	if !ok {
		return nil, lockstep.Errorf(lockstep.NotFound, "There is no commit %s.", sha)
	}

	return memoryTree{tree}, nil
}

func (c *gitClient) Contains(_ context.Context, head, sha lockstep.SHA, depth int) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; head != "" && depth > 0; depth-- {
		if head == sha {
			return true, nil
		}
		head = c.parents[head]
	}
	return false, nil
}

func (c *gitClient) Commit(_ context.Context, sha lockstep.SHA) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw[sha], c.down
}

func closedIf(over bool) error {
	if over {
		return errClosed
	}
	return nil
}

type memoryTree struct{ fstest.MapFS }

func (t memoryTree) ObjectID(name string) (string, error) {
	b, err := fs.ReadFile(t.MapFS, name)
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:]), err
}

// scripted is a target whose steps a test writes. Its only input is the
// configuration's file.
type scripted struct {
	syncType  lockstep.SyncType
	mu        sync.Mutex
	step      func(a target.Attempt) (target.Step, error)
	plan      func(name string) error         // of every Plan, if not nil
	undo      func(a target.Attempt) error    // of every Discard, if not nil
	hang      func(ctx context.Context) error // before every step, if not nil
	discarded []string
	steps     int
	most, now map[string]int // concurrent steps per resource
}

func newScripted() *scripted {
	s := &scripted{syncType: "TEST_SYNC", most: map[string]int{}, now: map[string]int{}}
	s.script(func(target.Attempt) (target.Step, error) {
		return target.Step{Events: []lockstep.Event{{Type: "DONE", Message: "Done."}}, End: &target.End{Outcome: lockstep.Applied}}, nil
	})
	return s
}

func (s *scripted) script(step func(a target.Attempt) (target.Step, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = step
}

// called says how many steps and discards there were.
func (s *scripted) called() (steps, discards int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps, len(s.discarded)
}

func (s *scripted) Type() lockstep.SyncType { return s.syncType }

func (s *scripted) ReadInputs(_ context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (target.Inputs, error) {
	s.mu.Lock()
	plan := s.plan
	s.mu.Unlock()

	if plan != nil {
		if err := plan(cfg.ResourceName); err != nil {
			return nil, err
		}
	}

	id, err := files.ObjectID(cfg.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return target.Inputs{cfg.ConfigFile: lockstep.NoObject}, lockstep.Errorf(lockstep.NotFound, "%s is not there.", cfg.ConfigFile)
	}

	return target.Inputs{cfg.ConfigFile: id}, err
}

func (s *scripted) Advance(ctx context.Context, a target.Attempt) (target.Step, error) {
	s.mu.Lock()
	name := a.Configuration.ResourceName
	s.steps++
	s.now[name]++
	s.most[name] = max(s.most[name], s.now[name])
	step, hang := s.step, s.hang
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now[name]--
	}()

	if hang != nil {
		if err := hang(ctx); err != nil {
			return target.Step{}, err
		}
	}

	return step(a)
}

func (s *scripted) Discard(_ context.Context, a target.Attempt) error {
	s.mu.Lock()
	undo := s.undo
	s.mu.Unlock()

	if undo != nil {
		if err := undo(a); err != nil {
			return err
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	s.discarded = append(s.discarded, a.ID)
	return nil
}

// Discover finds every YAML file; its name is the base name.
func (s *scripted) Discover(_ context.Context, files lockstep.Tree, _ lockstep.Discovery) (target.Discovered, error) {
	var d target.Discovered
	for _, path := range slices.Sorted(maps.Keys(files.(memoryTree).MapFS)) {
		if name, ok := strings.CutSuffix(path, ".yaml"); ok {
			d.Files = append(d.Files, target.DeploymentFile{Path: path, Name: name[strings.LastIndex(name, "/")+1:]})
		}
	}
	return d, nil
}
