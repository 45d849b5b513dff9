package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// A listOperation is an operation that returns pages, and the input it needs.
type listOperation struct {
	authorizedOperation
	input map[string]any
}

// allLists returns all operations whose output has a token. It finds new ones.
func allLists(t *testing.T, link string) []listOperation {
	t.Helper()
	of := map[string]any{"SyncType": "CFN_STACK_SYNC", "RepositoryLinkId": link}
	needs := map[string]map[string]any{
		"ListSyncConfigurations":   of,
		"ListResourceSyncAttempts": {"SyncType": "CFN_STACK_SYNC", "ResourceName": "r00"},
	}
	var all []listOperation
	for _, a := range allOperations() {
		if strings.HasPrefix(a.operation, "List") &&
			!slices.Contains([]string{
				"ListRepositorySyncDefinitions",
				"ListTagsForResource",
				"ListSyncEvents",
			}, a.operation) {
			all = append(all, listOperation{a, needs[a.operation]})
		}
	}

	if len(all) != 4+4+7 {
		t.Fatalf("%d lists", len(all))
	}

	return all
}

// createMany creates n items for each list, and returns the id of the link that
// lists need.
func (w *world) createMany(n int) (link string) {
	w.Helper()
	host := w.createHost("h0")
	connection := w.createConnection("c0", host)
	link = w.createRepositoryLink(connection, "l0")
	w.Update(func(tx *db.Tx) error {
		for i := range n {
			name := fmt.Sprintf("r%02d", i)
			if i > 0 {
				arn := func(kind string) lockstep.ARN {
					return lockstep.MakeARN("codeconnections", region, account, kind, name)
				}
				host := lockstep.Host{
					ARN:          arn("host"),
					Account:      account,
					Region:       region,
					Name:         name,
					ProviderType: "Git",
					Status:       lockstep.HostAvailable,
				}
				c := lockstep.Connection{
					ARN:          arn("connection"),
					Account:      account,
					Region:       region,
					Name:         name,
					ProviderType: "GitHub",
					Status:       lockstep.ConnectionPending,
				}
				l := lockstep.RepositoryLink{ID: name, ARN: arn("repository-link"), Account: account, Region: region,
					ConnectionARN: lockstep.ARN(connection),
					OwnerID:       "acme", RepositoryName: name, ProviderType: "Git"}
				if err := first(store.InsertHost(tx, &host), store.InsertConnection(tx, &c),
					store.InsertLink(tx, &l)); err != nil {
					return err
				}

				if _, err := identity.CreateKey(tx, w.Seal,
					identity.CreateKeyInput{Account: account, Principal: name, Role: identity.None}); err != nil {
					return err
				}
			}

			cfg := lockstep.SyncConfiguration{Account: account, Region: region, SyncType: "CFN_STACK_SYNC",
				ResourceName: name,
				LinkID:       link,
				Branch:       "main", ConfigFile: "a.yaml", RoleARN: role}
			if err := store.InsertConfiguration(tx, &cfg); err != nil {
				return err
			}
			if err := first(store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: allowed}),
				identity.PutPolicy(tx, w.Seal, account, name,
					`permit (principal == User::"nobody", action, resource);`),
				identity.PutWebIdentityRole(tx, w.Seal, account, identity.WebIdentityRole{
					Name:      name,
					Issuer:    issuer,
					Audiences: []string{"sts"},
					Subjects:  []string{"repo:acme/*"},
					Grants:    identity.None,
				}, []string{issuer})); err != nil {
				return err
			}
		}

		return nil
	})

	for i := range n {
		w.attempt("r00", sha1, lockstep.Applied)
		w.createBlocker(fmt.Sprintf("r%02d", i), "Somebody did.")
	}

	return link
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// page asks for a page of a list. What is added narrows it.
func (w *world) page(l listOperation, max any, token string, added map[string]any) (int, []byte) {
	w.Helper()
	in := maps.Clone(l.input)
	if in == nil {
		in = map[string]any{}
	}

	maps.Copy(in, added)
	if max != nil {
		in["MaxResults"] = max
	}

	if token != "" {
		in["NextToken"] = token
	}

	body, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}

	return w.Send(request{
		Key:     w.Key,
		Region:  region,
		Service: l.service,
		Target:  l.target,
		Body:    string(body),
	})
}

func TestEveryListReturnsAsManyItemsAsRequested(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	link := w.createMany(51)
	for _, l := range allLists(t, link) {
		for _, tc := range []struct {
			max  any
			want int
		}{{nil, 50}, {0, 50}, {1, 1}, {50, 50}, {100, 0}, {101, -1}, {-1, -1}} {
			status, got := w.page(l, tc.max, "", nil)
			if tc.want < 0 {
				apitest.ExpectError(t, apitest.DecodeError(t, got), "ValidationException",
					"at 'maxResults' failed to satisfy constraint: Member must have value")
				continue
			}

			n, token := apitest.CountItems(t, got)
			whole := tc.want == 0 && n >= 51
			if status != http.StatusOK || n != tc.want && !whole || (token == "") != whole {
				t.Errorf("%s with MaxResults %v: %d of them, token %q: %.300s", l.target, tc.max, n, token, got)
			}
		}
	}
}

// A token is valid only for the list and the caller that it was issued to.
func TestTokenIsBoundToItsCallerAndList(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	link := w.createMany(2)
	all := allLists(t, link)
	strangers := map[string]*world{
		"another principal": w.as(w.CreatePrincipal("sam", identity.Admin)),
		"another account":   w.as(w.CreateKey(other, identity.Admin)),
	}
	colleague := w.as(w.CreatePrincipal("jo", identity.Admin)) // the admin's own name, with another key
	tokens := map[string]string{}
	for _, l := range all {
		_, got := w.page(l, 1, "", nil)
		if _, tokens[l.target] = apitest.CountItems(t, got); tokens[l.target] == "" {
			t.Fatalf("%s gives no token: %s", l.target, got)
		}
	}

	refuses := func(who string, w *world, l listOperation, token string, added map[string]any) {
		t.Helper()
		_, got := w.page(l, 1, token, added)
		if e := apitest.DecodeError(t, got); !strings.Contains(e.Message,
			"NextToken is not one that this list returned") ||
			e.Code != "ValidationException" && e.Code != "InvalidInputException" {
			t.Errorf("%s: the token for %s was answered with %s", l.target, who, got)
		}
	}
	for _, l := range all {
		token := tokens[l.target]
		if status, got := colleague.page(l, 1, token, nil); status != http.StatusOK {
			t.Errorf("%s by another key of the same principal: %s", l.target, got)
		}

		for who, stranger := range strangers {
			refuses(who, stranger, l, token, nil)
		}

		for _, other := range all {
			if other.operation != l.operation {
				refuses(other.target, w, l, tokens[other.target], nil)
			}
		}

		for at := range len(token) {
			changed := []byte(token)
			changed[at] = map[bool]byte{true: 'B', false: 'A'}[changed[at] == 'A']
			if at%7 == 0 || at == len(token)-1 {
				refuses("nothing: changed", w, l, string(changed), nil)
			}
		}

		for _, other := range []string{token + "=", token + "A", token[:len(token)-1], token[1:], "AAAA",
			strings.ToUpper(token)} {
			refuses("nothing: "+other, w, l, other, nil)
		}
	}
}

func TestTokenIsBoundToItsFilters(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	link := w.createMany(2)
	narrower := map[string][]map[string]any{
		"ListConnections": {{"ProviderTypeFilter": "GitHub"}, {
			"HostArnFilter": lockstep.MakeARN("codestar-connections", region, account, "host", "h-00000000"),
		}},
		"ListSyncConfigurations":   {{"RepositoryLinkId": noLink}},
		"ListResourceSyncAttempts": {{"ResourceName": "r01"}},
		"ListSyncBlockers":         {{"Status": "RESOLVED"}, {"SyncType": "CFN_STACK_SYNC"}, {"ResourceName": "r01"}},
		"ListResourceSyncs": {{"AccountId": account}, {
			"SyncType": "CFN_STACK_SYNC",
		}, {"RepositoryLinkId": link}, {"OwnerId": "acme"}, {"RepositoryName": "l0"},
			{"Branch": "main"}, {"Status": "FAILED"}, {"NeverSynced": true}, {"NeverSynced": false},
			{"Blocked": true}, {"Blocked": false}},
	}
	for _, l := range allLists(t, link) {
		_, got := w.page(l, 1, "", nil)
		_, token := apitest.CountItems(t, got)
		for _, added := range narrower[l.operation] {
			_, got := w.page(l, 1, token, added)
			if e := apitest.DecodeError(t, got); !strings.Contains(e.Message, "NextToken is not one") {
				t.Errorf("%s with %v goes on with a token of the list without: %s", l.target, added, got)
			}
		}

		elsewhere := request{
			Key:     w.Key,
			Region:  "us-east-1",
			Service: l.service,
			Target:  l.target,
		}
		in := map[string]any{"NextToken": token}
		maps.Copy(in, l.input)
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}

		elsewhere.Body = string(body)
		_, got = w.Send(elsewhere)
		if e := apitest.DecodeError(t, got); !strings.Contains(e.Message, "NextToken is not one") {
			t.Errorf("%s in another region: %s", l.target, got)
		}
	}
}

func TestPagesAreStableUnderChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		hosts := map[string]string{} // ARN by name
		for n := range 9 {
			name := fmt.Sprintf("h%d", n)
			hosts[name] = w.createHost(name)
		}

		seen := map[string]int{}
		var token *string
		for page := 0; page == 0 || token != nil; page++ {
			out := apitest.Must[*codeconnections.ListHostsOutput](t)(
				w.SDK().ListHosts(t.Context(), &codeconnections.ListHostsInput{MaxResults: 2, NextToken: token}),
			)
			var last string
			for _, h := range out.Hosts {
				last = *h.Name
				seen[last]++
			}

			if token = out.NextToken; page < 2 {
				// The very thing that the page ended with, one that is yet to come, and one that is new.
				for _, name := range []string{last, fmt.Sprintf("h%d", 8-page)} {
					apitest.Must[*codeconnections.DeleteHostOutput](t)(
						w.SDK().DeleteHost(t.Context(), &codeconnections.DeleteHostInput{
							HostArn: pointerTo(hosts[name]),
						}),
					)
					delete(hosts, name)
				}
				w.createHost("new")
			}
		}

		for name := range hosts {
			if seen[name] != 1 {
				t.Errorf("%s was there all along and was listed %d times", name, seen[name])
			}
		}

		for name, n := range seen {
			if n != 1 && name != "new" || n > 2 {
				t.Errorf("%s was listed %d times", name, n)
			}
		}
	})
}

func TestFleetPagesAreStableUnderChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		for _, name := range []string{"b", "d", "f", "h", "j"} {
			w.createConfiguration(name, link)
		}

		var seen []string
		one := 1
		in := wire.ListResourceSyncsInput{MaxResults: &one}
		between := []func(){
			func() { w.createConfiguration("a", link); w.createConfiguration("c", link); w.deleteConfiguration("b") },
			func() { w.deleteConfiguration("c"); w.deleteConfiguration("f") },
			func() { w.createConfiguration("b", link); w.createConfiguration("z", link) },
		}
		for page := 0; page == 0 || in.NextToken != ""; page++ {
			var out wire.ListResourceSyncsOutput
			if err := w.Call("ListResourceSyncs", in, &out); err != nil {
				t.Fatal(err)
			}

			for _, r := range out.ResourceSyncs {
				seen = append(seen, r.ResourceName)
			}

			if in.NextToken = out.NextToken; page < len(between) {
				between[page]()
			}
		}

		if want := []string{"b", "c", "d", "h", "j", "z"}; !slices.Equal(seen, want) {
			t.Errorf("listed %v, want %v", seen, want)
		}
	})
}

func pointerTo[T any](v T) *T { return &v }
