package wire

// Policy is a Cedar policy, or several in one text.
type Policy struct {
	Name      string `shape:"PolicyName"`
	Document  string `shape:"PolicyDocument"`
	CreatedAt Time   `shape:"Timestamp"`
	UpdatedAt Time   `shape:"Timestamp"`
}

// PutPolicyInput makes a policy of the caller's account, or replaces it.
type PutPolicyInput struct {
	Name     string `shape:"PolicyName"`
	Document string `shape:"PolicyDocument"`
}

// PutPolicyOutput is empty.
type PutPolicyOutput struct{}

// GetPolicyInput names a policy.
type GetPolicyInput struct {
	Name string `shape:"PolicyName"`
}

// GetPolicyOutput answers GetPolicy.
type GetPolicyOutput struct {
	Policy Policy
}

// ListPoliciesInput asks for a page of policies, by name.
type ListPoliciesInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListPoliciesOutput answers ListPolicies.
type ListPoliciesOutput struct {
	Policies  []Policy `shape:"PolicyList"`
	NextToken string   `json:",omitzero" shape:"SharpNextToken"`
}

// DeletePolicyInput names the policy to delete.
type DeletePolicyInput struct {
	Name string `shape:"PolicyName"`
}

// DeletePolicyOutput is empty.
type DeletePolicyOutput struct{}
