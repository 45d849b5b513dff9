package gitlab

import (
	"context"
	"net/http"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A deploymentRequest makes a deployment, or moves it where only Status is given.
type deploymentRequest struct {
	Environment string `json:"environment,omitempty"`
	SHA         string `json:"sha,omitempty"`
	Ref         string `json:"ref,omitempty"`
	Tag         *bool  `json:"tag,omitempty"`
	Status      string `json:"status"`
}

// A deployment is one as GitLab has it.
type deployment struct {
	ID     int64  `json:"id"`
	SHA    string `json:"sha"`
	Status string `json:"status"`
	// Deployable is the job of GitLab's own that made it.
	Deployable *struct{} `json:"deployable"`
}

// runs says whether a deployment can still be told something: one that has ended
// is history, and a retry is another.
func runs(status string) bool { return status == running || status == created }

func (c *Client) reportDeployment(ctx context.Context, s provider.CommitStatus, m *told) error {
	want := stateOf(s.State)
	if want == pending || m.Refused || m.Deployed == want {
		return nil
	}
	err := c.deploy(ctx, s, m, want)
	if lockstep.KindOf(err) == lockstep.Denied {
		m.Refused = true // the status was accepted: it is told without deployments
		return nil
	}
	return err
}

func (c *Client) deploy(ctx context.Context, s provider.CommitStatus, m *told, want string) error {
	if m.Deployment != 0 && runs(m.Deployed) {
		err := c.moveDeployment(ctx, m, m.Deployment, want)
		if k := lockstep.KindOf(err); err == nil || k != lockstep.Invalid && k != lockstep.NotFound {
			return err
		}
	}

	// It is to be made, or is not as it was left: look first.
	last, err := c.lastDeployment(ctx, s)
	switch {
	case err != nil:
		return err
	case last.Status == want: // told before a crash
		m.Deployment, m.Deployed = last.ID, want
		return nil
	case runs(last.Status):
		return c.moveDeployment(ctx, m, last.ID, want)
	}

	return c.makeDeployment(ctx, s, m, want)
}

// lastDeployment gives the newest deployment of the commit to the environment that
// no job of GitLab's own is behind, the zero one for none among the newest.
func (c *Client) lastDeployment(ctx context.Context, s provider.CommitStatus) (deployment, error) {
	var all []deployment
	query := page(1, "environment", s.Environment, "order_by", "id", "sort", "desc")
	if err := c.call(ctx, http.MethodGet, "/deployments"+query, nil, &all); err != nil {
		return deployment{}, err
	}
	for _, one := range all {
		if one.SHA == string(s.SHA) && one.Deployable == nil {
			return one, nil
		}
	}
	return deployment{}, nil
}

func (c *Client) makeDeployment(ctx context.Context, s provider.CommitStatus, m *told, want string) error {
	var made deployment
	err := c.call(ctx, http.MethodPost, "/deployments", deploymentRequest{
		Environment: s.Environment, SHA: string(s.SHA), Ref: s.Branch, Tag: new(bool), Status: want,
	}, &made)
	if err == nil {
		m.Deployment, m.Deployed = made.ID, want
	}
	return err
}

func (c *Client) moveDeployment(ctx context.Context, m *told, id int64, want string) error {
	err := c.call(ctx, http.MethodPut, "/deployments/"+strconv.FormatInt(id, 10), deploymentRequest{Status: want}, nil)
	if err == nil {
		m.Deployment, m.Deployed = id, want
	}
	return err
}
