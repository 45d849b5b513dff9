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

// A buildStatus is a status as the API takes it. Its key is what a later one of
// the same commit replaces it by.
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
	// maxName is what the API stores of a name, or of a description.
	maxName = 255
)

// stateOf gives Bitbucket's word for each state: it has one for all that is not
// at its end.
func stateOf(s provider.CommitState) string {
	switch s {
	case provider.CommitSucceeded:
		return "SUCCESSFUL"
	case provider.CommitFailed:
		return "FAILED"
	}
	return "INPROGRESS"
}

// key gives the name of a status where it fits, else a name of its hash.
func key(name string) string {
	if len(name) <= maxKey {
		return name
	}
	const begin = "lockstep-"
	sum := sha256.Sum256([]byte(name))
	return begin + hex.EncodeToString(sum[:])[:maxKey-len(begin)]
}

// ReportStatus sets the build status of a commit. The memory is what was sent: the
// same is not sent again. After an error there is none, since the host may have
// taken what it did not answer.
func (c *client) ReportStatus(ctx context.Context, s provider.CommitStatus, memory []byte) ([]byte, error) {
	told := buildStatus{
		Key: key(s.Context()), State: stateOf(s.State), Name: lockstep.Truncate(s.Context(), maxName),
		Description: lockstep.Truncate(s.Summary, maxName), RefName: s.Branch,
		URL: cmp.Or(s.URL, c.page+"/commits/"+string(s.SHA)), // the API wants one
	}

	body, err := json.Marshal(told)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, memory) {
		return memory, nil
	}

	if _, err := c.rest.Do(ctx, http.MethodPost, c.repo+"/commit/"+string(s.SHA)+"/statuses/build", told, nil); err != nil {
		return nil, err
	}

	return body, nil
}
