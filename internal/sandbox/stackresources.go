package sandbox

import (
	"errors"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

type stackResourceXML struct {
	StackName            string
	StackID              string `xml:"StackId"`
	LogicalResourceID    string `xml:"LogicalResourceId"`
	PhysicalResourceID   string `xml:"PhysicalResourceId,omitempty"`
	ResourceType         string
	Timestamp            awsquery.Time
	ResourceStatus       rollout.Status
	ResourceStatusReason string `xml:",omitempty"`
	DriftInformation     struct{ StackResourceDriftStatus string }
}

type describeStackResourcesResult struct {
	StackResources awsquery.List[stackResourceXML]
}

func (c *call) describeStackResources() (any, error) {
	stack, err := c.resourceStack()
	if err != nil {
		return nil, err
	}

	only := c.form.Text("LogicalResourceId")
	rows, err := c.Tx.Query(`SELECT e.logical_id, e.physical_id, e.type, e.at, e.status, e.reason, e.gone FROM event e
		JOIN (SELECT logical_id, max(seq) AS seq FROM event WHERE stack_id = $1 AND at <= $2
		AND state IS NOT NULL GROUP BY logical_id) l
		ON e.stack_id = $1 AND e.seq = l.seq ORDER BY e.logical_id`, stack.ID, c.Now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	out := describeStackResourcesResult{}
	for rows.Next() {
		resource := stackResourceXML{StackName: stack.Name, StackID: stack.ARN}
		var at int64
		var gone bool
		if err := rows.Scan(&resource.LogicalResourceID, &resource.PhysicalResourceID, &resource.ResourceType, &at,
			&resource.ResourceStatus, &resource.ResourceStatusReason, &gone); err != nil {
			return nil, err
		}

		if gone && stack.Status != "DELETE_COMPLETE" || only != "" && resource.LogicalResourceID != only {
			continue
		}

		resource.Timestamp = awsquery.Time(db.Time(at))
		resource.DriftInformation.StackResourceDriftStatus = "NOT_CHECKED"
		out.StackResources.Members = append(out.StackResources.Members, resource)
	}

	if err := rows.Err(); err != nil {
		return nil, err
	}
	if only != "" && len(out.StackResources.Members) == 0 {
		return nil, validationError("Resource %s does not exist for stack %s", syntax.Clip(only), stack.Name)
	}

	return out, nil
}

// resourceStack returns the stack of the request, by its name or by the physical id of
// a resource.
func (c *call) resourceStack() (*store.Stack, error) {
	physical := c.form.Text("PhysicalResourceId")
	if c.form.Text("StackName") != "" {
		if physical != "" {
			return nil, validationError("StackName and PhysicalResourceId can not be specified at the same time")
		}

		stack, err := c.FindStack(c.form.Text("StackName"))
		if errors.Is(err, store.ErrNoStack) {
			return nil, validationError("Stack with id %s does not exist", syntax.Clip(c.form.Text("StackName")))
		}

		return stack, err
	}

	if physical == "" {
		return nil, validationError("Either StackName or PhysicalResourceId must be specified")
	}

	var arn string
	err := c.Tx.QueryRow(`SELECT s.arn FROM event e JOIN stack s ON s.id = e.stack_id WHERE e.physical_id = $1
		AND e.state IS NOT NULL
		AND s.account = $2 AND s.region = $3 AND e.at <= $4 AND (s.deleted_at IS NULL OR s.deleted_at > $4)
		ORDER BY e.stack_id DESC LIMIT 1`,
		physical, c.caller.account, c.caller.region, c.Now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return nil, validationError("Stack for %s does not exist", syntax.Clip(physical))
	}

	if err != nil {
		return nil, err
	}

	return c.FindStack(arn)
}
