package policy_test

import (
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/policy"
)

const account = "111122223333"

func compile(t testing.TB, documents map[string]string) *policy.Set {
	t.Helper()
	set, err := policy.Compile(documents)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func user(name, role string) policy.Principal {
	return policy.Principal{Account: account, Name: name, Role: role}
}

func session(assumed, name, role string) policy.Principal {
	return policy.Principal{
		Account:     account,
		Name:        name,
		AssumedRole: assumed,
		Role:        role,
	}
}

const (
	hostARN       = "arn:aws:codeconnections:eu-central-1:111122223333:host/git-0a1b2c3d"
	connectionARN = "arn:aws:codeconnections:eu-central-1:111122223333:connection/0f3a8e0c-5f0e-4b53-8b5d-2f9d3a1c7e11"
	linkARN       = "arn:aws:codeconnections:eu-central-1:111122223333:repository-link/6b2d7c1a-93f4-4c0e-a1de-7d5a0b9c4f22"
	roleARN       = "arn:aws:iam::444455556666:role/deploy"
)

var (
	teamA = []lockstep.Tag{{Key: "team", Value: "a"}}
	host  = policy.HostResource(lockstep.Host{
		ARN:          hostARN,
		Name:         "git",
		ProviderType: "Git",
		Endpoint:     "https://git.example.com",
		Region:       "eu-central-1",
	}, nil)
	connection = policy.ConnectionResource(lockstep.Connection{
		ARN:          connectionARN,
		Name:         "acme",
		ProviderType: "Git",
		HostARN:      hostARN,
		Region:       "eu-central-1",
	}, teamA)
	theLink = lockstep.RepositoryLink{
		ID:             "6b2d7c1a-93f4-4c0e-a1de-7d5a0b9c4f22",
		ARN:            linkARN,
		ConnectionARN:  connectionARN,
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		Region:         "eu-central-1",
	}
	link          = policy.LinkResource(theLink, teamA)
	configuration = policy.ConfigurationResource(lockstep.SyncConfiguration{
		SyncType:       "CFN_STACK_SYNC",
		ResourceName:   "web",
		Branch:         "main",
		ConfigFile:     "web.yaml",
		RoleARN:        roleARN,
		LinkID:         theLink.ID,
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		Region:         "eu-central-1",
	}, theLink, teamA)
	iamRole = policy.IAMRoleResource(roleARN, "444455556666", "role/deploy")
)

// things returns one resource of each type.
func things() map[policy.EntityType]policy.Resource {
	return map[policy.EntityType]policy.Resource{
		policy.Account: policy.AccountResource(account), policy.Host: host, policy.Connection: connection,
		policy.RepositoryLink: link, policy.SyncConfiguration: configuration, policy.IAMRole: iamRole,
	}
}

func TestDecideByPolicy(t *testing.T) {
	tests := []struct {
		name     string
		policy   string
		who      policy.Principal
		action   string
		resource policy.Resource
		context  policy.Context
		want     bool
	}{
		{
			name:     "a user by name",
			policy:   `permit(principal == User::"ada", action, resource);`,
			who:      user("ada", ""),
			action:   "codeconnections:GetHost",
			resource: host,
			want:     true,
		},
		{
			name:     "another user",
			policy:   `permit(principal == User::"ada", action, resource);`,
			who:      user("bob", ""),
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "no session is a user",
			policy:   `permit(principal == User::"ci/1", action, resource);`,
			who:      session("ci", "1", ""),
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "a session by its role",
			policy:   `permit(principal in Role::"ci", action, resource);`,
			who:      session("ci", "1", ""),
			action:   "codeconnections:GetHost",
			resource: host,
			want:     true,
		},
		{
			name:     "a session by its id",
			policy:   `permit(principal == Session::"ci/1", action, resource);`,
			who:      session("ci", "1", ""),
			action:   "codeconnections:GetHost",
			resource: host,
			want:     true,
		},
		{
			name: "a session in a built-in role",
			policy: `permit(principal is Session in Role::"reader",
				action == Action::"lockstep:StartResourceSync", resource);`,
			who:      session("ci", "1", "reader"),
			action:   "lockstep:StartResourceSync",
			resource: configuration,
			want:     true,
		},
		{
			name: "the attributes of a session",
			policy: `permit(principal is Session, action, resource)
				when { principal.role == "ci" && principal.name like "1*" };`,
			who:      session("ci", "12", ""),
			action:   "codeconnections:GetHost",
			resource: host,
			want:     true,
		},
		{
			name:     "a group",
			policy:   `permit(principal, action in Action::"Operate", resource);`,
			who:      user("ada", ""),
			action:   "codeconnections:UpdateSyncBlocker",
			resource: configuration,
			want:     true,
		},
		{
			name:     "another group",
			policy:   `permit(principal, action in Action::"Operate", resource);`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
		},
		{
			name:     "a group in a condition",
			policy:   `permit(principal, action, resource) when { action in [Action::"Read", Action::"Operate"] };`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
			want:     true,
		},
		{
			name: "an attribute",
			policy: `permit(principal, action, resource is SyncConfiguration)
				when { resource.branch == "main" && resource.owner == "acme" };`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
			want:     true,
		},
		{
			name:     "another value",
			policy:   `permit(principal, action, resource is SyncConfiguration) when { resource.branch == "prod" };`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
		},
		{
			name: "a tag",
			policy: `permit(principal, action, resource)
				when { resource.hasTag("team") && resource.getTag("team") == "a" };`,
			who:      user("ada", ""),
			action:   "codeconnections:GetConnection",
			resource: connection,
			want:     true,
		},
		{
			name: "a link's tag on its configuration",
			policy: `permit(principal, action, resource)
				when { resource.hasTag("team") && resource.getTag("team") == "a" };`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
			want:     true,
		},
		{
			name: "no tag",
			policy: `permit(principal, action, resource)
				when { resource.hasTag("team") && resource.getTag("team") == "a" };`,
			who:      user("ada", ""),
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "a configuration in its connection",
			policy:   `permit(principal, action, resource in Connection::"` + connectionARN + `");`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
			want:     true,
		},
		{
			name:     "a configuration in its link",
			policy:   `permit(principal, action, resource in RepositoryLink::"` + linkARN + `");`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
			want:     true,
		},
		{
			name:     "a connection is in itself",
			policy:   `permit(principal, action, resource in Connection::"` + connectionARN + `");`,
			who:      user("ada", ""),
			action:   "codeconnections:GetConnection",
			resource: connection,
			want:     true,
		},
		{
			name:     "everything in the account",
			policy:   `permit(principal, action, resource in Account::"` + account + `");`,
			who:      user("ada", ""),
			action:   "codeconnections:GetSyncConfiguration",
			resource: configuration,
			want:     true,
		},
		{
			name:     "an IAM role is in no account",
			policy:   `permit(principal, action, resource in Account::"` + account + `");`,
			who:      user("ada", ""),
			action:   "iam:PassRole",
			resource: iamRole,
		},
		{
			name: "an IAM role by its account",
			policy: `permit(principal, action == Action::"iam:PassRole", resource)
				when { resource.account == "444455556666" && resource.name == "deploy" };`,
			who:      user("ada", ""),
			action:   "iam:PassRole",
			resource: iamRole,
			want:     true,
		},
		{
			name:     "the region",
			policy:   `permit(principal, action, resource) when { context.region == "eu-central-1" };`,
			who:      user("ada", ""),
			action:   "codeconnections:ListHosts",
			resource: policy.AccountResource(account),
			context:  policy.Context{Region: "eu-central-1"},
			want:     true,
		},
		{
			name: "the tags of a call",
			policy: `permit(principal, action, resource)
				when { context.requestTags.hasTag("team") && context.requestTags.getTag("team") == "a" };`,
			who:      user("ada", ""),
			action:   "codeconnections:CreateConnection",
			resource: connection,
			context:  policy.Context{RequestTags: map[string]string{"team": "a"}},
			want:     true,
		},
		{
			name:     "the keys of a call",
			policy:   `permit(principal, action, resource) when { ["team", "stage"].containsAll(context.tagKeys) };`,
			who:      user("ada", ""),
			action:   "codeconnections:UntagResource",
			resource: host,
			context:  policy.Context{TagKeys: []string{"team"}},
			want:     true,
		},
		{
			name:     "one key too many",
			policy:   `permit(principal, action, resource) when { ["team", "stage"].containsAll(context.tagKeys) };`,
			who:      user("ada", ""),
			action:   "codeconnections:UntagResource",
			resource: host,
			context:  policy.Context{TagKeys: []string{"team", "owner"}},
		},
		{
			name:     "a thing of a type the action is not for",
			policy:   `permit(principal, action, resource);`,
			who:      user("ada", "admin"),
			action:   "codeconnections:GetHost",
			resource: connection,
		},
		{
			name:     "an action that is not there",
			policy:   `permit(principal, action, resource);`,
			who:      user("ada", "admin"),
			action:   "codeconnections:Explode",
			resource: connection,
		},
		{
			name:   "nothing",
			policy: `permit(principal, action, resource);`,
			who:    user("ada", "admin"),
			action: "codeconnections:GetHost",
		},
		{
			name:     "nobody",
			policy:   `permit(principal, action, resource);`,
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "no account",
			policy:   `permit(principal, action, resource);`,
			who:      policy.Principal{Name: "ada", Role: "admin"},
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "no name",
			policy:   `permit(principal, action, resource);`,
			who:      policy.Principal{Account: account, Role: "admin"},
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "a built-in role that is not there",
			policy:   `permit(principal in Role::"ci", action, resource);`,
			who:      user("ada", "ci"),
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "an assumed role called as a built-in one",
			who:      session("admin", "1", ""),
			action:   "codeconnections:GetHost",
			resource: host,
		},
		{
			name:     "an assumed role with a slash",
			policy:   `permit(principal == Session::"a/b/c", action, resource);`,
			who:      session("a/b", "c", ""),
			action:   "codeconnections:GetHost",
			resource: host,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := policy.Validate(test.policy); test.policy != "" && err != nil {
				t.Fatalf("the policy is not taken: %v", err)
			}

			s := compile(t, map[string]string{"test": test.policy})
			got := s.Decide(test.who, policy.Request{
				Action:   test.action,
				Resource: test.resource,
				Context:  test.context,
			})
			if got.Allowed != test.want {
				t.Errorf("allowed %v, want %v (%s)", got.Allowed, test.want, got.Reason)
			}
		})
	}
}

func TestBuiltInRoles(t *testing.T) {
	set := compile(t, nil)
	groups := map[string][]policy.ActionGroup{
		"": nil, "reader": {policy.Read}, "operator": {policy.Read, policy.Operate}, "admin": policy.ActionGroups(),
	}
	for role, may := range groups {
		for _, who := range []policy.Principal{user("ada", role), session("ci", "1", role)} {
			for _, action := range policy.Actions() {
				for _, kind := range action.ResourceTypes {
					want := false
					for _, g := range may {
						want = want || g == action.Group
					}

					got := set.Decide(who, policy.Request{Action: action.Name, Resource: things()[kind]})
					if got.Allowed != want {
						t.Errorf("%v, %s on a %s: %v, want %v", who, action.Name, kind, got, want)
					}
				}
			}
		}
	}
}

func TestADenialHasAReason(t *testing.T) {
	set := compile(t, map[string]string{
		"freeze": `forbid(principal, action == Action::"codeconnections:DeleteHost", resource)
				when { resource.name == "git" };
			forbid(principal, action == Action::"codeconnections:UpdateHost", resource);`,
		// It was stored when requests still had an attribute urgency.
		"old": `forbid(principal, action == Action::"codeconnections:DeleteConnection", resource)
				when { context.urgency < 3 };
			permit(principal == User::"eve", action, resource) when { context.urgency > 3 };`,
	})
	tests := []struct {
		who      policy.Principal
		action   string
		resource policy.Resource
		want     policy.Decision
	}{
		{
			who:      user("ada", "admin"),
			action:   "codeconnections:GetHost",
			resource: host,
			want:     policy.Decision{Allowed: true},
		},
		{
			who:      user("ada", "reader"),
			action:   "lockstep:PutPolicy",
			resource: policy.AccountResource(account),
			want:     policy.Decision{Reason: "because no policy allows the action"},
		},
		{
			who:      user("ada", "admin"),
			action:   "codeconnections:DeleteHost",
			resource: host,
			want:     policy.Decision{Reason: `because policy "freeze" forbids the action`},
		},
		{
			who:      user("ada", "admin"),
			action:   "codeconnections:UpdateHost",
			resource: host,
			want:     policy.Decision{Reason: `because policy "freeze#2" forbids the action`},
		},
		{
			who:      user("ada", "admin"),
			action:   "codeconnections:DeleteConnection",
			resource: connection,
			want:     policy.Decision{Reason: `because policy "old" cannot be evaluated`},
		},
		{
			who:      user("eve", ""),
			action:   "codeconnections:GetHost",
			resource: host,
			want:     policy.Decision{Reason: "because no policy allows the action"},
		},
	}
	for _, test := range tests {
		if got := set.Decide(test.who, policy.Request{Action: test.action, Resource: test.resource}); got != test.want {
			t.Errorf("%s: %v, want %v", test.action, got, test.want)
		}
	}
}

func TestTheZeroSetPermitsNothing(t *testing.T) {
	var s policy.Set
	for range 2 {
		d := s.Decide(user("ada", "admin"), policy.Request{Action: "codeconnections:GetHost", Resource: host})
		if d.Allowed {
			t.Error("allowed")
		}
	}
}
