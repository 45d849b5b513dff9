package wire

// Policy is one or more Cedar policies in one text.
type Policy struct {
	Name     string `shape:"PolicyName"`
	Document string `shape:"PolicyDocument"`
	// When the policy was created.
	CreatedAt Time `shape:"Timestamp"`
	// When the policy was last changed.
	UpdatedAt Time `shape:"Timestamp"`
}

// PutPolicyInput is the request of PutPolicy.
type PutPolicyInput struct {
	Name     string `shape:"PolicyName"`
	Document string `shape:"PolicyDocument"`
}

// PutPolicyOutput is the response of PutPolicy.
type PutPolicyOutput struct{}

// GetPolicyInput is the request of GetPolicy.
type GetPolicyInput struct {
	Name string `shape:"PolicyName"`
}

// GetPolicyOutput is the response of GetPolicy.
type GetPolicyOutput struct {
	Policy Policy
}

// ListPoliciesInput is the request of ListPolicies.
type ListPoliciesInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListPoliciesOutput is the response of ListPolicies.
type ListPoliciesOutput struct {
	Policies  []Policy `shape:"PolicyList"`
	NextToken string   `json:",omitzero" shape:"SharpNextToken"`
}

// DeletePolicyInput is the request of DeletePolicy.
type DeletePolicyInput struct {
	Name string `shape:"PolicyName"`
}

// DeletePolicyOutput is the response of DeletePolicy.
type DeletePolicyOutput struct{}
