package provider

import (
	"context"
	"errors"

	"github.com/lockstephq/lockstep"
)

// What follows are abilities beyond reading. A driver, or the client it opens,
// has those that its kind of host can do, and leaves the others out.

// ErrNoAbility is behind the Invalid error of a client whose host turned out not
// to have an ability that others of its kind have: a plain Git server has no API.
// There is nothing to try again, and nothing that anybody has to mend.
var ErrNoAbility = errors.New("the host has not this ability")

// ErrNotShown is behind the Denied error of a client that did not show its
// credential to the host at all: the host is not who it should be, or is where
// this server may not go. The credential may work.
var ErrNotShown = errors.New("the credential was not shown")

// A Checker is a Driver that can ask whether a credential works without looking
// at any repository.
type Checker interface {
	// Check shows the credential to the host. Denied says that it does not work,
	// in words for whoever gave it; any other error that it is not known.
	Check(ctx context.Context, a Access) error
}

// An Authorizer is a Driver whose host gives tokens to applications that a person
// lets in: OAuth 2's authorisation code with PKCE.
type Authorizer interface {
	// Authorization says where, at a host or at the provider's own where that is
	// nil. Invalid where the host has no such thing.
	Authorization(h *lockstep.Host) (Authorization, error)
}

// An Authorization is where a host's application tokens come from.
type Authorization struct {
	AuthURL  string // a person's browser goes there
	TokenURL string // this server asks there
	Scopes   []string
}

// A Committer gives commits as they are stored, for whoever verifies them.
type Committer interface {
	// Commit gives the raw bytes of a commit object, whose hash was found to be
	// sha. NotFound where it is gone.
	Commit(ctx context.Context, sha lockstep.SHA) ([]byte, error)
}

// A StatusReporter is a Client that tells its host what became of a commit.
type StatusReporter interface {
	// ReportStatus shows a status beside its commit, in place of the one before of
	// the same commit and environment. It may be called again with the same, after
	// a crash, and then changes nothing that a person would notice. memory is what
	// the last call for them returned, nil at first; what is returned is kept,
	// also beside an error.
	ReportStatus(ctx context.Context, s CommitStatus, memory []byte) ([]byte, error)
}

// A CommitState is how far a commit came in an environment.
type CommitState string

// The states of a commit. Only the last two are ends.
const (
	CommitPending   CommitState = "pending" // its syncs are yet to begin
	CommitRunning   CommitState = "running"
	CommitSucceeded CommitState = "succeeded"
	CommitFailed    CommitState = "failed"
)

// A CommitStatus is what is told of one commit in one environment: all of its
// stacks together, so that a commit of many costs no more than a commit of one.
type CommitStatus struct {
	SHA    lockstep.SHA
	Branch string // one that the commit is on, without refs/heads/
	// Environment names where the stacks are, such as 123456789012/us-east-1. It
	// is the same for every commit.
	Environment string
	State       CommitState
	Summary     string // one line, at most 140 bytes
	URL         string // https://… or http://…: where there is more to read; "" is nowhere
}

// Context is the name that a status has beside a commit where hosts show names:
// "lockstep/" and the environment.
func (s CommitStatus) Context() string { return "lockstep/" + s.Environment }

// A Commenter is a Client that reads pull requests (GitLab says merge requests)
// and keeps one comment on each.
type Commenter interface {
	// PullRequests gives the open pull requests into a branch, those changed last
	// first, at most 100.
	PullRequests(ctx context.Context, base string) ([]PullRequest, error)
	// PutComment edits the comment with an id, or makes one where the id is "" or
	// no longer there. Before it makes one it looks for one of this credential's
	// with the marker in it, so that a crash after the making leaves no second. It
	// gives the comment's id.
	PutComment(ctx context.Context, pr PullRequest, c Comment) (id string, err error)
	// MaxComment is how many bytes of text a comment may have.
	MaxComment() int
}

// A PullRequest proposes the commits of one branch for another.
type PullRequest struct {
	Number     int64
	Title      string
	Base       string // branch it is for, without refs/heads/
	HeadBranch string // branch it comes from, which may be in another repository
	Head       lockstep.SHA
	// Fork says that the head is in another repository, or that this is not known:
	// whoever wrote it may have no right to write to this one.
	Fork bool
	URL  string // the page for people
}

// A Comment is Markdown with a marker that no other comment has.
type Comment struct {
	ID     string // "" for one that is to be made
	Marker string // an HTML comment, which stands in Body
	Body   string
}

// A PullRequester is a Client that opens pull requests.
type PullRequester interface {
	// Propose puts files on a new branch, in one commit above a commit of the base
	// branch, and opens a pull request. Exists where the new branch is already
	// there, or one of the files is. Nothing is left behind where it fails, as far
	// as the host allows.
	Propose(ctx context.Context, p Proposal) (PullRequest, error)
}

// A Proposal is a change that somebody is to look at.
type Proposal struct {
	Base    string       // branch that it is for
	BaseSHA lockstep.SHA // commit that it is made of: the head of Base
	Branch  string       // to be made
	Files   []ProposedFile
	Message string // of the commit
	Title   string // of the pull request, one line
	Body    string // of the pull request, Markdown
}

// A ProposedFile is a new file.
type ProposedFile struct {
	Path    string // from the root, with slashes
	Content []byte // text in UTF-8
}

// A WebhookRegistrar is a Client that tells its host where to send webhooks.
type WebhookRegistrar interface {
	// WebhookKind is how what it registers proves where it comes from.
	WebhookKind() lockstep.WebhookKind
	// RegisterWebhook has the host call a URL when a branch of the repository
	// moves or a pull request changes. A webhook with the same URL is replaced.
	// Denied where the credential may not.
	RegisterWebhook(ctx context.Context, url, secret string) error
	// RemoveWebhook ends that. One that is not there is no error.
	RemoveWebhook(ctx context.Context, url string) error
}
