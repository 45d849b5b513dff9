package provider

import (
	"context"
	"errors"

	"github.com/lockstephq/lockstep"
)

// ErrUnsupported is the cause of the Invalid error of a client whose host lacks a
// capability that other hosts of its type have: a plain Git server has no API. A retry
// does not help, and there is nothing to repair.
var ErrUnsupported = errors.New("the host does not support this")

// ErrCredentialNotSent is the cause of the Denied error of a client that did not send
// its credential to the host: the host did not prove its identity, or this server may
// not connect to it. The credential may be good.
var ErrCredentialNotSent = errors.New("the credential was not sent")

// A CredentialChecker is a Driver that can check a credential without reading a
// repository.
type CredentialChecker interface {
	// Check sends the credential to the host. The error is Denied if the host refuses
	// the credential, with a message for the person who gave it. Any other error means
	// that the result is unknown.
	Check(ctx context.Context, access Access) error
}

// An OAuthDriver is a Driver whose host issues tokens to applications that a person
// authorizes: OAuth 2's authorization code with PKCE.
type OAuthDriver interface {
	// OAuthEndpoints returns the endpoints of a host, or of the provider's own service
	// if host is nil. The error is Invalid if the host has none.
	OAuthEndpoints(host *lockstep.Host) (OAuthEndpoints, error)
}

// OAuthEndpoints are where a host issues tokens.
type OAuthEndpoints struct {
	AuthURL  string // for a person's browser
	TokenURL string // for this server
	Scopes   []string
}

// A StatusReporter is a Client that shows the status of a commit on its host.
type StatusReporter interface {
	// ReportStatus sets the status of a commit in an environment. A repeated call with
	// the same status, as after a crash, has no visible effect. previous is what the
	// last call for the same commit and environment returned, nil at first. The result
	// is kept even if there is an error.
	ReportStatus(ctx context.Context, status CommitStatus, previous []byte) ([]byte, error)
}

// A CommitState is how far a commit was deployed to an environment.
type CommitState string

// The states of a commit. Succeeded and failed are final.
const (
	CommitPending   CommitState = "pending" // no sync has started
	CommitRunning   CommitState = "running"
	CommitSucceeded CommitState = "succeeded"
	CommitFailed    CommitState = "failed"
)

// A CommitStatus is the status of one commit in one environment. It covers all stacks
// together, so that a commit of many stacks costs as few requests as a commit of one.
type CommitStatus struct {
	SHA    lockstep.SHA
	Branch string // a branch with the commit, without refs/heads/
	// Environment is where the stacks are, such as 123456789012/us-east-1. It is the
	// same for every commit.
	Environment string
	State       CommitState
	Summary     string // one line, at most 140 bytes
	URL         string // a page with more, https://… or http://…; "" if there is none
}

// Context returns the name of a status on hosts that show names: "lockstep/" and the
// environment.
func (s CommitStatus) Context() string { return "lockstep/" + s.Environment }

// A Commenter is a Client that lists pull requests (merge requests in GitLab) and keeps
// one comment on each.
type Commenter interface {
	// PullRequests returns the open pull requests into a branch, the last changed first,
	// at most 100.
	PullRequests(ctx context.Context, base string) ([]PullRequest, error)
	// PutComment edits the comment with the given ID, or creates one if the ID is "" or
	// gone. Before it creates one, it looks for one with the marker by the same author,
	// so that a crash leaves no second. It returns the comment's ID.
	PutComment(ctx context.Context, pr PullRequest, comment Comment) (id string, err error)
	// MaxComment returns how many bytes of text a comment may have.
	MaxComment() int
}

// A PullRequest proposes the commits of one branch for another.
type PullRequest struct {
	Number     int64
	Title      string
	Base       string // target branch, without refs/heads/
	HeadBranch string // source branch, which may be in another repository
	Head       lockstep.SHA
	// Fork is true if the head is in another repository, or if that is unknown: its
	// author may have no write access to this one.
	Fork bool
	URL  string // the page for people
}

// A Comment is Markdown with a marker that no other comment has.
type Comment struct {
	ID     string // "" for a new one
	Marker string // a line of Body that the host does not show
	Body   string
}

// A PullRequester is a Client that opens pull requests.
type PullRequester interface {
	// Propose puts files on a new branch, in one commit on top of a commit of the base
	// branch, and opens a pull request. The error is Exists if the new branch or one of
	// the files exists. If Propose fails, it leaves nothing behind, as far as the host
	// allows.
	Propose(ctx context.Context, proposal Proposal) (PullRequest, error)
}

// A Proposal is a change for review.
type Proposal struct {
	Base    string       // target branch
	BaseSHA lockstep.SHA // parent of the commit: the head of Base
	Branch  string       // new source branch
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

// A WebhookRegistrar is a Client that registers webhooks of its repository.
type WebhookRegistrar interface {
	// WebhookKind returns the kind of webhooks that it registers.
	WebhookKind() lockstep.WebhookKind
	// RegisterWebhook makes the host call a URL when a branch of the repository moves or
	// a pull request changes. It replaces a webhook with the same URL. The error is
	// Denied if the credential may not.
	RegisterWebhook(ctx context.Context, url, secret string) error
	// RemoveWebhook removes the webhooks with a URL. It is no error if there is none.
	RemoveWebhook(ctx context.Context, url string) error
}
