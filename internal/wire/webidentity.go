package wire

// WebIdentityRole is a role that the holder of another issuer's token may
// assume, by AssumeRoleWithWebIdentity of STS. A token fits when its issuer is
// Issuer, its audience one of Audiences, its subject like one of Subjects, in
// which * stands for any text, and each claim of Claims like its pattern. Jwks
// holds the issuer's keys where the issuer cannot be asked for them.
type WebIdentityRole struct {
	RoleName           string         `shape:"PrincipalName"`
	Role               string         `shape:"ReadyMadeRole"`
	Issuer             string         `shape:"Issuer"`
	Audiences          []string       `shape:"AudienceList"`
	Subjects           []string       `shape:"SubjectList"`
	Claims             []ClaimPattern `json:",omitzero" shape:"ClaimPatternList"`
	Jwks               string         `json:",omitzero" shape:"Jwks"`
	MaxSessionDuration *int           `json:",omitzero" shape:"SessionDuration"`
}

// ClaimPattern is what a claim of a token must be like.
type ClaimPattern struct {
	Name    string `shape:"ClaimName"`
	Pattern string `shape:"ClaimText"`
}

// PutWebIdentityRoleInput makes a role of the caller's account, or replaces it,
// which ends its sessions.
type PutWebIdentityRoleInput struct {
	WebIdentityRole WebIdentityRole
}

// PutWebIdentityRoleOutput gives the role's ARN, which SDKs ask for.
type PutWebIdentityRoleOutput struct {
	RoleArn string `shape:"IamRoleArn"`
}

// ListWebIdentityRolesInput asks for a page of roles, by name.
type ListWebIdentityRolesInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListWebIdentityRolesOutput answers ListWebIdentityRoles.
type ListWebIdentityRolesOutput struct {
	WebIdentityRoles []WebIdentityRole `shape:"WebIdentityRoleList"`
	NextToken        string            `json:",omitzero" shape:"SharpNextToken"`
}

// DeleteWebIdentityRoleInput names the role to delete, which ends its sessions.
type DeleteWebIdentityRoleInput struct {
	RoleName string `shape:"PrincipalName"`
}

// DeleteWebIdentityRoleOutput is empty.
type DeleteWebIdentityRoleOutput struct{}
