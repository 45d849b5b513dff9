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

// genre is the first part of a status's name: Azure shows lockstep/ and the environment.
const genre = "lockstep"

// A status is a status of a commit. Azure shows the newest of a context.
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

// stateOf returns Azure's name of a state. It has one for everything before the end.
func stateOf(state provider.CommitState) string {
	switch state {
	case provider.CommitSucceeded:
		return "succeeded"
	case provider.CommitFailed:
		return "failed"
	}
	return "pending"
}

// ReportStatus posts a status. It returns what was sent, and does not send the same again.
func (c *client) ReportStatus(ctx context.Context, reported provider.CommitStatus, previous []byte) ([]byte, error) {
	request := status{
		State:       stateOf(reported.State),
		Description: reported.Summary,
		TargetURL:   reported.URL,
		Context:     statusContext{Name: reported.Environment, Genre: genre},
	}
	body, err := json.Marshal(request)
	if err != nil {
		return previous, fmt.Errorf("encode a status: %w", err)
	}

	if bytes.Equal(body, previous) {
		return previous, nil
	}

	path := c.at.repositoryPath("commits/" + url.PathEscape(string(reported.SHA)) + "/statuses")
	if err := c.call(ctx, http.MethodPost, path, request, nil); err != nil {
		return previous, err
	}

	return body, nil
}
