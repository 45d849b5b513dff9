package preview_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// gitHost is a provider whose one repository is in memory, with pull requests
// and comments on them.
type gitHost struct {
	mu       sync.Mutex
	heads    map[string]lockstep.SHA
	commits  map[lockstep.SHA]targettest.Tree
	open     []provider.PullRequest
	comments map[int64]provider.Comment // by pull request
	puts     int
	listed   int
	most     int           // MaxComment
	down     error         // of listing and putting
	mute     bool          // no Commenter
	told     chan struct{} // gets one for each comment, if there is room
}

func newGitHost() *gitHost {
	return &gitHost{
		heads:    map[string]lockstep.SHA{},
		commits:  map[lockstep.SHA]targettest.Tree{},
		comments: map[int64]provider.Comment{},
		most:     60_000,
		told:     make(chan struct{}, 100),
	}
}

func (h *gitHost) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// commit makes a commit of files that is on no branch.
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
	h.set(func() {
		h.open = slices.DeleteFunc(h.open, func(o provider.PullRequest) bool { return o.Number == pr.Number })
		h.open = append([]provider.PullRequest{pr}, h.open...)
	})
}

// close closes a pull request.
func (h *gitHost) close(number int64) {
	h.set(func() {
		h.open = slices.DeleteFunc(h.open, func(o provider.PullRequest) bool { return o.Number == number })
	})
}

// comment gives the text on a pull request, and how often anything was put.
func (h *gitHost) comment(number int64) (body string, puts int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.comments[number].Body, h.puts
}

func (h *gitHost) Metadata() provider.Metadata { return provider.Metadata{Type: "Git"} }

func (h *gitHost) Open(provider.Repository) (provider.Client, error) {
	if h.mute {
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
	if c.down != nil {
		return nil, c.down
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

	if c.down != nil {
		return "", c.down
	}
	if !strings.Contains(comment.Body, comment.Marker) || len(comment.Body) > c.most {
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
	case c.told <- struct{}{}:
	default:
	}

	return comment.ID, nil
}

func (c client) MaxComment() int { return c.most }

// scripted is a target whose steps a test writes. What it has proposed and not
// discarded is known; its inputs are the configuration's file and t.yaml.
type scripted struct {
	mu       sync.Mutex
	step     func(a target.Attempt) (target.Step, error)
	discard  func(a target.Attempt) error // before every Discard, if not nil
	proposed map[string]bool              // ids of attempts
	all      []target.Attempt             // previews that took a step
	executed []string                     // ids that were called with an intent
	busy     map[string]string            // resource to the id that is in a call
	clashes  []string
}

func newScripted() *scripted {
	s := &scripted{proposed: map[string]bool{}, busy: map[string]string{}}
	s.step = proposes
	return s
}

// proposes is a change set of one resource, then its execution.
func proposes(attempt target.Attempt) (target.Step, error) {
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

func (s *scripted) script(step func(a target.Attempt) (target.Step, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = step
}

func (s *scripted) Type() lockstep.SyncType { return "TEST_SYNC" }

func (s *scripted) ReadInputs(
	_ context.Context,
	cfg lockstep.SyncConfiguration,
	files lockstep.Tree,
) (target.Inputs, error) {
	inputs := target.Inputs{}
	for _, name := range []string{cfg.ConfigFile, "t.yaml"} {
		id, err := files.ObjectID(name)
		if err != nil {
			inputs[name] = lockstep.NoObject
			return inputs, lockstep.Errorf(lockstep.NotFound, "%s is not there.", name)
		}
		inputs[name] = id
	}
	return inputs, nil
}

func isPreview(a target.Attempt) bool { return strings.HasPrefix(a.ID, "preview-") }

// enter notes that a call is under way, and which others are.
func (s *scripted) enter(attempt target.Attempt) {
	name := attempt.Configuration.ResourceName
	if other := s.busy[name]; other != "" {
		s.clashes = append(s.clashes, other+" and "+attempt.ID)
	}
	s.busy[name] = attempt.ID
}

func (s *scripted) leave(a target.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, a.Configuration.ResourceName)
}

func (s *scripted) Advance(_ context.Context, attempt target.Attempt) (target.Step, error) {
	s.mu.Lock()
	s.enter(attempt)
	if isPreview(attempt) {
		s.all = append(s.all, attempt)
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

func (s *scripted) Discard(_ context.Context, attempt target.Attempt) error {
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

// previews gives those that took a step, and how many of them have left
// something behind.
func (s *scripted) previews() (ids []string, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.all {
		if !slices.Contains(ids, a.ID) {
			ids = append(ids, a.ID)
		}
	}
	return ids, len(s.proposed)
}
