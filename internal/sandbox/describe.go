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

// pageSize is the number of stacks, events or change sets of a page.
const pageSize = 100

func (c *call) describeStacks() (any, error) {
	if c.form.Text("StackName") != "" {
		stack, err := c.requestedStack()
		if err != nil {
			return nil, err
		}
		return describeStacksResult{Stacks: awsquery.NewList(c.stackXML(stack))}, nil
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
	for _, stack := range all {
		if stack.Definition, err = c.LoadDefinition(stack.DefinitionID); err != nil {
			return nil, err
		}
		out.Stacks.Members = append(out.Stacks.Members, c.stackXML(stack))
	}

	return out, nil
}

func (c *call) nextStackPage(all []*store.Stack) (string, []*store.Stack) {
	if len(all) <= pageSize {
		return "", all
	}
	return c.pageToken(all[pageSize-1].ID), all[:pageSize]
}

func (c *call) stackXML(stack *store.Stack) stackXML {
	settings := stack.Definition.Settings
	encoded := stackXML{
		StackID:                     stack.ARN,
		StackName:                   stack.Name,
		ChangeSetID:                 settings.ChangeSetARN,
		Description:                 settings.Description,
		Parameters:                  awsquery.NewList(settings.ShownParameters...),
		CreationTime:                awsquery.Time(db.Time(stack.CreatedAt)),
		StackStatus:                 stack.Status,
		StackStatusReason:           stack.StatusReason,
		DisableRollback:             settings.OnFailure == rollout.DoNothing,
		NotificationARNs:            awsquery.NewList(settings.Notifications...),
		TimeoutInMinutes:            settings.TimeoutMinutes,
		Capabilities:                awsquery.NewList(settings.Capabilities...),
		RoleARN:                     settings.RoleARN,
		Tags:                        awsquery.NewList(settings.Tags...),
		EnableTerminationProtection: stack.Protected,
		DriftInformation:            driftXML{"NOT_CHECKED"},
	}

	encoded.LastUpdatedTime = optionalTime(stack.UpdatedAt)
	if stack.Status == "DELETE_COMPLETE" {
		encoded.DeletionTime = optionalTime(stack.DeletedAt)
	}

	for _, o := range stack.Outputs {
		encoded.Outputs.Members = append(encoded.Outputs.Members, outputXML{o.Key, o.Value, o.Description, o.Export})
	}

	return encoded
}

func optionalTime(milliseconds *int64) *awsquery.Time {
	if milliseconds == nil {
		return nil
	}
	t := awsquery.Time(db.Time(*milliseconds))
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
	for _, stack := range all {
		if len(filter) > 0 && !slices.Contains(filter, string(stack.Status)) {
			continue
		}
		if stack.Definition, err = c.LoadDefinition(stack.DefinitionID); err != nil {
			return nil, err
		}

		sum := stackSummary{
			StackID:             stack.ARN,
			StackName:           stack.Name,
			TemplateDescription: stack.Definition.Settings.Description,
			CreationTime:        awsquery.Time(db.Time(stack.CreatedAt)),
			LastUpdatedTime:     optionalTime(stack.UpdatedAt),
			StackStatus:         stack.Status,
			StackStatusReason:   stack.StatusReason,
			DriftInformation:    driftXML{"NOT_CHECKED"},
		}
		if stack.Status == "DELETE_COMPLETE" {
			sum.DeletionTime = optionalTime(stack.DeletedAt)
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

	stack, err := c.FindStack(c.form.Text("StackName"))
	if errors.Is(err, store.ErrNoStack) {
		return nil, validationError("Stack [%s] does not exist", syntax.Clip(c.form.Text("StackName")))
	}
	if err != nil {
		return nil, err
	}

	rows, err := c.Tx.Query(`SELECT seq, at, logical_id, physical_id, type, status, reason, properties, token FROM event
		WHERE stack_id = $1 AND seq < $2 AND at <= $3 AND silent = 0
		ORDER BY seq DESC LIMIT $4`, stack.ID, page, c.Now(), pageSize+1)
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

		event := eventXML{StackID: stack.ARN, StackName: stack.Name}
		var at int64
		err := rows.Scan(&last, &at, &event.LogicalResourceID, &event.PhysicalResourceID, &event.ResourceType,
			&event.ResourceStatus,
			&event.ResourceStatusReason, &event.ResourceProperties, &event.ClientRequestToken)
		if err != nil {
			return nil, err
		}

		event.Timestamp = awsquery.Time(db.Time(at))
		event.EventID = eventID(stack, last, event, at)
		out.StackEvents.Members = append(out.StackEvents.Members, event)
	}

	return out, rows.Err()
}

// eventID returns an event's id in AWS's form: a UUID for events of the stack, and the
// resource, its status and the time for others. It depends only on the event.
func eventID(st *store.Stack, seq int64, event eventXML, at int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", st.ARN, seq))
	if event.PhysicalResourceID == st.ARN {
		return uuid.UUID(sum[:16]).String()
	}
	return fmt.Sprintf("%s-%s-%s-%x", event.LogicalResourceID, event.ResourceStatus,
		db.Time(at).Format("2006-01-02T15:04:05.000Z"), sum[:2])
}

// pageStart returns the id below which the page of the NextToken begins.
func (c *call) pageStart() (int64, error) {
	token := c.form.Text("NextToken")
	if token == "" {
		return math.MaxInt64, nil
	}
	return c.parsePageToken(token)
}
