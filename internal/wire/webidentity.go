package wire

// WebIdentityRole is a role that the holder of a token of another issuer may assume
// with AssumeRoleWithWebIdentity of AWS STS. The token must have the issuer, one of
// the audiences, a subject that matches one of the patterns, and all claims.
type WebIdentityRole struct {
	// The name of the role.
	RoleName string `shape:"PrincipalName"`
	// The permissions of the role.
	Role               string         `shape:"ReadyMadeRole"`
	Issuer             string         `shape:"Issuer"`
	Audiences          []string       `shape:"AudienceList"`
	Subjects           []string       `shape:"SubjectList"`
	Claims             []ClaimPattern `json:",omitzero" shape:"ClaimPatternList"`
	Jwks               string         `json:",omitzero" shape:"Jwks"`
	MaxSessionDuration *int           `json:",omitzero" shape:"SessionDuration"`
}

// ClaimPattern is the pattern that a claim of a token must match.
type ClaimPattern struct {
	Name    string `shape:"ClaimName"`
	Pattern string `shape:"ClaimText"`
}

// PutWebIdentityRoleInput is the request of PutWebIdentityRole.
type PutWebIdentityRoleInput struct {
	WebIdentityRole WebIdentityRole
}

// PutWebIdentityRoleOutput is the response of PutWebIdentityRole.
type PutWebIdentityRoleOutput struct {
	RoleArn string `shape:"IamRoleArn"`
}

// ListWebIdentityRolesInput is the request of ListWebIdentityRoles.
type ListWebIdentityRolesInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListWebIdentityRolesOutput is the response of ListWebIdentityRoles.
type ListWebIdentityRolesOutput struct {
	WebIdentityRoles []WebIdentityRole `shape:"WebIdentityRoleList"`
	NextToken        string            `json:",omitzero" shape:"SharpNextToken"`
}

// DeleteWebIdentityRoleInput is the request of DeleteWebIdentityRole.
type DeleteWebIdentityRoleInput struct {
	// The name of the role.
	RoleName string `shape:"PrincipalName"`
}

// DeleteWebIdentityRoleOutput is the response of DeleteWebIdentityRole.
type DeleteWebIdentityRoleOutput struct{}
