package azuredevops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/lockstephq/lockstep/internal/provider"
)

// genre is what the names of our statuses stand under: Azure shows lockstep/ and
// the environment.
const genre = "lockstep"

// A status is one beside a commit. The newest of a context is shown.
type status struct {
	State       string        `json:"state"`
	Description string        `json:"description"`
	TargetURL   string        `json:"targetUrl,omitempty"`
	Context     statusContext `json:"context"`
}

type statusContext struct {
	Name  string `json:"name"`
	Genre string `json:"genre"`
}

// states are ours as Azure has them. It knows nothing between pending and an end.
func states() map[provider.CommitState]string {
	return map[provider.CommitState]string{
		provider.CommitPending: "pending", provider.CommitRunning: "pending",
		provider.CommitSucceeded: "succeeded", provider.CommitFailed: "failed",
	}
}

// ReportStatus posts a status. The memory is what was posted last: the same is not
// posted again.
func (c *Client) ReportStatus(ctx context.Context, s provider.CommitStatus, memory []byte) ([]byte, error) {
	told := status{
		State: states()[s.State], Description: s.Summary, TargetURL: s.URL,
		Context: statusContext{Name: s.Environment, Genre: genre},
	}
	now, err := json.Marshal(told)
	if err != nil {
		return memory, fmt.Errorf("encode a status: %w", err)
	}

	if bytes.Equal(now, memory) {
		return memory, nil
	}
	if err := c.call(ctx, http.MethodPost, c.at.ofRepository("commits/"+url.PathEscape(string(s.SHA))+"/statuses"), told, nil); err != nil {
		return memory, err
	}

	return now, nil
}
