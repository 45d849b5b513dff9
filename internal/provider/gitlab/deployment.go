package gitlab

import (
	"context"
	"net/http"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A deploymentRequest creates a deployment, or changes one if only Status is set.
type deploymentRequest struct {
	Environment string `json:"environment,omitempty"`
	SHA         string `json:"sha,omitempty"`
	Ref         string `json:"ref,omitempty"`
	Tag         *bool  `json:"tag,omitempty"`
	Status      string `json:"status"`
}

// A deployment is a deployment in a response.
type deployment struct {
	ID     int64  `json:"id"`
	SHA    string `json:"sha"`
	Status string `json:"status"`
	// Deployable is the GitLab job that created it.
	Deployable *struct{} `json:"deployable"`
}

// canChange reports whether the status of a deployment can change: one that has ended is
// final.
func canChange(status string) bool { return status == running || status == created }

func (c *client) reportDeployment(ctx context.Context, status provider.CommitStatus, reported *reportedStatus) error {
	want := stateOf(status.State)
	if want == pending || reported.Refused || reported.Deployed == want {
		return nil
	}

	err := c.deploy(ctx, status, reported, want)
	if lockstep.KindOf(err) == lockstep.Denied {
		reported.Refused = true // the status was accepted: report without deployments
		return nil
	}

	return err
}

func (c *client) deploy(ctx context.Context, status provider.CommitStatus, reported *reportedStatus,
	want string) error {
	if reported.Deployment != 0 && canChange(reported.Deployed) {
		err := c.changeDeployment(ctx, reported, reported.Deployment, want)
		if kind := lockstep.KindOf(err); err == nil || kind != lockstep.Invalid && kind != lockstep.NotFound {
			return err
		}
	}

	// It does not exist, or has changed: look first.
	last, err := c.lastDeployment(ctx, status)
	switch {
	case err != nil:
		return err
	case last.Status == want: // reported before a crash
		reported.Deployment, reported.Deployed = last.ID, want
		return nil
	case canChange(last.Status):
		return c.changeDeployment(ctx, reported, last.ID, want)
	}

	return c.createDeployment(ctx, status, reported, want)
}

// lastDeployment returns the newest deployment of the commit to the environment that no
// GitLab job created, the zero one if there is none among the newest.
func (c *client) lastDeployment(ctx context.Context, status provider.CommitStatus) (deployment, error) {
	var all []deployment
	query := page(1, "environment", status.Environment, "order_by", "id", "sort", "desc")
	if err := c.call(ctx, http.MethodGet, "/deployments"+query, nil, &all); err != nil {
		return deployment{}, err
	}

	for _, found := range all {
		if found.SHA == string(status.SHA) && found.Deployable == nil {
			return found, nil
		}
	}

	return deployment{}, nil
}

func (c *client) createDeployment(ctx context.Context, status provider.CommitStatus, reported *reportedStatus,
	want string) error {
	var made deployment
	err := c.call(ctx, http.MethodPost, "/deployments", deploymentRequest{
		Environment: status.Environment,
		SHA:         string(status.SHA),
		Ref:         status.Branch,
		Tag:         new(bool),
		Status:      want,
	}, &made)
	if err == nil {
		reported.Deployment, reported.Deployed = made.ID, want
	}
	return err
}

func (c *client) changeDeployment(ctx context.Context, reported *reportedStatus, id int64, want string) error {
	err := c.call(ctx, http.MethodPut, "/deployments/"+strconv.FormatInt(id, 10), deploymentRequest{Status: want}, nil)
	if err == nil {
		reported.Deployment, reported.Deployed = id, want
	}
	return err
}
