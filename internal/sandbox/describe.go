package sandbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

type parameterXML struct {
	ParameterKey   string
	ParameterValue string
}

type outputXML struct {
	OutputKey   string
	OutputValue string
	Description string `xml:",omitempty"`
	ExportName  string `xml:",omitempty"`
}

type driftXML struct {
	StackDriftStatus string
}

type stackXML struct {
	StackID                     string `xml:"StackId"`
	StackName                   string
	ChangeSetID                 string `xml:"ChangeSetId,omitempty"`
	Description                 string `xml:",omitempty"`
	Parameters                  awsquery.List[parameterXML]
	CreationTime                awsquery.Time
	DeletionTime                *awsquery.Time `xml:",omitempty"`
	LastUpdatedTime             *awsquery.Time `xml:",omitempty"`
	RollbackConfiguration       struct{}
	StackStatus                 rollout.Status
	StackStatusReason           string `xml:",omitempty"`
	DisableRollback             bool
	NotificationARNs            awsquery.List[string]
	TimeoutInMinutes            int `xml:",omitempty"`
	Capabilities                awsquery.List[string]
	Outputs                     awsquery.List[outputXML]
	RoleARN                     string `xml:",omitempty"`
	Tags                        awsquery.List[tag]
	EnableTerminationProtection bool
	DriftInformation            driftXML
}

type describedStacks struct {
	Stacks    awsquery.List[stackXML]
	NextToken string `xml:",omitempty"`
}

// pageSize is how many stacks, events or change sets an answer holds.
const pageSize = 100

func (c *call) describeStacks() (any, error) {
	if c.form.Text("StackName") != "" {
		st, err := c.existing()
		if err != nil {
			return nil, err
		}
		return describedStacks{Stacks: awsquery.Of(c.stackXML(st))}, nil
	}

	page, err := c.page()
	if err != nil {
		return nil, err
	}

	all, err := c.stacks(false, page, pageSize+1)
	if err != nil {
		return nil, err
	}

	var out describedStacks
	out.NextToken, all = c.nextStacks(all)
	for _, st := range all {
		if st.def, err = c.definition(st.defined); err != nil {
			return nil, err
		}
		out.Stacks.Members = append(out.Stacks.Members, c.stackXML(st))
	}

	return out, nil
}

func (c *call) nextStacks(all []*stack) (string, []*stack) {
	if len(all) <= pageSize {
		return "", all
	}
	return c.token(all[pageSize-1].id), all[:pageSize]
}

func (c *call) stackXML(st *stack) stackXML {
	d := st.def.detail
	x := stackXML{
		StackID: st.arn, StackName: st.name, ChangeSetID: d.ChangeSet, Description: d.Description, Parameters: awsquery.Of(d.Shown...),
		CreationTime: awsquery.Time(db.Time(st.created)), StackStatus: st.status, StackStatusReason: st.reason,
		DisableRollback: d.OnFailure == rollout.DoNothing, NotificationARNs: awsquery.Of(d.Notifications...), TimeoutInMinutes: d.Timeout,
		Capabilities: awsquery.Of(d.Capabilities...), RoleARN: d.RoleARN, Tags: awsquery.Of(d.Tags...),
		EnableTerminationProtection: st.protected, DriftInformation: driftXML{"NOT_CHECKED"},
	}

	x.LastUpdatedTime = moment(st.updated)
	if st.status == "DELETE_COMPLETE" {
		x.DeletionTime = moment(st.deleted)
	}

	for _, o := range st.outputs {
		x.Outputs.Members = append(x.Outputs.Members, outputXML{o.Key, o.Value, o.Description, o.Export})
	}

	return x
}

func moment(ms *int64) *awsquery.Time {
	if ms == nil {
		return nil
	}
	t := awsquery.Time(db.Time(*ms))
	return &t
}

type stackSummary struct {
	StackID             string `xml:"StackId"`
	StackName           string
	TemplateDescription string `xml:",omitempty"`
	CreationTime        awsquery.Time
	LastUpdatedTime     *awsquery.Time `xml:",omitempty"`
	DeletionTime        *awsquery.Time `xml:",omitempty"`
	StackStatus         rollout.Status
	StackStatusReason   string `xml:",omitempty"`
	DriftInformation    driftXML
}

type listedStacks struct {
	StackSummaries awsquery.List[stackSummary]
	NextToken      string `xml:",omitempty"`
}

func (c *call) listStacks() (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}

	all, err := c.stacks(true, page, pageSize+1)
	if err != nil {
		return nil, err
	}

	var out listedStacks
	out.NextToken, all = c.nextStacks(all)
	filter := c.form.Texts("StackStatusFilter")
	for _, st := range all {
		if len(filter) > 0 && !slices.Contains(filter, string(st.status)) {
			continue
		}
		if st.def, err = c.definition(st.defined); err != nil {
			return nil, err
		}

		sum := stackSummary{
			StackID: st.arn, StackName: st.name, TemplateDescription: st.def.detail.Description, CreationTime: awsquery.Time(db.Time(st.created)),
			LastUpdatedTime: moment(st.updated), StackStatus: st.status, StackStatusReason: st.reason, DriftInformation: driftXML{"NOT_CHECKED"},
		}
		if st.status == "DELETE_COMPLETE" {
			sum.DeletionTime = moment(st.deleted)
		}

		out.StackSummaries.Members = append(out.StackSummaries.Members, sum)
	}

	return out, nil
}

type eventXML struct {
	StackID              string `xml:"StackId"`
	EventID              string `xml:"EventId"`
	StackName            string
	LogicalResourceID    string `xml:"LogicalResourceId"`
	PhysicalResourceID   string `xml:"PhysicalResourceId"`
	ResourceType         string
	Timestamp            awsquery.Time
	ResourceStatus       string
	ResourceStatusReason string `xml:",omitempty"`
	ResourceProperties   string `xml:",omitempty"`
	ClientRequestToken   string `xml:",omitempty"`
}

type describedEvents struct {
	StackEvents awsquery.List[eventXML]
	NextToken   string `xml:",omitempty"`
}

func (c *call) describeStackEvents() (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}

	st, err := c.find(c.form.Text("StackName"))
	if errors.Is(err, errNoStack) {
		return nil, refuse("Stack [%s] does not exist", clip(c.form.Text("StackName")))
	}
	if err != nil {
		return nil, err
	}

	rows, err := c.tx.Query(`SELECT seq, at, logical_id, physical_id, type, status, reason, properties, token FROM event
		WHERE stack_id = $1 AND seq < $2 AND at <= $3 AND silent = 0 ORDER BY seq DESC LIMIT $4`, st.id, page, c.now(), pageSize+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out describedEvents
	last := int64(0)
	for rows.Next() {
		if len(out.StackEvents.Members) == pageSize {
			out.NextToken = c.token(last)
			break
		}

		x := eventXML{StackID: st.arn, StackName: st.name}
		var at int64
		err := rows.Scan(&last, &at, &x.LogicalResourceID, &x.PhysicalResourceID, &x.ResourceType, &x.ResourceStatus,
			&x.ResourceStatusReason, &x.ResourceProperties, &x.ClientRequestToken)
		if err != nil {
			return nil, err
		}

		x.Timestamp = awsquery.Time(db.Time(at))
		x.EventID = eventID(st, last, x, at)
		out.StackEvents.Members = append(out.StackEvents.Members, x)
	}

	return out, rows.Err()
}

// eventID is an event's id in AWS's forms: a UUID for the stack's own, else made
// of the resource, its status and the time. It is the same at every reading.
func eventID(st *stack, seq int64, x eventXML, at int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", st.arn, seq))
	if x.PhysicalResourceID == st.arn {
		return uuidText(sum[:])
	}
	return fmt.Sprintf("%s-%s-%s-%x", x.LogicalResourceID, x.ResourceStatus, db.Time(at).Format("2006-01-02T15:04:05.000Z"), sum[:2])
}

// page reads the NextToken: what the next page's ids are below.
func (c *call) page() (int64, error) {
	token := c.form.Text("NextToken")
	if token == "" {
		return math.MaxInt64, nil
	}
	return c.readToken(token)
}
