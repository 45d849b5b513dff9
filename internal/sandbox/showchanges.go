package sandbox

import (
	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

type changeXML struct {
	Type           string
	ResourceChange resourceChangeXML
}

type resourceChangeXML struct {
	PolicyAction       string `xml:",omitempty"`
	Action             string
	LogicalResourceID  string `xml:"LogicalResourceId"`
	PhysicalResourceID string `xml:"PhysicalResourceId,omitempty"`
	ResourceType       string
	Replacement        string `xml:",omitempty"`
	Scope              awsquery.List[string]
	Details            awsquery.List[detailXML]
}

type detailXML struct {
	Target struct {
		Attribute          string
		Name               string `xml:",omitempty"`
		RequiresRecreation string
	}
	Evaluation    string
	ChangeSource  string
	CausingEntity string `xml:",omitempty"`
}

type describeChangeSetResult struct {
	ChangeSetName         string
	ChangeSetID           string `xml:"ChangeSetId"`
	StackID               string `xml:"StackId"`
	StackName             string
	Description           string `xml:",omitempty"`
	Parameters            awsquery.List[store.Parameter]
	CreationTime          awsquery.Time
	ExecutionStatus       string
	Status                string
	StatusReason          string `xml:",omitempty"`
	NotificationARNs      awsquery.List[string]
	RollbackConfiguration struct{}
	Capabilities          awsquery.List[string]
	Tags                  awsquery.List[store.Tag]
	Changes               awsquery.List[changeXML]
	NextToken             string `xml:",omitempty"`
	IncludeNestedStacks   bool
	OnStackFailure        rollout.OnFailure `xml:",omitempty"`
}

func (c *call) describeChangeSet() (any, error) {
	cs, err := c.requestedChangeSet()
	if err != nil {
		return nil, err
	}

	from, err := c.firstChange(cs)
	if err != nil {
		return nil, err
	}

	d := cs.Definition.Settings
	x := describeChangeSetResult{
		ChangeSetName: cs.Name, ChangeSetID: cs.ARN, StackID: cs.Stack.ARN, StackName: cs.Stack.Name, Description: d.ChangeSetDescription, Parameters: awsquery.Of(d.ShownParameters...),
		CreationTime: awsquery.Time(db.Time(cs.CreatedAt)), ExecutionStatus: cs.ExecutionStatus, Status: cs.Status, StatusReason: cs.StatusReason,
		NotificationARNs: awsquery.Of(d.Notifications...), Capabilities: awsquery.Of(d.Capabilities...), Tags: awsquery.Of(d.Tags...), OnStackFailure: d.OnFailure,
	}
	if cs.Status != "CREATE_COMPLETE" {
		return x, nil
	}

	shown := cs.Changes[from:]
	if len(shown) > pageSize {
		shown = shown[:pageSize]
		x.NextToken = c.pageToken(int64(from + pageSize))
	}

	for _, ch := range shown {
		x.Changes.Members = append(x.Changes.Members, changeToXML(ch))
	}

	return x, nil
}

// firstChange reads the NextToken: the index of the page's first change.
func (c *call) firstChange(cs *store.ChangeSet) (int, error) {
	token := c.form.Text("NextToken")
	if token == "" {
		return 0, nil
	}

	from, err := c.parsePageToken(token)
	if err != nil {
		return 0, err
	}
	if from < 0 || from > int64(len(cs.Changes)) {
		return 0, validationError("NextToken is invalid")
	}

	return int(from), nil
}

func changeToXML(ch rollout.Change) changeXML {
	x := changeXML{Type: "Resource", ResourceChange: resourceChangeXML{
		PolicyAction: ch.PolicyAction, Action: ch.Action, LogicalResourceID: ch.LogicalID, PhysicalResourceID: ch.PhysicalID,
		ResourceType: ch.Type, Replacement: ch.Replacement, Scope: awsquery.Of(ch.Scope...),
	}}
	for _, d := range ch.Details {
		var dx detailXML
		dx.Target.Attribute, dx.Target.Name = d.Attribute, d.Name
		dx.Target.RequiresRecreation = string(d.Recreation)

		if d.Recreation == "" {
			dx.Target.RequiresRecreation = "Never"
		}

		dx.Evaluation, dx.ChangeSource, dx.CausingEntity = d.Evaluation, d.Source, d.Cause
		x.ResourceChange.Details.Members = append(x.ResourceChange.Details.Members, dx)
	}

	return x
}

type changeSetSummary struct {
	StackID         string `xml:"StackId"`
	StackName       string
	ChangeSetID     string `xml:"ChangeSetId"`
	ChangeSetName   string
	ExecutionStatus string
	Status          string
	StatusReason    string `xml:",omitempty"`
	CreationTime    awsquery.Time
	Description     string `xml:",omitempty"`
}

type listChangeSetsResult struct {
	Summaries awsquery.List[changeSetSummary]
	NextToken string `xml:",omitempty"`
}

func (c *call) listChangeSets() (any, error) {
	page, err := c.pageStart()
	if err != nil {
		return nil, err
	}

	st, err := c.requestedStack()
	if err != nil {
		return nil, err
	}

	all, err := c.ListStackChangeSets(st, page, pageSize+1)
	if err != nil {
		return nil, err
	}

	var out listChangeSetsResult
	if len(all) > pageSize {
		all = all[:pageSize]
		out.NextToken = c.pageToken(all[pageSize-1].ID)
	}

	for _, cs := range all {
		d, err := c.LoadDefinition(cs.DefinitionID)
		if err != nil {
			return nil, err
		}

		out.Summaries.Members = append(out.Summaries.Members, changeSetSummary{
			StackID: st.ARN, StackName: st.Name, ChangeSetID: cs.ARN, ChangeSetName: cs.Name, ExecutionStatus: cs.ExecutionStatus,
			Status: cs.Status, StatusReason: cs.StatusReason, CreationTime: awsquery.Time(db.Time(cs.CreatedAt)), Description: d.Settings.ChangeSetDescription,
		})
	}

	return out, nil
}
