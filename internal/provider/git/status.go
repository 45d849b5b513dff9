package git

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A commitStatus is a commit status in a request.
type commitStatus struct {
	Context     string `json:"context"`
	State       string `json:"state"`
	TargetURL   string `json:"target_url"`
	Description string `json:"description"`
}

// stateOf returns Gitea's name of a state. It has one for everything before the end.
func stateOf(state provider.CommitState) string {
	switch state {
	case provider.CommitSucceeded:
		return "success"
	case provider.CommitFailed:
		return "failure"
	}
	return "pending"
}

// ReportStatus adds a status; Gitea shows the last one of a context. It returns what was sent, and
// does not send the same again. After an error it returns nil, because the server may have accepted
// the status.
func (c *client) ReportStatus(ctx context.Context, status provider.CommitStatus, previous []byte) ([]byte, error) {
	api, err := c.requireAPI(ctx)
	if err != nil {
		return nil, err
	}

	request := commitStatus{
		Context:     status.Context(),
		State:       stateOf(status.State),
		TargetURL:   status.URL,
		Description: status.Summary,
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, previous) {
		return previous, nil
	}

	sha := url.PathEscape(string(status.SHA))
	_, err = api.rest.Do(ctx, http.MethodPost, api.repo+"/statuses/"+sha, request, nil)
	if err == nil {
		return body, nil
	}

	if lockstep.KindOf(err) == lockstep.Unavailable {
		// The server answers 500 if the commit does not exist.
		_, readErr := api.rest.Do(ctx, http.MethodGet, api.repo+"/git/commits/"+sha, nil, nil)
		if readErr != nil && lockstep.KindOf(readErr) == lockstep.NotFound {
			return nil, readErr
		}
	}

	return nil, err
}
