package sandbox

import (
	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
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

type describedChangeSet struct {
	ChangeSetName         string
	ChangeSetID           string `xml:"ChangeSetId"`
	StackID               string `xml:"StackId"`
	StackName             string
	Description           string `xml:",omitempty"`
	Parameters            awsquery.List[parameterXML]
	CreationTime          awsquery.Time
	ExecutionStatus       string
	Status                string
	StatusReason          string `xml:",omitempty"`
	NotificationARNs      awsquery.List[string]
	RollbackConfiguration struct{}
	Capabilities          awsquery.List[string]
	Tags                  awsquery.List[tag]
	Changes               awsquery.List[changeXML]
	NextToken             string `xml:",omitempty"`
	IncludeNestedStacks   bool
	OnStackFailure        rollout.OnFailure `xml:",omitempty"`
}

func (c *call) describeChangeSet() (any, error) {
	cs, err := c.theChangeSet()
	if err != nil {
		return nil, err
	}

	from, err := c.changesFrom(cs)
	if err != nil {
		return nil, err
	}

	d := cs.def.detail
	x := describedChangeSet{
		ChangeSetName: cs.name, ChangeSetID: cs.arn, StackID: cs.st.arn, StackName: cs.st.name, Description: d.ChangeSetText, Parameters: awsquery.Of(d.Shown...),
		CreationTime: awsquery.Time(db.Time(cs.created)), ExecutionStatus: cs.executionNow, Status: cs.statusNow, StatusReason: cs.reasonNow,
		NotificationARNs: awsquery.Of(d.Notifications...), Capabilities: awsquery.Of(d.Capabilities...), Tags: awsquery.Of(d.Tags...), OnStackFailure: d.OnFailure,
	}
	if cs.statusNow != "CREATE_COMPLETE" {
		return x, nil
	}

	shown := cs.changes[from:]
	if len(shown) > pageSize {
		shown = shown[:pageSize]
		x.NextToken = c.token(int64(from + pageSize))
	}

	for _, ch := range shown {
		x.Changes.Members = append(x.Changes.Members, shownChange(ch))
	}

	return x, nil
}

// changesFrom reads the NextToken: the index of the page's first change.
func (c *call) changesFrom(cs *changeSet) (int, error) {
	token := c.form.Text("NextToken")
	if token == "" {
		return 0, nil
	}

	from, err := c.readToken(token)
	if err != nil {
		return 0, err
	}
	if from < 0 || from > int64(len(cs.changes)) {
		return 0, refuse("NextToken is invalid")
	}

	return int(from), nil
}

func shownChange(ch rollout.Change) changeXML {
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

type listedChangeSets struct {
	Summaries awsquery.List[changeSetSummary]
	NextToken string `xml:",omitempty"`
}

func (c *call) listChangeSets() (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}

	st, err := c.existing()
	if err != nil {
		return nil, err
	}

	all, err := c.changeSetsOf(st, page)
	if err != nil {
		return nil, err
	}

	var out listedChangeSets
	if len(all) > pageSize {
		all = all[:pageSize]
		out.NextToken = c.token(all[pageSize-1].id)
	}

	for _, cs := range all {
		d, err := c.definition(cs.defined)
		if err != nil {
			return nil, err
		}

		out.Summaries.Members = append(out.Summaries.Members, changeSetSummary{
			StackID: st.arn, StackName: st.name, ChangeSetID: cs.arn, ChangeSetName: cs.name, ExecutionStatus: cs.executionNow,
			Status: cs.statusNow, StatusReason: cs.reasonNow, CreationTime: awsquery.Time(db.Time(cs.created)), Description: d.detail.ChangeSetText,
		})
	}

	return out, nil
}

func (c *call) changeSetsOf(st *stack, before int64) ([]*changeSet, error) {
	rows, err := c.tx.Query(changeSetColumns+`WHERE c.stack_id = $1 AND c.id < $2 ORDER BY c.id DESC LIMIT $3`, st.id, before, pageSize+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []*changeSet
	for rows.Next() {
		cs, err := scanChangeSet(rows.Scan, c.now())
		if err != nil {
			return nil, err
		}

		out = append(out, cs)
	}

	return out, rows.Err()
}
