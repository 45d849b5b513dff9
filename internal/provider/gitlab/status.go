package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// What was told of one commit in one environment: the memory of ReportStatus.
type told struct {
	State    provider.CommitState `json:"state,omitempty"`
	Summary  string               `json:"summary,omitempty"`
	URL      string               `json:"url,omitempty"`
	Pipeline int64                `json:"pipeline,omitempty"` // that the status is in

	Deployment int64  `json:"deployment,omitempty"` // its id
	Deployed   string `json:"deployed,omitempty"`   // its status
	// Refused says that the credential may not report deployments.
	Refused bool `json:"refused,omitempty"`
}

// ReportStatus writes a commit status and, from the first stack that runs, a
// deployment to the environment. Each is left alone where it was told already.
func (c *Client) ReportStatus(ctx context.Context, s provider.CommitStatus, memory []byte) ([]byte, error) {
	if err := c.able(); err != nil {
		return memory, err
	}

	var m told
	if json.Unmarshal(memory, &m) != nil { // nil, or nothing of ours
		m = told{}
	}

	err := c.reportStatus(ctx, s, &m)
	if err == nil {
		err = c.reportDeployment(ctx, s, &m)
	}

	kept, badly := json.Marshal(m)
	if badly != nil {
		return memory, fmt.Errorf("encode what was reported of %s: %w", s.SHA, badly)
	}

	return kept, err
}

// The states of statuses and deployments, as GitLab spells them.
const (
	created = "created"
	pending = "pending"
	running = "running"
	success = "success"
	failed  = "failed"
)

// stateOf gives a state in GitLab's words.
func stateOf(s provider.CommitState) string {
	switch s {
	case provider.CommitPending:
		return pending
	case provider.CommitRunning:
		return running
	case provider.CommitSucceeded:
		return success
	}
	return failed
}

// maxTarget is how long a URL GitLab takes, in bytes.
const maxTarget = 255

// A statusRequest makes or moves a commit status.
type statusRequest struct {
	State       string `json:"state"`
	Ref         string `json:"ref"`
	Name        string `json:"name"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url,omitempty"`
	PipelineID  int64  `json:"pipeline_id,omitempty"`
}

// A shownStatus is a commit status as GitLab has it.
type shownStatus struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	PipelineID int64  `json:"pipeline_id"` // 0 of old servers
}

func (c *Client) reportStatus(ctx context.Context, s provider.CommitStatus, m *told) error {
	if m.State == s.State && m.Summary == s.Summary && m.URL == s.URL {
		return nil
	}

	in := statusRequest{State: stateOf(s.State), Ref: s.Branch, Name: s.Context(), Description: s.Summary, PipelineID: m.Pipeline}
	if len(s.URL) <= maxTarget {
		in.TargetURL = s.URL
	}

	var shown shownStatus
	err := c.call(ctx, http.MethodPost, "/statuses/"+escape(string(s.SHA)), in, &shown)
	if lockstep.KindOf(err) == lockstep.NotFound && m.Pipeline != 0 { // the pipeline was removed
		in.PipelineID = 0
		err = c.call(ctx, http.MethodPost, "/statuses/"+escape(string(s.SHA)), in, &shown)
	}

	switch {
	case err == nil:
	case lockstep.KindOf(err) == lockstep.Exists:
		return lockstep.Wrapf(lockstep.Unavailable, err, "The statuses of commit %s at %s are being changed by somebody else.", s.SHA, c.api.address)
	case lockstep.KindOf(err) == lockstep.Invalid:
		var looked error
		if shown, looked = c.shownStatus(ctx, s); looked != nil {
			return looked
		}
		if !shown.stands(in.State) {
			return err
		}

	default:
		return err
	}

	m.State, m.Summary, m.URL, m.Pipeline = s.State, s.Summary, s.URL, shown.PipelineID
	return nil
}

// stands says whether a status is as far as it was told to be. One that runs does
// not go back to pending.
func (s shownStatus) stands(want string) bool {
	return s.Status == want || want == pending && s.Status == running
}

// shownStatus gives the status that stands beside the commit, the zero one for
// none.
func (c *Client) shownStatus(ctx context.Context, s provider.CommitStatus) (shownStatus, error) {
	var all []shownStatus
	err := c.call(ctx, http.MethodGet, "/repository/commits/"+escape(string(s.SHA))+"/statuses"+page(1, "ref", s.Branch, "name", s.Context()), nil, &all)
	if err != nil {
		return shownStatus{}, err
	}

	var newest shownStatus
	for _, one := range all {
		if one.Name == s.Context() && one.ID > newest.ID {
			newest = one
		}
	}

	return newest, nil
}
