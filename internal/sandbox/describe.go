package sandbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

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
	Parameters                  awsquery.List[store.Parameter]
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
	Tags                        awsquery.List[store.Tag]
	EnableTerminationProtection bool
	DriftInformation            driftXML
}

type describeStacksResult struct {
	Stacks    awsquery.List[stackXML]
	NextToken string `xml:",omitempty"`
}

// pageSize is how many stacks, events or change sets an answer holds.
const pageSize = 100

func (c *call) describeStacks() (any, error) {
	if c.form.Text("StackName") != "" {
		st, err := c.requestedStack()
		if err != nil {
			return nil, err
		}
		return describeStacksResult{Stacks: awsquery.Of(c.stackXML(st))}, nil
	}

	page, err := c.pageStart()
	if err != nil {
		return nil, err
	}

	all, err := c.ListStacks(false, page, pageSize+1)
	if err != nil {
		return nil, err
	}

	var out describeStacksResult
	out.NextToken, all = c.nextStackPage(all)
	for _, st := range all {
		if st.Definition, err = c.LoadDefinition(st.DefinitionID); err != nil {
			return nil, err
		}
		out.Stacks.Members = append(out.Stacks.Members, c.stackXML(st))
	}

	return out, nil
}

func (c *call) nextStackPage(all []*store.Stack) (string, []*store.Stack) {
	if len(all) <= pageSize {
		return "", all
	}
	return c.pageToken(all[pageSize-1].ID), all[:pageSize]
}

func (c *call) stackXML(st *store.Stack) stackXML {
	d := st.Definition.Settings
	x := stackXML{
		StackID: st.ARN, StackName: st.Name, ChangeSetID: d.ChangeSetARN, Description: d.Description, Parameters: awsquery.Of(d.ShownParameters...),
		CreationTime: awsquery.Time(db.Time(st.CreatedAt)), StackStatus: st.Status, StackStatusReason: st.StatusReason,
		DisableRollback: d.OnFailure == rollout.DoNothing, NotificationARNs: awsquery.Of(d.Notifications...), TimeoutInMinutes: d.TimeoutMinutes,
		Capabilities: awsquery.Of(d.Capabilities...), RoleARN: d.RoleARN, Tags: awsquery.Of(d.Tags...),
		EnableTerminationProtection: st.Protected, DriftInformation: driftXML{"NOT_CHECKED"},
	}

	x.LastUpdatedTime = optionalTime(st.UpdatedAt)
	if st.Status == "DELETE_COMPLETE" {
		x.DeletionTime = optionalTime(st.DeletedAt)
	}

	for _, o := range st.Outputs {
		x.Outputs.Members = append(x.Outputs.Members, outputXML{o.Key, o.Value, o.Description, o.Export})
	}

	return x
}

func optionalTime(ms *int64) *awsquery.Time {
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

type listStacksResult struct {
	StackSummaries awsquery.List[stackSummary]
	NextToken      string `xml:",omitempty"`
}

func (c *call) listStacks() (any, error) {
	page, err := c.pageStart()
	if err != nil {
		return nil, err
	}

	all, err := c.ListStacks(true, page, pageSize+1)
	if err != nil {
		return nil, err
	}

	var out listStacksResult
	out.NextToken, all = c.nextStackPage(all)
	filter := c.form.Texts("StackStatusFilter")
	for _, st := range all {
		if len(filter) > 0 && !slices.Contains(filter, string(st.Status)) {
			continue
		}
		if st.Definition, err = c.LoadDefinition(st.DefinitionID); err != nil {
			return nil, err
		}

		sum := stackSummary{
			StackID: st.ARN, StackName: st.Name, TemplateDescription: st.Definition.Settings.Description, CreationTime: awsquery.Time(db.Time(st.CreatedAt)),
			LastUpdatedTime: optionalTime(st.UpdatedAt), StackStatus: st.Status, StackStatusReason: st.StatusReason, DriftInformation: driftXML{"NOT_CHECKED"},
		}
		if st.Status == "DELETE_COMPLETE" {
			sum.DeletionTime = optionalTime(st.DeletedAt)
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

type describeStackEventsResult struct {
	StackEvents awsquery.List[eventXML]
	NextToken   string `xml:",omitempty"`
}

func (c *call) describeStackEvents() (any, error) {
	page, err := c.pageStart()
	if err != nil {
		return nil, err
	}

	st, err := c.FindStack(c.form.Text("StackName"))
	if errors.Is(err, store.ErrNoStack) {
		return nil, validationError("Stack [%s] does not exist", syntax.Clip(c.form.Text("StackName")))
	}
	if err != nil {
		return nil, err
	}

	rows, err := c.Tx.Query(`SELECT seq, at, logical_id, physical_id, type, status, reason, properties, token FROM event
		WHERE stack_id = $1 AND seq < $2 AND at <= $3 AND silent = 0 ORDER BY seq DESC LIMIT $4`, st.ID, page, c.Now(), pageSize+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out describeStackEventsResult
	last := int64(0)
	for rows.Next() {
		if len(out.StackEvents.Members) == pageSize {
			out.NextToken = c.pageToken(last)
			break
		}

		x := eventXML{StackID: st.ARN, StackName: st.Name}
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
func eventID(st *store.Stack, seq int64, x eventXML, at int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", st.ARN, seq))
	if x.PhysicalResourceID == st.ARN {
		return uuid.UUID(sum[:16]).String()
	}
	return fmt.Sprintf("%s-%s-%s-%x", x.LogicalResourceID, x.ResourceStatus, db.Time(at).Format("2006-01-02T15:04:05.000Z"), sum[:2])
}

// pageStart reads the NextToken: what the next page's ids are below.
func (c *call) pageStart() (int64, error) {
	token := c.form.Text("NextToken")
	if token == "" {
		return math.MaxInt64, nil
	}
	return c.parsePageToken(token)
}
