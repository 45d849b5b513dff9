package bitbucket

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A buildStatus is a status in a request. A later one of the same commit with the same key
// replaces it.
type buildStatus struct {
	Key         string `json:"key"`
	State       string `json:"state"`
	Name        string `json:"name"`
	Description string `json:"description"`
	URL         string `json:"url"`
	RefName     string `json:"refname,omitempty"`
}

const (
	maxKey = 40 // characters
	// maxName is the longest name or description.
	maxName = 255
)

// stateOf returns Bitbucket's name of a state. It has one for everything before the end.
func stateOf(state provider.CommitState) string {
	switch state {
	case provider.CommitSucceeded:
		return "SUCCESSFUL"
	case provider.CommitFailed:
		return "FAILED"
	}
	return "INPROGRESS"
}

// keyOf returns the name of a status if it is short enough, else one with its hash.
func keyOf(name string) string {
	if len(name) <= maxKey {
		return name
	}
	const prefix = "lockstep-"
	sum := sha256.Sum256([]byte(name))
	return prefix + hex.EncodeToString(sum[:])[:maxKey-len(prefix)]
}

// ReportStatus sets the build status of a commit. It returns what was sent, and does not send
// the same again. After an error it returns nil, because the host may have accepted the status.
func (c *client) ReportStatus(ctx context.Context, status provider.CommitStatus, previous []byte) ([]byte, error) {
	request := buildStatus{
		Key:         keyOf(status.Context()),
		State:       stateOf(status.State),
		Name:        lockstep.Truncate(status.Context(), maxName),
		Description: lockstep.Truncate(status.Summary, maxName),
		URL:         cmp.Or(status.URL, c.page+"/commits/"+string(status.SHA)), // required
		RefName:     status.Branch,
	}

	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, previous) {
		return previous, nil
	}

	path := c.repo + "/commit/" + string(status.SHA) + "/statuses/build"
	if _, err := c.rest.Do(ctx, http.MethodPost, path, request, nil); err != nil {
		return nil, err
	}

	return body, nil
}
