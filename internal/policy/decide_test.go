package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cedar-policy/cedar-go"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/policy"
)

// oracle decides by Cedar's own authorizer over all policies, without residuals and
// with entities built by independent code.
func oracle(t testing.TB, documents map[string]string, principal policy.Principal, request policy.Request) bool {
	t.Helper()
	all := cedar.NewPolicySet()
	ready := `permit(principal in Role::"reader", action in Action::"Read", resource);
		permit(principal in Role::"operator", action in Action::"Read", resource);
		permit(principal in Role::"operator", action in Action::"Operate", resource);
		permit(principal in Role::"admin", action, resource);`
	for name, text := range map[string]string{"ready": ready, "own": documents["fuzzed"]} {
		list, err := cedar.NewPolicyListFromBytes("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}

		for i, one := range list {
			all.Add(cedar.PolicyID(fmt.Sprint(name, i)), one)
		}
	}

	uid := func(kind, id string) cedar.EntityUID {
		return cedar.NewEntityUID(cedar.EntityType(kind), cedar.String(id))
	}
	strs := func(m map[string]string) cedar.Record {
		out := cedar.RecordMap{}
		for k, v := range m {
			out[cedar.String(k)] = cedar.String(v)
		}
		return cedar.NewRecord(out)
	}

	who, about := uid("User", principal.Name), map[string]string{"name": principal.Name}
	if principal.AssumedRole != "" {
		who, about["role"] = uid("Session", principal.AssumedRole+"/"+principal.Name), principal.AssumedRole
	}

	group := ""
	for _, a := range policy.Actions() {
		if a.Name == request.Action {
			group = string(a.Group)
		}
	}

	thing, do, call := uid(string(request.Resource.Type), request.Resource.ID), uid("Action",
		request.Action), uid("RequestTags", "call")
	var parents []cedar.EntityUID
	for _, in := range request.Resource.Parents {
		parents = append(parents, uid(string(in.Type), in.ID))
	}

	if request.Resource.Type != policy.IAMRole && request.Resource.Type != policy.Account {
		parents = append(parents, uid("Account", principal.Account))
	}

	labels := map[string]string{}
	for _, tag := range request.Resource.Tags {
		labels[tag.Key] = tag.Value
	}

	var keys []cedar.Value
	for _, key := range request.Context.TagKeys {
		keys = append(keys, cedar.String(key))
	}

	entities := cedar.EntityMap{
		who: {
			UID:        who,
			Attributes: strs(about),
			Parents: cedar.NewEntityUIDSet(uid("Role",
				principal.AssumedRole), uid("Role", principal.Role)),
		},
		do: {UID: do, Parents: cedar.NewEntityUIDSet(uid("Action", group))},
		thing: {
			UID:        thing,
			Attributes: strs(request.Resource.Attributes),
			Tags:       strs(labels),
			Parents:    cedar.NewEntityUIDSet(parents...),
		},
		call: {UID: call, Tags: strs(request.Context.RequestTags)},
	}

	answer, found := cedar.Authorize(all, entities,
		cedar.Request{
			Principal: who,
			Action:    do,
			Resource:  thing,
			Context: cedar.NewRecord(
				cedar.RecordMap{
					"region":      cedar.String(request.Context.Region),
					"requestTags": call,
					"tagKeys":     cedar.NewSet(keys...),
				}),
		})
	for _, wrong := range found.Errors {
		if all.Get(wrong.PolicyID).Effect() == cedar.Forbid {
			return false
		}
	}

	return answer == cedar.Allow
}

// agree compares Decide with the oracle, and DecideByType with Decide.
func agree(
	t testing.TB,
	set *policy.Set,
	documents map[string]string,
	principal policy.Principal,
	request policy.Request,
	kind policy.EntityType,
) (settled bool) {
	t.Helper()
	got := set.Decide(principal, request)
	possible := false
	for _, a := range policy.Actions() {
		for _, k := range a.ResourceTypes {
			possible = possible || a.Name == request.Action && k == kind
		}
	}

	if want := possible && oracle(t, documents, principal, request); got.Allowed != want {
		t.Errorf("%v, %s on %v\nis allowed: %v, by Cedar %v (%s), with\n%s", principal, request.Action,
			request.Resource, got.Allowed, want, got.Reason, documents["fuzzed"])
	}

	early, settled := set.DecideByType(principal, request.Action, kind)
	if settled && early != got {
		t.Errorf("%v, %s on a %s is settled as %v, decided as %v, with\n%s", principal, request.Action, kind,
			early, got, documents["fuzzed"])
	}

	return settled
}

// A generator generates policies and requests that often match.
type generator struct{ *rand.Rand }

func (m generator) one(of ...string) string { return of[m.IntN(len(of))] }

func (m generator) statement() string {
	text := m.one("permit", "permit", "forbid") + "(" +
		m.one("principal", "principal", `principal == User::"ada"`, `principal in Role::"ci"`, `principal is Session`,
			`principal is User in Role::"reader"`, `principal == Session::"ci/1"`, `principal in User::"ada"`) + ", " +
		m.one("action", "action", `action in Action::"Read"`,
			`action in [Action::"Operate", Action::"codeconnections:GetConnection"]`,
			`action == Action::"codeconnections:GetConnection"`, `action == Action::"codeconnections:GetSyncConfiguration"`) + ", " +
		m.one("resource", "resource", "resource is Connection", "resource is SyncConfiguration",
			`resource == Connection::"`+connectionARN+`"`,
			`resource in RepositoryLink::"`+linkARN+`"`, `resource in Connection::"`+connectionARN+`"`, `resource in Account::"`+account+`"`,
			`resource is SyncConfiguration in Connection::"`+connectionARN+`"`) + ")"
	for m.IntN(3) == 0 {
		text += m.one(" when", " unless") + " { " + m.one("true", "false", `resource.name == "acme"`,
			`resource has branch && resource.branch == "main"`,
			`resource.hasTag("team") && resource.getTag("team") == "a"`, `context.region == "eu-central-1"`, `context.tagKeys.contains("team")`,
			`principal.name == "ada"`, `context.missing`, `context.requestTags.hasTag("team")`, `resource in Connection::"`+connectionARN+`"`) + " }"
	}

	return text + ";\n"
}

func (m generator) request() (policy.Principal, policy.Request, policy.EntityType) {
	principal := policy.Principal{
		Account:     account,
		Name:        m.one("ada", "1"),
		AssumedRole: m.one("", "ci", "other"),
		Role: m.one("", "",
			"reader", "operator", "admin"),
	}
	action := policy.Actions()[m.IntN(len(policy.Actions()))]
	if m.IntN(2) == 0 {
		action = policy.Action{
			Name:          "codeconnections:GetSyncConfiguration",
			ResourceTypes: []policy.EntityType{policy.SyncConfiguration},
		}
	}

	kind := action.ResourceTypes[m.IntN(len(action.ResourceTypes))]
	request := policy.Request{
		Action:   action.Name,
		Resource: things()[kind],
		Context:  policy.Context{Region: m.one("eu-central-1", "us-east-1")},
	}
	if m.IntN(2) == 0 {
		request.Resource.ID += "-other"
	}

	if m.IntN(2) == 0 {
		request.Resource.Tags, request.Resource.Parents = []lockstep.Tag{{Key: "team", Value: m.one("a", "b")}}, nil
	}

	if m.IntN(2) == 0 {
		request.Context.TagKeys, request.Context.RequestTags = []string{"team"}, map[string]string{"team": "a"}
		request.Resource.Attributes = map[string]string{"name": m.one("acme", "other"), "branch": m.one("main",
			"prod")}
	}

	return principal, request, kind
}

func TestDecideByTypeAgreesWithDecide(t *testing.T) {
	maker := generator{rand.New(rand.NewPCG(1, 2))}
	settled, open := 0, 0
	for range 600 {
		documents := map[string]string{"fuzzed": ""}
		for range maker.IntN(4) {
			documents["fuzzed"] += maker.statement()
		}

		set := compile(t, documents)
		for range 20 {
			p, r, kind := maker.request()
			if agree(t, set, documents, p, r, kind) {
				settled++
			} else {
				open++
			}
		}

		if t.Failed() {
			return
		}
	}

	if settled < 1000 || open < 500 {
		t.Errorf("%d settled and %d open requests prove little", settled, open)
	}
}

func TestDecideByTypeSavesReading(t *testing.T) {
	documents := map[string]string{
		"prod":   `forbid(principal in Role::"operator", action in Action::"Operate", resource is SyncConfiguration) when { resource.branch == "prod" };`,
		"freeze": `forbid(principal, action in Action::"Configure", resource is Host);`,
		"team":   `permit(principal == User::"ada", action in Action::"Read", resource is Connection) when { resource.hasTag("team") };`,
	}

	set := compile(t, documents)
	tests := []struct {
		who     policy.Principal
		action  string
		kind    policy.EntityType
		allowed bool
		settled bool
	}{
		{
			who:     user("eve", "operator"),
			action:  "codeconnections:GetResourceSyncStatus",
			kind:    policy.SyncConfiguration,
			allowed: true,
			settled: true,
		},
		{
			who:     user("eve", "operator"),
			action:  "lockstep:StartResourceSync",
			kind:    policy.SyncConfiguration,
			allowed: false,
			settled: false,
		},
		{
			who:     user("eve", "operator"),
			action:  "lockstep:StartRepositorySync",
			kind:    policy.RepositoryLink,
			allowed: true,
			settled: true,
		},
		{
			who:     user("eve", "admin"),
			action:  "codeconnections:UpdateHost",
			kind:    policy.Host,
			allowed: false,
			settled: true,
		},
		{
			who:     user("ada", ""),
			action:  "codeconnections:GetConnection",
			kind:    policy.Connection,
			allowed: false,
			settled: false,
		},
		{
			who:     user("ada", "reader"),
			action:  "codeconnections:GetConnection",
			kind:    policy.Connection,
			allowed: true,
			settled: true,
		},
		{who: user("ada", ""), action: "codeconnections:GetHost", kind: policy.Host, allowed: false, settled: true},
		{
			who:     user("ada", ""),
			action:  "codeconnections:DeleteConnection",
			kind:    policy.Connection,
			allowed: false,
			settled: true,
		},
		{
			who:     user("eve", "admin"),
			action:  "codeconnections:GetHost",
			kind:    policy.Connection,
			allowed: false,
			settled: true,
		},
		{who: policy.Principal{}, action: "codeconnections:GetHost", kind: policy.Host, allowed: false, settled: true},
	}
	for _, test := range tests {
		d, settled := set.DecideByType(test.who, test.action, test.kind)
		if settled != test.settled || d.Allowed != test.allowed {
			t.Errorf("%v, %s on a %s: %v, settled %v", test.who, test.action, test.kind, d, settled)
		}
	}
}

func TestASetIsSafeForConcurrentUse(t *testing.T) {
	set := compile(t, map[string]string{
		"own": `permit(principal in Role::"ci", action, resource is Host) when { resource.name == "git" };`,
	})
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for i := range 3000 { // more than a set caches
				p := session("ci", fmt.Sprint(n, "-", i), "")
				if !set.Decide(p, policy.Request{Action: "codeconnections:GetHost", Resource: host}).Allowed {
					t.Error("denied")
					return
				}
			}
		})
	}

	group.Wait()
}

func FuzzDecide(f *testing.F) {
	maker := generator{rand.New(rand.NewPCG(3, 4))}
	for range 12 {
		f.Add(maker.statement()+maker.statement(), uint64(maker.IntN(1000)))
	}

	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		documents := map[string]string{"fuzzed": text}
		set, err := policy.Compile(documents)
		if err != nil {
			t.Skip("no policy")
		}

		maker := generator{rand.New(rand.NewPCG(seed, 1))}
		for range 10 {
			p, r, kind := maker.request()
			agree(t, set, documents, p, r, kind)
		}
	})
}

// ten returns ten policies of typical size.
func ten() map[string]string {
	documents := map[string]string{}
	for i := range 10 {
		documents[fmt.Sprint("policy-", i)] = strings.ReplaceAll(`permit(principal in Role::"ci", action in Action::"Read", resource is SyncConfiguration)
			when { resource.owner == "acmeN" && ["main", "prod"].contains(resource.branch) && context.region like "eu-*" }
			unless { resource.hasTag("team") && resource.getTag("team") == "N" };`, "N", fmt.Sprint(i))
	}
	return documents
}

func BenchmarkDecideWithTenPolicies(b *testing.B) {
	set := compile(b, ten())
	principal := session("ci", "1", "")
	request := policy.Request{
		Action:   "codeconnections:GetSyncConfiguration",
		Resource: configuration,
		Context:  policy.Context{Region: "eu-central-1"},
	}
	for b.Loop() {
		if set.Decide(principal, request).Allowed {
			b.Fatal("allowed")
		}
	}
}

func BenchmarkSettled(b *testing.B) {
	s := compile(b, ten())
	p := user("ada", "reader")
	for b.Loop() {
		d, settled := s.DecideByType(p, "codeconnections:GetResourceSyncStatus", policy.SyncConfiguration)
		if !settled || !d.Allowed {
			b.Fatal("not settled")
		}
	}
}
