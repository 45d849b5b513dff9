package preview_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// A gitHost is a provider with one repository in memory, its pull requests and
// their comments.
type gitHost struct {
	mu            sync.Mutex
	heads         map[string]lockstep.SHA
	commits       map[lockstep.SHA]targettest.Tree
	open          []provider.PullRequest
	comments      map[int64]provider.Comment // by pull request
	puts          int
	listed        int
	maxComment    int           // the result of MaxComment
	html          bool          // renders HTML in comments
	failure       error         // of listing and commenting
	hasNoComments bool          // does not implement Commenter
	commented     chan struct{} // receives a value for each comment, if there is room
}

func newGitHost() *gitHost {
	return &gitHost{
		heads:      map[string]lockstep.SHA{},
		commits:    map[lockstep.SHA]targettest.Tree{},
		comments:   map[int64]provider.Comment{},
		maxComment: 60_000,
		commented:  make(chan struct{}, 100),
	}
}

func (h *gitHost) update(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// commit adds a commit that is on no branch.
func (h *gitHost) commit(files map[string]string) lockstep.SHA {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := sha1.Sum([]byte(fmt.Sprint(len(h.commits), files)))
	sha := lockstep.SHA(hex.EncodeToString(sum[:]))
	h.commits[sha] = targettest.Files(files)
	return sha
}

// propose opens a pull request, or moves its head.
func (h *gitHost) propose(pr provider.PullRequest) {
	h.update(func() {
		h.open = slices.DeleteFunc(h.open, func(o provider.PullRequest) bool { return o.Number == pr.Number })
		h.open = append([]provider.PullRequest{pr}, h.open...)
	})
}

// close closes a pull request.
func (h *gitHost) close(number int64) {
	h.update(func() {
		h.open = slices.DeleteFunc(h.open, func(o provider.PullRequest) bool { return o.Number == number })
	})
}

// comment returns the comment on a pull request and how often comments were
// written.
func (h *gitHost) comment(number int64) (body string, puts int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.comments[number].Body, h.puts
}

func (h *gitHost) Metadata() provider.Metadata {
	return provider.Metadata{Type: "Git", CommentHTML: h.html}
}

func (h *gitHost) Open(provider.Repository) (provider.Client, error) {
	if h.hasNoComments {
		return reader{h}, nil
	}
	return client{reader{h}}, nil
}

type reader struct{ *gitHost }

func (reader) Close() {}

func (c reader) Heads(_ context.Context, branches []string) (map[string]lockstep.SHA, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	heads := map[string]lockstep.SHA{}
	for _, b := range branches {
		if sha, ok := c.heads[b]; ok {
			heads[b] = sha
		}
	}
	return heads, nil
}

func (c reader) Files(_ context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tree, ok := c.commits[sha]
	if !ok {
		return nil, lockstep.Errorf(lockstep.NotFound, "There is no commit %s.", sha)
	}
	return tree, nil
}

type client struct{ reader }

func (c client) PullRequests(_ context.Context, base string) ([]provider.PullRequest, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.listed++
	if c.failure != nil {
		return nil, c.failure
	}

	var list []provider.PullRequest
	for _, pr := range c.open {
		if pr.Base == base {
			list = append(list, pr)
		}
	}

	return list, nil
}

func (c client) PutComment(
	_ context.Context,
	pullRequest provider.PullRequest,
	comment provider.Comment,
) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.failure != nil {
		return "", c.failure
	}
	if !strings.Contains(comment.Body, comment.Marker) || len(comment.Body) > c.maxComment {
		return "", lockstep.Errorf(lockstep.Invalid, "A bad comment of %d bytes.", len(comment.Body))
	}

	was, there := c.comments[pullRequest.Number]
	if there && comment.ID != was.ID && comment.ID != "" {
		return "", lockstep.Errorf(lockstep.Invalid, "There is no comment %s.", comment.ID)
	}

	comment.ID = fmt.Sprint("comment-", pullRequest.Number)
	c.comments[pullRequest.Number] = comment
	c.puts++

	select {
	case c.commented <- struct{}{}:
	default:
	}

	return comment.ID, nil
}

func (c client) MaxComment() int { return c.maxComment }

// scriptedTarget is a target whose steps a test writes. What it has proposed and not
// discarded is known; its inputs are the configuration's file and t.yaml.
type scriptedTarget struct {
	mu              sync.Mutex
	step            func(a target.Attempt) (target.Step, error)
	discard         func(a target.Attempt) error // before every Discard, if not nil
	proposed        map[string]bool              // ids of attempts
	previewAttempts []target.Attempt             // previews that ran a step
	executed        []string                     // ids that ran a step with an intent
	running         map[string]string            // the attempt in a call, by resource
	clashes         []string
}

func newScriptedTarget() *scriptedTarget {
	s := &scriptedTarget{proposed: map[string]bool{}, running: map[string]string{}}
	s.step = proposeChangeSet
	return s
}

// proposeChangeSet is a change set of one resource, then its execution.
func proposeChangeSet(attempt target.Attempt) (target.Step, error) {
	if attempt.Intent != "" {
		return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
	}
	if len(attempt.Checkpoint) == 0 {
		return target.Step{Checkpoint: []byte("proposed")}, nil
	}
	plan := &lockstep.Plan{
		ID:         "arn:" + attempt.ID,
		Changes:    []lockstep.ProposedChange{{Action: "Modify", LogicalID: "Topic", ResourceType: "AWS::SNS::Topic"}},
		Parameters: []lockstep.ValueChange{{Name: "Size", Before: "1", After: "2"}},
	}
	return target.Step{Intent: plan.ID, Plan: plan}, nil
}

func (s *scriptedTarget) setSteps(step func(a target.Attempt) (target.Step, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = step
}

func (s *scriptedTarget) Type() lockstep.SyncType { return "TEST_SYNC" }

func (s *scriptedTarget) ReadInputs(
	_ context.Context,
	cfg lockstep.SyncConfiguration,
	files lockstep.Tree,
) (target.Inputs, error) {
	inputs := target.Inputs{}
	for _, name := range []string{cfg.ConfigFile, "t.yaml"} {
		id, err := files.ObjectID(name)
		if err != nil {
			inputs[name] = lockstep.NoObject
			return inputs, lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s is not there.", name)
		}
		inputs[name] = id
	}
	return inputs, nil
}

func isPreview(a target.Attempt) bool { return strings.HasPrefix(a.ID, "preview-") }

// enter records that a call is running and detects concurrent ones.
func (s *scriptedTarget) enter(attempt target.Attempt) {
	name := attempt.Configuration.ResourceName
	if other := s.running[name]; other != "" {
		s.clashes = append(s.clashes, other+" and "+attempt.ID)
	}
	s.running[name] = attempt.ID
}

func (s *scriptedTarget) leave(a target.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, a.Configuration.ResourceName)
}

func (s *scriptedTarget) Advance(_ context.Context, attempt target.Attempt) (target.Step, error) {
	s.mu.Lock()
	s.enter(attempt)
	if isPreview(attempt) {
		s.previewAttempts = append(s.previewAttempts, attempt)
		if attempt.Intent != "" {
			s.executed = append(s.executed, attempt.ID)
		}

		s.proposed[attempt.ID] = true
	}

	step := s.step
	s.mu.Unlock()
	defer s.leave(attempt)

	return step(attempt)
}

func (s *scriptedTarget) Discard(_ context.Context, attempt target.Attempt) error {
	s.mu.Lock()
	s.enter(attempt)
	discard := s.discard
	s.mu.Unlock()
	defer s.leave(attempt)

	if discard != nil {
		if err := discard(attempt); err != nil {
			return err
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.proposed, attempt.ID)
	return nil
}

// previews returns the previews that ran a step, and how many of them have left
// something behind.
func (s *scriptedTarget) previews() (ids []string, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.previewAttempts {
		if !slices.Contains(ids, a.ID) {
			ids = append(ids, a.ID)
		}
	}
	return ids, len(s.proposed)
}
