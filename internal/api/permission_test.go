package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// An estate is one of everything, and input that names it: fit for every
// operation at once, since what an operation does not know it ignores.
type estate struct {
	*world
	input map[string]any
	// literal leaves the input as it is: no spare things are made to be deleted.
	literal bool
	spares  int
}

func newEstate(t *testing.T, d *db.DB) *estate {
	w := newWorld(t, d)
	w.Syncs.Head = sha1
	host := w.createHost("h")
	connection := w.createConnection("acme", host)
	link := w.createRepositoryLink(connection, "infra")
	w.createConfiguration("web", link)
	attempt := w.attempt("web", sha1, lockstep.Applied)
	key := w.CreateKey(account, identity.None)
	w.Update(func(tx *db.Tx) error {
		_, err := syncstate.InsertRepositoryAttempt(tx, link, "main", lockstep.RepositoryInitiated)
		if err != nil {
			return err
		}
		if err := syncstate.InsertBlocker(tx, attempt.ResourceID, "Somebody did.", nil); err != nil {
			return err
		}

		hook := lockstep.Webhook{LinkID: link, Kind: lockstep.GitHubWebhook}
		if err := store.PutWebhook(tx, w.Seal, &hook, store.NewWebhookSecret(hook.Kind)); err != nil {
			return err
		}

		cfg, err := store.Configuration(tx, account, region, "CFN_STACK_SYNC", "web")
		if err != nil {
			return err
		}
		if err := store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: allowed}); err != nil {
			return err
		}

		if err := identity.PutPolicy(tx, w.Seal, account, "empty",
			`permit (principal == User::"nobody", action, resource);`); err != nil {
			return err
		}

		return identity.PutWebIdentityRole(tx, w.Seal, account, identity.WebIdentityRole{
			Name:       "ci",
			Issuer:     issuer,
			Audiences:  []string{"sts"},
			Subjects:   []string{"repo:acme/infra:*"},
			Grants:     identity.Reader,
			MaxSession: identity.MaxSession,
		}, []string{issuer})
	})

	return &estate{world: w, input: map[string]any{
		"ResourceName":     "web",
		"SyncType":         "CFN_STACK_SYNC",
		"Branch":           "main",
		"ConfigFile":       "a.yaml",
		"RoleArn":          role,
		"RepositoryLinkId": link,
		"HostArn":          host,
		"ConnectionArn":    connection,
		"ResourceArn":      connection,
		"OwnerId":          "acme",
		"RepositoryName":   "other",
		"ConnectionName":   "c",
		"Name":             "empty",
		"ProviderType":     "Git",
		"ProviderEndpoint": "https://git.example.com",
		"Tags":             []any{},
		"TagKeys":          []any{},
		"Id":               w.activeBlocker("web"),
		"ResolvedReason":   "It is fine.",
		"Credential":       map[string]any{"Kind": "NONE"},
		"AttemptId":        attempt.ID,
		"ClientId":         "app",
		"RedirectUri":      "https://app.example.com/callback",
		"AccessKeyId":      key.AccessKeyID,
		"PrincipalName":    "jo",
		"Role":             "READER",
		"RoleName":         "ci",
		"Kind":             "GITHUB",
		"AllowedSigners":   allowed,
		"TemplateFile":     "t.yaml",
		"Url":              "https://lockstep.example.com",
		"Document":         `permit (principal == User::"nobody", action, resource);`,
		"WebIdentityRole": map[string]any{"RoleName": "ci", "Role": "READER", "Issuer": issuer,
			"Audiences": []any{"sts"},
			"Subjects":  []any{"repo:acme/infra:*"}},
	}}
}

// special has the members that some operations need in addition to succeed.
var special = map[string]map[string]any{
	"CreateSyncConfiguration":       {"ResourceName": "fresh"},
	"CreateSignedSyncConfiguration": {"ResourceName": "fresh"},
	"DeleteConnection":              {"ConnectionArn": "spare connection"},
	"DeleteHost":                    {"HostArn": "spare host"},
	"DeleteRepositoryLink":          {"RepositoryLinkId": "spare link"},
	"StartConnectionHandshake":      {"ConnectionArn": "spare authorizer"},
	"ListResourceSyncs":             {"RepositoryName": "infra", "OwnerId": "acme"},
	"UpdateAccessKey":               {"Status": "DISABLED"},
}

// An authorizedOperation is an operation with the action that policies know it by.
type authorizedOperation struct{ service, target, operation, action string }

func allOperations() []authorizedOperation {
	var all []authorizedOperation
	for _, s := range wire.Services() {
		for _, op := range s.Operations {
			action := strings.Replace(s.Name, "codestar-", "code", 1) + ":" + op.Name
			all = append(all, authorizedOperation{s.Name, s.Prefix + "." + op.Name, op.Name, action})
		}
	}
	return all
}

// distinctOperations leaves the older service out, which has the newer one's methods.
func distinctOperations() []authorizedOperation {
	return slices.DeleteFunc(allOperations(),
		func(a authorizedOperation) bool { return a.service == wire.CodeStarConnectionsName })
}

// ask sends an operation and gives the code of its exception, "" for none, and
// the whole answer.
func (e *estate) ask(key identity.AccessKey, authorized authorizedOperation) (code, body string) {
	e.Helper()
	input := maps.Clone(e.input)
	for name, value := range special[authorized.operation] {
		if text, _ := value.(string); strings.HasPrefix(text, "spare ") {
			if e.literal {
				continue
			}
			value = e.spare(text)
		}

		input[name] = value
	}

	if authorized.service == wire.CodeStarConnectionsName &&
		(strings.HasSuffix(authorized.operation, "Host") || authorized.operation == "CreateConnection") {
		input["HostArn"] = e.createCodeStarHost()
	}

	text, err := json.Marshal(input)
	if err != nil {
		e.Fatal(err)
	}

	status, answer := e.Send(request{
		Key:     key,
		Region:  region,
		Service: authorized.service,
		Target:  authorized.target,
		Body:    string(text),
	})
	if status == http.StatusOK {
		return "", string(answer)
	}

	return apitest.DecodeError(e, answer).Code, string(answer)
}

// spare makes a thing that nothing uses.
func (e *estate) spare(what string) string {
	e.spares++
	name := fmt.Sprintf("spare-%d", e.spares)
	switch what {
	case "spare connection":
		return e.createConnection(name, e.input["HostArn"].(string))
	case "spare host":
		return e.createHost(name)
	case "spare authorizer":
		return e.createConnection(name, e.createOAuthHost(name))
	}
	return e.createRepositoryLink(e.input["ConnectionArn"].(string), name)
}

// Whatever a role is not given is denied, and whatever it is given is done.
func TestEachRoleAllowsItsActionsOnly(t *testing.T) {
	groups := map[string]policy.ActionGroup{}
	for _, action := range policy.Actions() {
		groups[action.Name] = action.Group
	}

	may := map[identity.Role][]policy.ActionGroup{
		identity.None:     nil,
		identity.Reader:   {policy.Read},
		identity.Operator: {policy.Read, policy.Operate},
		identity.Admin:    policy.ActionGroups(),
	}
	for role, allowed := range may {
		fixture := newEstate(t, dbtest.OpenOn(t, db.SQLite, db.Schema()))
		caller := fixture.CreatePrincipal("caller", role)
		for _, action := range allOperations() {
			if groups[action.action] == "" {
				t.Fatalf("%s is no action that a policy could speak of", action.action)
			}

			if slices.Contains(allowed, groups[action.action]) {
				continue // below, each in a world of its own: it may change it
			}

			if code, body := fixture.ask(caller, action); code != "AccessDeniedException" ||
				!strings.Contains(body, ":user/caller is not authorized to perform: "+action.action+" ") {
				t.Errorf("%s by %s: %s", action.target, role, body)
			}
		}

		if noted := fixture.Syncs.Take(); len(noted) != 1 { // the estate's own configuration
			t.Errorf("%s made the engine do %v", role, noted[1:])
		}
	}

	if testing.Short() {
		return // what follows makes a world for each operation
	}

	for _, action := range distinctOperations() {
		for role, allowed := range may {
			if slices.Contains(allowed, groups[action.action]) {
				fixture := newEstate(t, dbtest.OpenOn(t, db.SQLite, db.Schema()))
				if code, body := fixture.ask(fixture.CreatePrincipal("caller", role), action); code != "" {
					t.Errorf("%s by %s: %s", action.target, role, body)
				}

				break // one role is enough: the others are checked in the same way
			}
		}
	}
}

// besides are the actions that an operation asks for beside its own.
var besides = map[string][]string{
	"CreateConnection":        {"codeconnections:GetHost"},
	"CreateRepositoryLink":    {"codeconnections:UseConnection", "codeconnections:PassConnection"},
	"UpdateRepositoryLink":    {"codeconnections:UseConnection", "codeconnections:PassConnection"},
	"CreateSyncConfiguration": {"codeconnections:PassRepository", "iam:PassRole"},
	"UpdateSyncConfiguration": {"codeconnections:PassRepository", "iam:PassRole"},
	"CreateSignedSyncConfiguration": {
		"codeconnections:CreateSyncConfiguration",
		"lockstep:PutSignaturePolicy",
		"codeconnections:PassRepository",
		"iam:PassRole",
	},
}

// The action of an operation, and what it passes on, is all that it needs; and
// each of them it needs.
func TestOperationNeedsItsActionsOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: makes a world for each operation")
	}

	for _, authorized := range distinctOperations() {
		needs := append([]string{authorized.action}, besides[authorized.operation]...)
		fixture := newEstate(t, dbtest.OpenOn(t, db.SQLite, db.Schema()))
		for i, lacking := range needs {
			name := fmt.Sprintf("lacks-%d", i)
			caller := fixture.CreatePrincipal(name, identity.None,
				fmt.Sprintf(`permit (principal == User::%q, action, resource) unless { action == Action::%q };`, name,
					lacking))
			code, body := fixture.ask(caller, authorized)
			if slices.Contains([]string{"codeconnections:GetHost", "codeconnections:GetConnection",
				"codeconnections:GetRepositoryLink"}, lacking) {
				// Without it the thing is not to be seen.
				if code != "ResourceNotFoundException" {
					t.Errorf("%s without %s: %s", authorized.target, lacking, body)
				}
				continue
			}

			if code != "AccessDeniedException" || !strings.Contains(body, "to perform: "+lacking+" ") {
				t.Errorf("%s without %s: %s", authorized.target, lacking, body)
			}
		}

		var list []string
		for _, action := range needs {
			list = append(list, fmt.Sprintf("Action::%q", action))
		}

		caller := fixture.CreatePrincipal("exact", identity.None,
			`permit (principal == User::"exact", action in [`+strings.Join(list, ", ")+`], resource);`)
		if code, body := fixture.ask(caller, authorized); code != "" {
			t.Errorf("%s with %s alone: %s", authorized.target, needs, body)
		}
	}
}

// Who may do everything to what is not there gets, of what is there and not
// theirs, the very same answer.
func TestUnreadableResourcesAreNotFound(t *testing.T) {
	fixture := newEstate(t, dbtest.OpenOn(t, db.SQLite, db.Schema()))
	elsewhere := fixture.CreatePrincipal("elsewhere", identity.None,
		`permit (principal == User::"elsewhere", action, resource)
		when { resource is Account || resource is IamRole || (resource has name && resource.name == "other") ||
			(resource has branch && resource.branch == "other") };`)
	fixture.literal = true
	real := maps.Clone(fixture.input)
	missing := map[string]any{
		"ResourceName":     "web0",
		"RepositoryLinkId": noLink,
		"Id":               "no-blocker",
		"AttemptId":        "no-attempt",
		"HostArn":          strings.TrimRight(real["HostArn"].(string), "0123456789abcdef") + "00000000",
		"ConnectionArn": strings.Split(real["ConnectionArn"].(string),
			"/")[0] + "/11111111-0000-4000-8000-000000000000",
	}

	missing["ResourceArn"] = missing["ConnectionArn"]
	groups := map[string]policy.ActionGroup{}
	for _, action := range policy.Actions() {
		groups[action.Name] = action.Group
	}

	for _, action := range allOperations() {
		if action.service == wire.CodeStarConnectionsName || groups[action.action] == policy.Administer ||
			action.operation == "CreateHost" {
			continue // wants ARNs of its own; concerns the account alone
		}

		fixture.input = real
		code, got := fixture.ask(elsewhere, action)
		fixture.input = maps.Clone(real)
		maps.Copy(fixture.input, missing)
		wantCode, want := fixture.ask(elsewhere, action)
		for name, text := range missing {
			want = strings.ReplaceAll(want, text.(string), real[name].(string))
			got = strings.ReplaceAll(got, text.(string), real[name].(string))
		}

		got, want = cursors.ReplaceAllString(got, ""), cursors.ReplaceAllString(want, "")
		// Lists and searches are empty for both.
		if code != wantCode || got != want || code == "" && strings.Contains(got, "infra") {
			t.Errorf("%s: %s, and of a missing thing %s", action.target, got, want)
		}
	}
}

// activeBlocker returns the id of the active blocker.
func (w *world) activeBlocker(name string) (id string) {
	w.Helper()
	w.Update(func(tx *db.Tx) error {
		cfg, err := store.Configuration(tx, account, region, "CFN_STACK_SYNC", name)
		if err != nil {
			return err
		}

		all, err := syncstate.Blockers(tx, cfg, 1)
		if err == nil {
			id = all[0].ID
		}

		return err
	})

	return id
}

// createCodeStarHost makes a host by the older service, which takes no other.
func (w *world) createCodeStarHost() string {
	w.Helper()
	name, endpoint := "old", "https://git.example.com"
	out := apitest.Must[*codestarconnections.CreateHostOutput](w)(w.CodeStarSDK().CreateHost(w.Context(),
		&codestarconnections.CreateHostInput{
			Name:             &name,
			ProviderEndpoint: &endpoint,
			ProviderType:     "Git",
		}))
	return *out.HostArn
}
