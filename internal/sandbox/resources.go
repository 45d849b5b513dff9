package sandbox

import (
	"errors"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
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

type describedResources struct {
	StackResources awsquery.List[stackResourceXML]
}

func (c *call) describeStackResources() (any, error) {
	st, err := c.resourcesStack()
	if err != nil {
		return nil, err
	}

	only := c.form.Text("LogicalResourceId")
	rows, err := c.tx.Query(`SELECT e.logical_id, e.physical_id, e.type, e.at, e.status, e.reason, e.gone FROM event e
		JOIN (SELECT logical_id, max(seq) AS seq FROM event WHERE stack_id = $1 AND at <= $2 AND state IS NOT NULL GROUP BY logical_id) l
		ON e.stack_id = $1 AND e.seq = l.seq ORDER BY e.logical_id`, st.id, c.now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	out := describedResources{}
	for rows.Next() {
		x := stackResourceXML{StackName: st.name, StackID: st.arn}
		var at int64
		var gone bool
		if err := rows.Scan(&x.LogicalResourceID, &x.PhysicalResourceID, &x.ResourceType, &at, &x.ResourceStatus, &x.ResourceStatusReason, &gone); err != nil {
			return nil, err
		}

		if gone && st.status != "DELETE_COMPLETE" || only != "" && x.LogicalResourceID != only {
			continue
		}

		x.Timestamp = awsquery.Time(db.Time(at))
		x.DriftInformation.StackResourceDriftStatus = "NOT_CHECKED"
		out.StackResources.Members = append(out.StackResources.Members, x)
	}

	if err := rows.Err(); err != nil {
		return nil, err
	}
	if only != "" && len(out.StackResources.Members) == 0 {
		return nil, refuse("Resource %s does not exist for stack %s", clip(only), st.name)
	}

	return out, nil
}

// resourcesStack finds the stack by its name or by a resource's physical id.
func (c *call) resourcesStack() (*stack, error) {
	physical := c.form.Text("PhysicalResourceId")
	if c.form.Text("StackName") != "" {
		if physical != "" {
			return nil, refuse("StackName and PhysicalResourceId can not be specified at the same time")
		}

		st, err := c.find(c.form.Text("StackName"))
		if errors.Is(err, errNoStack) {
			return nil, refuse("Stack with id %s does not exist", clip(c.form.Text("StackName")))
		}

		return st, err
	}

	if physical == "" {
		return nil, refuse("Either StackName or PhysicalResourceId must be specified")
	}

	var arn string
	err := c.tx.QueryRow(`SELECT s.arn FROM event e JOIN stack s ON s.id = e.stack_id WHERE e.physical_id = $1 AND e.state IS NOT NULL
		AND s.account = $2 AND s.region = $3 AND e.at <= $4 AND (s.deleted_at IS NULL OR s.deleted_at > $4) ORDER BY e.stack_id DESC LIMIT 1`,
		physical, c.who.account, c.who.region, c.now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return nil, refuse("Stack for %s does not exist", clip(physical))
	}

	if err != nil {
		return nil, err
	}

	return c.find(arn)
}
