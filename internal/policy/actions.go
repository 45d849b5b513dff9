package policy

// An ActionGroup is a parent of actions, so that a policy may say action in
// Action::"Read".
type ActionGroup string

// The action groups. Each action is in exactly one.
const (
	Read       ActionGroup = "Read"
	Operate    ActionGroup = "Operate"    // start a sync, resolve a blocker
	Configure  ActionGroup = "Configure"  // create, change, delete and use what is synced
	Administer ActionGroup = "Administer" // manage and read keys, policies, web identity roles
)

// An Action is what a policy may permit or forbid. It is denied on a resource of
// any other type than ResourceTypes.
type Action struct {
	Name          string
	Group         ActionGroup
	ResourceTypes []EntityType
}

// ActionGroups returns all action groups.
func ActionGroups() []ActionGroup { return []ActionGroup{Read, Operate, Configure, Administer} }

// Actions returns all actions, as schema.cedarschema declares them.
func Actions() []Action {
	var all []Action
	add := func(g ActionGroup, types []EntityType, names ...string) {
		for _, name := range names {
			all = append(all, Action{Name: name, Group: g, ResourceTypes: types})
		}
	}

	account, connection, host := []EntityType{Account}, []EntityType{Connection}, []EntityType{Host}
	link, configuration := []EntityType{RepositoryLink}, []EntityType{SyncConfiguration}
	tagged := []EntityType{Connection, Host, RepositoryLink}

	add(Read, account, "codeconnections:ListConnections", "codeconnections:ListHosts",
		"codeconnections:ListRepositoryLinks",
		"lockstep:ListResourceSyncs", "lockstep:ListSignaturePolicies", "lockstep:ListSyncBlockers",
		"lockstep:ListSyncEvents")
	add(Read, connection, "codeconnections:GetConnection", "lockstep:GetConnectionHandshake")
	add(Read, host, "codeconnections:GetHost")
	add(Read, tagged, "codeconnections:ListTagsForResource")
	add(Read, link, "codeconnections:GetRepositoryLink", "codeconnections:GetRepositorySyncStatus",
		"codeconnections:ListRepositorySyncDefinitions", "codeconnections:ListSyncConfigurations",
		"lockstep:GetRepositoryWebhook")
	add(Read, configuration, "codeconnections:GetResourceSyncStatus", "codeconnections:GetSyncBlockerSummary",
		"codeconnections:GetSyncConfiguration",
		"lockstep:GetResourceHealth", "lockstep:GetResourceSyncAttempt", "lockstep:GetRevisionSync",
		"lockstep:GetSignaturePolicy", "lockstep:ListResourceSyncAttempts")

	add(Operate, link, "lockstep:StartRepositorySync")
	add(Operate, configuration, "codeconnections:UpdateSyncBlocker", "lockstep:StartResourceSync")

	// A resource to be created is authorized as if it existed, so that a policy can
	// test its name, repository and branch.
	add(Configure, connection, "codeconnections:CreateConnection")
	add(Configure, host, "codeconnections:CreateHost")
	add(Configure, link, "codeconnections:CreateRepositoryLink")
	add(Configure, connection, "codeconnections:DeleteConnection", "codeconnections:PassConnection",
		"codeconnections:UseConnection",
		"lockstep:CompleteConnection", "lockstep:StartConnectionHandshake")
	add(Configure, host, "codeconnections:DeleteHost", "codeconnections:UpdateHost", "lockstep:PutHostCertificate")
	add(Configure, tagged, "codeconnections:TagResource", "codeconnections:UntagResource")
	add(Configure, link, "codeconnections:DeleteRepositoryLink",
		"codeconnections:PassRepository", "codeconnections:UpdateRepositoryLink",
		"lockstep:DeleteRepositoryWebhook", "lockstep:ProposeDeploymentFile", "lockstep:PutRepositoryWebhook",
		"lockstep:RegisterRepositoryWebhook")
	add(Configure, configuration, "codeconnections:CreateSyncConfiguration",
		"codeconnections:DeleteSyncConfiguration",
		"codeconnections:UpdateSyncConfiguration",
		"lockstep:CreateSignedSyncConfiguration", "lockstep:DeleteSignaturePolicy", "lockstep:PutSignaturePolicy")
	add(Configure, []EntityType{IAMRole}, "iam:PassRole")

	add(Administer, account, "lockstep:CreateAccessKey", "lockstep:DeleteAccessKey", "lockstep:ListAccessKeys",
		"lockstep:RotateAccessKey", "lockstep:UpdateAccessKey",
		"lockstep:DeletePolicy", "lockstep:GetPolicy", "lockstep:ListPolicies", "lockstep:PutPolicy",
		"lockstep:DeleteWebIdentityRole", "lockstep:ListWebIdentityRoles", "lockstep:PutWebIdentityRole")
	return all
}
