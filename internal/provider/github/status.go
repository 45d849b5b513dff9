package github

import (
	"context"
	"encoding/json"
	"strings"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

const (
	// task marks deployments as ours.
	task = "lockstep"
	// maxDescription is how long a description may be, in characters.
	maxDescription = 140
)

// told is what is remembered of a commit in an environment: its deployment, and
// the status that it shows.
type told struct {
	Deployment int64  `json:"deployment"` // 0 is not known
	State      string `json:"state,omitempty"`
	Summary    string `json:"summary,omitempty"`
	URL        string `json:"url,omitempty"`
}

// states are ours in the host's words.
var states = map[provider.CommitState]string{
	provider.CommitPending:   "queued",
	provider.CommitRunning:   "in_progress",
	provider.CommitSucceeded: "success",
	provider.CommitFailed:    "failure",
}

// ReportStatus writes a deployment once and a status for each change.
func (c *client) ReportStatus(ctx context.Context, s provider.CommitStatus, memory []byte) ([]byte, error) {
	if err := c.allowed(); err != nil {
		return memory, err
	}

	state, ok := states[s.State]
	if !ok {
		return memory, lockstep.Errorf(lockstep.Invalid, "%q is not the state of a commit.", string(s.State))
	}

	var known told
	if json.Unmarshal(memory, &known) != nil {
		known = told{} // of another provider, or none
	}

	want := told{State: state, Summary: lockstep.Truncate(s.Summary, maxDescription), URL: page(s.URL)}
	if known.Deployment != 0 {
		got, gone, err := c.tell(ctx, known, want)
		if !gone {
			return encode(got), err
		}
	}

	known, err := c.deployment(ctx, s)
	if err != nil {
		return encode(known), err
	}

	got, _, err := c.tell(ctx, known, want)
	return encode(got), err
}

// tell writes a deployment's status, unless it is the one that it has. gone says
// that the deployment is not there.
func (c *client) tell(ctx context.Context, known, want told) (got told, gone bool, err error) {
	want.Deployment = known.Deployment
	if known == want {
		return known, false, nil
	}

	status := gh.DeploymentStatusRequest{State: want.State, Description: new(want.Summary)}
	if want.URL != "" {
		status.LogURL = new(want.URL)
	}

	_, resp, err := c.api.Repositories.CreateDeploymentStatus(ctx, c.owner, c.repo, known.Deployment, status)
	if err != nil {
		return known, missing(resp), c.failed(resp, err)
	}

	return want, false, nil
}

// deployment finds the deployment of a commit in an environment, with the status
// that it shows, or makes it.
func (c *client) deployment(ctx context.Context, s provider.CommitStatus) (told, error) {
	all, resp, err := c.api.Repositories.ListDeployments(ctx, c.owner, c.repo, &gh.DeploymentsListOptions{
		SHA: string(s.SHA), Task: task, Environment: s.Environment, ListOptions: gh.ListOptions{PerPage: perPage},
	})
	if err != nil {
		return told{}, c.failed(resp, err)
	}

	for _, d := range all { // newest first
		if d.GetSHA() == string(s.SHA) && d.GetTask() == task && d.GetEnvironment() == s.Environment {
			return c.shown(ctx, d.GetID())
		}
	}

	made, resp, err := c.api.Repositories.CreateDeployment(ctx, c.owner, c.repo, gh.DeploymentRequest{
		Ref: string(s.SHA), Task: new(task), Environment: new(s.Environment), Description: new("Stacks in " + s.Environment),
		AutoMerge: new(false), RequiredContexts: []string{}, // the commit as it is, whatever others say of it
	})
	if err != nil {
		return told{}, c.failed(resp, err)
	}

	return told{Deployment: made.GetID()}, nil
}

// shown reads the status of a deployment. One that the host added, to say that a
// later deployment took the place of this, is not ours.
func (c *client) shown(ctx context.Context, id int64) (told, error) {
	all, resp, err := c.api.Repositories.ListDeploymentStatuses(ctx, c.owner, c.repo, id, &gh.ListOptions{PerPage: perPage})
	if err != nil {
		return told{Deployment: id}, c.failed(resp, err)
	}
	var last *gh.DeploymentStatus
	for _, s := range all {
		if s.GetState() != "inactive" && (last == nil || s.GetID() > last.GetID()) {
			last = s
		}
	}
	return told{Deployment: id, State: last.GetState(), Summary: last.GetDescription(), URL: last.GetLogURL()}, nil
}

// page gives a URL that may be shown as a link, or nothing.
func page(url string) string {
	if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		return url
	}
	return ""
}

func encode(t told) []byte {
	if t.Deployment == 0 {
		return nil
	}
	b, _ := json.Marshal(t) // of numbers and strings, which always can be
	return b
}
