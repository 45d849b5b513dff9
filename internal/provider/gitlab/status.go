package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A reportedStatus is what ReportStatus keeps of a commit in an environment.
type reportedStatus struct {
	State    provider.CommitState `json:"state,omitempty"`
	Summary  string               `json:"summary,omitempty"`
	URL      string               `json:"url,omitempty"`
	Pipeline int64                `json:"pipeline,omitempty"` // of the status

	Deployment int64  `json:"deployment,omitempty"` // its ID
	Deployed   string `json:"deployed,omitempty"`   // its status
	// Refused is true if the credential may not report deployments.
	Refused bool `json:"refused,omitempty"`
}

// ReportStatus sets a commit status and, once the first stack runs, a deployment to the
// environment. It writes only what has changed.
func (c *client) ReportStatus(ctx context.Context, status provider.CommitStatus, previous []byte) ([]byte, error) {
	if err := c.requireCredential(); err != nil {
		return previous, err
	}

	var reported reportedStatus
	if json.Unmarshal(previous, &reported) != nil { // nil, or of another provider
		reported = reportedStatus{}
	}

	err := c.reportStatus(ctx, status, &reported)
	if err == nil {
		err = c.reportDeployment(ctx, status, &reported)
	}

	encoded, encodeErr := json.Marshal(reported)
	if encodeErr != nil {
		return previous, fmt.Errorf("encode what was reported of %s: %w", status.SHA, encodeErr)
	}

	return encoded, err
}

// GitLab's states of commit statuses and deployments.
const (
	created = "created"
	pending = "pending"
	running = "running"
	success = "success"
	failed  = "failed"
)

// stateOf returns GitLab's name of a state.
func stateOf(state provider.CommitState) string {
	switch state {
	case provider.CommitPending:
		return pending
	case provider.CommitRunning:
		return running
	case provider.CommitSucceeded:
		return success
	}
	return failed
}

// maxTargetURL is the length of the longest URL that GitLab accepts, in bytes.
const maxTargetURL = 255

// A statusRequest creates or changes a commit status.
type statusRequest struct {
	State       string `json:"state"`
	Ref         string `json:"ref"`
	Name        string `json:"name"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url,omitempty"`
	PipelineID  int64  `json:"pipeline_id,omitempty"`
}

// A commitStatus is a commit status in a response.
type commitStatus struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	PipelineID int64  `json:"pipeline_id"` // 0 on old servers
}

func (c *client) reportStatus(ctx context.Context, status provider.CommitStatus, reported *reportedStatus) error {
	if reported.State == status.State && reported.Summary == status.Summary && reported.URL == status.URL {
		return nil
	}

	request := statusRequest{
		State:       stateOf(status.State),
		Ref:         status.Branch,
		Name:        status.Context(),
		Description: status.Summary,
		PipelineID:  reported.Pipeline,
	}
	if len(status.URL) <= maxTargetURL {
		request.TargetURL = status.URL
	}

	var shown commitStatus
	path := "/statuses/" + escape(string(status.SHA))
	err := c.postStatus(ctx, path, status, request, &shown)
	kind := lockstep.KindOf(err)
	if request.PipelineID != 0 && (kind == lockstep.NotFound || kind == lockstep.Invalid) {
		// The pipeline was deleted, or is full: GitLab finds or creates another one.
		request.PipelineID = 0
		err = c.postStatus(ctx, path, status, request, &shown)
		kind = lockstep.KindOf(err)
	}

	if kind == lockstep.Exists {
		return lockstep.Wrapf(lockstep.Unavailable, err,
			"The statuses of commit %s at %s are being changed by another request.",
			status.SHA, c.api.address)
	}
	if err != nil {
		return err
	}

	reported.State, reported.Summary, reported.URL = status.State, status.Summary, status.URL
	reported.Pipeline = shown.PipelineID
	return nil
}

// postStatus creates or changes a commit status. GitLab also refuses one that is already shown, as
// after a crash; that is no error.
func (c *client) postStatus(ctx context.Context, path string, status provider.CommitStatus, request statusRequest,
	shown *commitStatus) error {
	err := c.call(ctx, http.MethodPost, path, request, shown)
	if lockstep.KindOf(err) != lockstep.Invalid {
		return err
	}

	newest, readErr := c.newestStatus(ctx, status)
	if readErr != nil {
		return readErr
	}
	if !newest.isAt(request.State) {
		return err
	}

	*shown = newest
	return nil
}

// isAt reports whether a status is as far as wanted. A running one does not return to
// pending.
func (s commitStatus) isAt(want string) bool {
	return s.Status == want || want == pending && s.Status == running
}

// newestStatus returns the status that GitLab shows of the commit, the zero one if there
// is none.
func (c *client) newestStatus(ctx context.Context, status provider.CommitStatus) (commitStatus, error) {
	var all []commitStatus
	path := "/repository/commits/" + escape(string(status.SHA)) + "/statuses" + page(1, "ref", status.Branch,
		"name", status.Context())
	if err := c.call(ctx, http.MethodGet, path, nil, &all); err != nil {
		return commitStatus{}, err
	}

	var newest commitStatus
	for _, found := range all {
		if found.Name == status.Context() && found.ID > newest.ID {
			newest = found
		}
	}

	return newest, nil
}
