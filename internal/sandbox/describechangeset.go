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
	changeSet, err := c.requestedChangeSet()
	if err != nil {
		return nil, err
	}

	from, err := c.firstChange(changeSet)
	if err != nil {
		return nil, err
	}

	settings := changeSet.Definition.Settings
	result := describeChangeSetResult{
		ChangeSetName:    changeSet.Name,
		ChangeSetID:      changeSet.ARN,
		StackID:          changeSet.Stack.ARN,
		StackName:        changeSet.Stack.Name,
		Description:      settings.ChangeSetDescription,
		Parameters:       awsquery.NewList(settings.ShownParameters...),
		CreationTime:     awsquery.Time(db.Time(changeSet.CreatedAt)),
		ExecutionStatus:  changeSet.ExecutionStatus,
		Status:           changeSet.Status,
		StatusReason:     changeSet.StatusReason,
		NotificationARNs: awsquery.NewList(settings.Notifications...),
		Capabilities:     awsquery.NewList(settings.Capabilities...),
		Tags:             awsquery.NewList(settings.Tags...),
		OnStackFailure:   settings.OnFailure,
	}
	if changeSet.Status != "CREATE_COMPLETE" {
		return result, nil
	}

	shown := changeSet.Changes[from:]
	if len(shown) > pageSize {
		shown = shown[:pageSize]
		result.NextToken = c.pageToken(int64(from + pageSize))
	}

	for _, ch := range shown {
		result.Changes.Members = append(result.Changes.Members, changeToXML(ch))
	}

	return result, nil
}

// firstChange returns the index of the first change of the NextToken's page.
func (c *call) firstChange(changeSet *store.ChangeSet) (int, error) {
	token := c.form.Text("NextToken")
	if token == "" {
		return 0, nil
	}

	from, err := c.parsePageToken(token)
	if err != nil {
		return 0, err
	}
	if from < 0 || from > int64(len(changeSet.Changes)) {
		return 0, validationError("NextToken is invalid")
	}

	return int(from), nil
}

func changeToXML(change rollout.Change) changeXML {
	encoded := changeXML{Type: "Resource", ResourceChange: resourceChangeXML{
		PolicyAction:       change.PolicyAction,
		Action:             change.Action,
		LogicalResourceID:  change.LogicalID,
		PhysicalResourceID: change.PhysicalID,
		ResourceType:       change.Type,
		Replacement:        change.Replacement,
		Scope:              awsquery.NewList(change.Scope...),
	}}
	for _, detail := range change.Details {
		var encodedDetail detailXML
		encodedDetail.Target.Attribute = detail.Attribute
		encodedDetail.Target.Name = detail.Name
		encodedDetail.Target.RequiresRecreation = string(detail.Recreation)

		if detail.Recreation == "" {
			encodedDetail.Target.RequiresRecreation = "Never"
		}

		encodedDetail.Evaluation = detail.Evaluation
		encodedDetail.ChangeSource = detail.Source
		encodedDetail.CausingEntity = detail.Cause
		encoded.ResourceChange.Details.Members = append(encoded.ResourceChange.Details.Members, encodedDetail)
	}

	return encoded
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

	stack, err := c.requestedStack()
	if err != nil {
		return nil, err
	}

	all, err := c.ListStackChangeSets(stack, page, pageSize+1)
	if err != nil {
		return nil, err
	}

	var out listChangeSetsResult
	if len(all) > pageSize {
		all = all[:pageSize]
		out.NextToken = c.pageToken(all[pageSize-1].ID)
	}

	for _, changeSet := range all {
		definition, err := c.LoadDefinition(changeSet.DefinitionID)
		if err != nil {
			return nil, err
		}

		out.Summaries.Members = append(out.Summaries.Members, changeSetSummary{
			StackID:         stack.ARN,
			StackName:       stack.Name,
			ChangeSetID:     changeSet.ARN,
			ChangeSetName:   changeSet.Name,
			ExecutionStatus: changeSet.ExecutionStatus,
			Status:          changeSet.Status,
			StatusReason:    changeSet.StatusReason,
			CreationTime:    awsquery.Time(db.Time(changeSet.CreatedAt)),
			Description:     definition.Settings.ChangeSetDescription,
		})
	}

	return out, nil
}
