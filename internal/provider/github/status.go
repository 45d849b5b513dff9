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
	// task marks deployments as those of Lockstep.
	task = "lockstep"
	// maxDescription is how long a description may be, in characters.
	maxDescription = 140
)

// A reportedStatus is what ReportStatus keeps: the deployment of a commit in an
// environment, and the status that it shows.
type reportedStatus struct {
	Deployment int64  `json:"deployment"` // 0 if it is unknown
	State      string `json:"state,omitempty"`
	Summary    string `json:"summary,omitempty"`
	URL        string `json:"url,omitempty"`
}

// states maps the states of commits to GitHub's.
var states = map[provider.CommitState]string{
	provider.CommitPending:   "queued",
	provider.CommitRunning:   "in_progress",
	provider.CommitSucceeded: "success",
	provider.CommitFailed:    "failure",
}

// ReportStatus creates a deployment once, and a deployment status for each change.
func (c *client) ReportStatus(ctx context.Context, status provider.CommitStatus, previous []byte) ([]byte, error) {
	if err := c.requireCredential(); err != nil {
		return previous, err
	}

	state, ok := states[status.State]
	if !ok {
		return previous, lockstep.Errorf(lockstep.Invalid, "%q is not the state of a commit.", string(status.State))
	}

	var current reportedStatus
	if json.Unmarshal(previous, &current) != nil {
		current = reportedStatus{} // of another provider, or none
	}

	want := reportedStatus{
		State:   state,
		Summary: lockstep.Truncate(status.Summary, maxDescription),
		URL:     pageURL(status.URL),
	}
	if current.Deployment != 0 {
		reported, isGone, err := c.setDeploymentStatus(ctx, current, want)
		if !isGone {
			return encode(reported), err
		}
	}

	current, err := c.deployment(ctx, status)
	if err != nil {
		return encode(current), err
	}

	reported, _, err := c.setDeploymentStatus(ctx, current, want)
	return encode(reported), err
}

// setDeploymentStatus sets the status of a deployment, unless it is current. isGone is
// true if the deployment does not exist.
func (c *client) setDeploymentStatus(ctx context.Context, current,
	want reportedStatus) (reported reportedStatus, isGone bool, err error) {
	want.Deployment = current.Deployment
	if current == want {
		return current, false, nil
	}

	request := gh.DeploymentStatusRequest{State: want.State, Description: new(want.Summary)}
	if want.URL != "" {
		request.LogURL = new(want.URL)
	}

	_, resp, err := c.api.Repositories.CreateDeploymentStatus(ctx, c.owner, c.repo, current.Deployment, request)
	if err != nil {
		return current, isMissing(resp), c.callError(resp, err)
	}

	return want, false, nil
}

// deployment finds the deployment of a commit in an environment, with the status that it
// shows, or creates it.
func (c *client) deployment(ctx context.Context, status provider.CommitStatus) (reportedStatus, error) {
	all, resp, err := c.api.Repositories.ListDeployments(ctx, c.owner, c.repo, &gh.DeploymentsListOptions{
		SHA:         string(status.SHA),
		Task:        task,
		Environment: status.Environment,
		ListOptions: gh.ListOptions{PerPage: perPage},
	})
	if err != nil {
		return reportedStatus{}, c.callError(resp, err)
	}

	for _, found := range all { // newest first
		if found.GetSHA() == string(status.SHA) && found.GetTask() == task &&
			found.GetEnvironment() == status.Environment {
			return c.shownStatus(ctx, found.GetID())
		}
	}

	created, resp, err := c.api.Repositories.CreateDeployment(ctx, c.owner, c.repo, gh.DeploymentRequest{
		Ref:              string(status.SHA),
		Task:             new(task),
		Environment:      new(status.Environment),
		Description:      new("Stacks in " + status.Environment),
		AutoMerge:        new(false),
		RequiredContexts: []string{}, // the commit as it is, whatever other checks say
	})
	if err != nil {
		return reportedStatus{}, c.callError(resp, err)
	}

	return reportedStatus{Deployment: created.GetID()}, nil
}

// shownStatus returns the status of a deployment. It ignores "inactive", which GitHub
// itself adds when a later deployment succeeds.
func (c *client) shownStatus(ctx context.Context, id int64) (reportedStatus, error) {
	all, resp, err := c.api.Repositories.ListDeploymentStatuses(ctx, c.owner, c.repo, id,
		&gh.ListOptions{PerPage: perPage})
	if err != nil {
		return reportedStatus{Deployment: id}, c.callError(resp, err)
	}

	var last *gh.DeploymentStatus
	for _, status := range all {
		if status.GetState() != "inactive" && (last == nil || status.GetID() > last.GetID()) {
			last = status
		}
	}

	return reportedStatus{
		Deployment: id,
		State:      last.GetState(),
		Summary:    last.GetDescription(),
		URL:        last.GetLogURL(),
	}, nil
}

// pageURL returns a URL if it may be shown as a link, else "".
func pageURL(url string) string {
	if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		return url
	}
	return ""
}

func encode(status reportedStatus) []byte {
	if status.Deployment == 0 {
		return nil
	}
	encoded, _ := json.Marshal(status) // numbers and strings, which always can be
	return encoded
}
