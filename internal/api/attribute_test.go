package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

// listFleet returns the names of the resources that the caller may read, and their
// counts.
func (w *world) listFleet(size int) (names []string, counts *wire.ResourceSyncCounts) {
	w.Helper()
	input := wire.ListResourceSyncsInput{MaxResults: &size, IncludeCounts: aws.Bool(true)}
	for more := true; more; more = input.NextToken != "" {
		var out wire.ListResourceSyncsOutput
		if err := w.Call("ListResourceSyncs", input, &out); err != nil {
			w.Fatal(err)
		}

		if len(out.ResourceSyncs) == 0 && out.NextToken != "" {
			w.Error("an empty page goes on")
		}

		for _, r := range out.ResourceSyncs {
			names = append(names, r.ResourceName)
		}

		input.NextToken, counts = out.NextToken, out.Counts
	}

	return names, counts
}

// readableNames returns those of names that can be read.
func (w *world) readableNames(names ...string) (found []string) {
	w.Helper()
	for _, name := range names {
		_, err := w.getConfiguration(name)
		if err == nil {
			found = append(found, name)
			continue
		}
		apitest.ExpectError(w, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: "+name)
	}
	return found
}

func TestPoliciesAskForEachAttributeOfAResource(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.createConnection("acme", w.createHost("h"))
		infra, web := w.createRepositoryLink(connection, "infra"), w.createRepositoryLink(connection, "web")
		for name, source := range map[string]struct{ link, branch string }{
			"a": {infra, "main"},
			"b": {infra, "dev"},
			"c": {web, "main"},
			"d": {web, "dev"},
		} {
			in := newConfiguration(name, source.link)
			in.Branch = &source.branch
			apitest.Must[*codeconnections.CreateSyncConfigurationOutput](t)(
				w.SDK().CreateSyncConfiguration(t.Context(), in),
			)
		}

		if err := w.tag(linkARN(web), "team=web"); err != nil {
			t.Fatal(err)
		}

		n := 0
		for when, want := range map[string][]string{
			`resource has branch && resource.branch == "main"`:                        {"a", "c"},
			`resource has repository && resource.repository == "infra"`:               {"a", "b"},
			`resource has owner && resource.owner == "nobody"`:                        nil,
			`resource has providerType && resource.providerType == "Git"`:             {"a", "b", "c", "d"},
			`resource has resourceName && ["a", "d"].contains(resource.resourceName)`: {"a", "d"},
			`resource has resourceName && resource.resourceName like "b*"`:            {"b"},
			`resource.hasTag("team") && resource.getTag("team") == "web"`:             {"c", "d"},
			`resource in RepositoryLink::"` + linkARN(infra) + `"`:                    {"a", "b"},
			`resource in Connection::"` + connection + `"`:                            {"a", "b", "c", "d"},
			`context.region == "us-east-1"`:                                           nil,
		} {
			n++
			name := fmt.Sprintf("who%d", n)
			they := w.as(w.CreatePrincipal(name, identity.None,
				fmt.Sprintf(`permit (principal == User::%q, action in Action::"Read", resource)
					when { resource is Account || (%s) };`, name, when)))
			for _, size := range []int{1, 2, 100} {
				got, counts := they.listFleet(size)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, %d at a time (-want +got):\n%s", when, size, diff)
				}

				if counts.Total != len(want) {
					t.Errorf("%s, %d at a time: Total = %d, want %d", when, size, counts.Total, len(want))
				}

				if counts.NeverSynced != len(want) {
					t.Errorf("%s, %d at a time: NeverSynced = %d, want %d", when, size, counts.NeverSynced, len(want))
				}
			}

			if diff := cmp.Diff(want, they.readableNames("a", "b", "c", "d")); diff != "" {
				t.Errorf("%s, one by one (-want +got):\n%s", when, diff)
			}
		}
	})
}

func TestForbidAppliesToAdministrators(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.createConfiguration("api", link)

		const careful = `forbid (principal, action == Action::"codeconnections:DeleteSyncConfiguration", resource)
			when { resource.resourceName == "web" };
			forbid (principal == User::"jo", action in Action::"Read", resource)
			when { resource has resourceName && resource.resourceName == "api" };`
		if err := w.putPolicy("careful", careful); err != nil {
			t.Fatal(err)
		}

		_, err := w.SDK().DeleteSyncConfiguration(t.Context(), &codeconnections.DeleteSyncConfigurationInput{
			ResourceName: aws.String("web"),
			SyncType:     "CFN_STACK_SYNC",
		})
		apitest.ExpectError(t, err, "AccessDeniedException",
			`on resource: CFN_STACK_SYNC/web because policy "careful" forbids the action`)
		if got, counts := w.listFleet(100); !slices.Equal(got, []string{"web"}) || counts.Total != 1 {
			t.Errorf("the fleet is %v, %+v", got, counts)
		}
	})
}

// A page is as full as if there were nothing but what may be seen, and has a token
// only where there is more of that.
func TestHiddenThingsLeaveNoGapInALIst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var want []string
		for n := range 12 {
			name := fmt.Sprintf("hidden%d", n)
			if n%4 == 1 {
				name = fmt.Sprintf("shown%d", n)
				want = append(want, name)
			}

			w.createHost(name)
		}

		they := w.as(w.CreatePrincipal("they", identity.None, `permit (principal == User::"they", action, resource)
			when { resource is Account || resource has name && resource.name like "shown*" };`))
		for size := int32(1); size <= 4; size++ {
			var got []string
			var token *string
			pages := 0
			for more := true; more; more = token != nil {
				out := apitest.Must[*codeconnections.ListHostsOutput](t)(
					they.SDK().ListHosts(t.Context(), &codeconnections.ListHostsInput{
						MaxResults: size,
						NextToken:  token,
					}),
				)
				for _, h := range out.Hosts {
					got = append(got, *h.Name)
				}

				token, pages = out.NextToken, pages+1
			}

			if diff := cmp.Diff(want, got); diff != "" || pages != (len(want)+int(size)-1)/int(size) {
				t.Errorf("%d pages of %d (-want +got):\n%s", pages, size, diff)
			}
		}
	})
}

func TestConfigurationNeedsPermissionForLinkAndRole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		const passable = "arn:aws:iam::111122223333:role/sync"
		they := w.as(w.CreatePrincipal("they", identity.None,
			`permit (principal == User::"they", action in [Action::"Read", Action::"Configure"], resource)
			unless { resource is IamRole || (resource has branch && resource.branch != "dev") };
			permit (principal == User::"they", action == Action::"iam:PassRole",
				resource == IamRole::"`+passable+`");`))
		create := func(name, branch, role string) error {
			input := newConfiguration(name, link)
			input.Branch = &branch
			input.RoleArn = &role
			_, err := they.SDK().CreateSyncConfiguration(t.Context(), input)

			return err
		}

		w.Syncs.Take()
		apitest.ExpectError(t, create("web", "main", passable), "AccessDeniedException",
			"perform: codeconnections:CreateSyncConfiguration on resource: CFN_STACK_SYNC/web")
		admin := "arn:aws:iam::111122223333:role/admin"
		apitest.ExpectError(t, create("web", "dev", admin), "AccessDeniedException",
			"perform: iam:PassRole on resource: "+admin)

		if noted := w.Syncs.Take(); noted != nil {
			t.Errorf("the engine was asked for %v", noted)
		}

		if err := create("web", "dev", passable); err != nil {
			t.Fatal(err)
		}

		update := func(input codeconnections.UpdateSyncConfigurationInput) error {
			input.ResourceName = aws.String("web")
			input.SyncType = "CFN_STACK_SYNC"
			_, err := they.SDK().UpdateSyncConfiguration(t.Context(), &input)
			return err
		}

		apitest.ExpectError(t, update(codeconnections.UpdateSyncConfigurationInput{
			Branch: aws.String("main"),
		}), "AccessDeniedException", "UpdateSyncConfiguration on resource: CFN_STACK_SYNC/web")
		apitest.ExpectError(t, update(codeconnections.UpdateSyncConfigurationInput{RoleArn: &admin}),
			"AccessDeniedException", "iam:PassRole on resource: "+admin)
		apitest.ExpectError(t, update(codeconnections.UpdateSyncConfigurationInput{
			RepositoryLinkId: aws.String(noLink),
		}), "ResourceNotFoundException", "Could not find repository link:"+noLink)

		if err := update(codeconnections.UpdateSyncConfigurationInput{ConfigFile: aws.String("b.yaml")}); err != nil {
			t.Error(err)
		}

		w.createConfiguration("api", link) // on main, which they do not see
		input := &codeconnections.UpdateSyncConfigurationInput{
			ResourceName: aws.String("api"),
			SyncType:     "CFN_STACK_SYNC",
			Branch:       aws.String("dev"),
		}
		_, err := they.SDK().UpdateSyncConfiguration(t.Context(), input)
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: api")
	})
}

// Allowed must be what a thing is and what it becomes, or a policy that says where
// hosts may be would let them move anywhere.
func TestUpdatedResourceIsAuthorizedToo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		one, two := w.createConnection("one", host), w.createConnection("two", host)
		link := w.createRepositoryLink(one, "infra")
		they := w.as(w.CreatePrincipal("they", identity.None,
			`permit (principal == User::"they", action, resource is Host)
			when { resource.endpoint like "https://git.example.com*" };
			permit (principal == User::"they", action, resource is Connection);
			permit (principal == User::"they", action, resource is RepositoryLink in Connection::"`+one+`");`))
		if err := they.setEndpoint(host, "https://git.example.com/git"); err != nil {
			t.Fatal(err)
		}

		apitest.ExpectError(t, they.setEndpoint(host, "https://git.example.net"), "AccessDeniedException",
			"perform: codeconnections:UpdateHost on resource: "+host)
		apitest.ExpectError(t, they.setConnection(link, two), "AccessDeniedException",
			"perform: codeconnections:UpdateRepositoryLink on resource: arn:")
		if err := they.setConnection(link, one); err != nil {
			t.Error(err)
		}

		gotHost := apitest.Must[*codeconnections.GetHostOutput](t)(
			w.SDK().GetHost(t.Context(), &codeconnections.GetHostInput{HostArn: &host}),
		)
		gotLink := apitest.Must[*codeconnections.GetRepositoryLinkOutput](t)(
			w.SDK().GetRepositoryLink(t.Context(), &codeconnections.GetRepositoryLinkInput{RepositoryLinkId: &link}),
		)
		if got := *gotHost.ProviderEndpoint; got != "https://git.example.com/git" {
			t.Errorf("ProviderEndpoint = %q, want https://git.example.com/git", got)
		}

		if got := *gotLink.RepositoryLinkInfo.ConnectionArn; got != one {
			t.Errorf("ConnectionArn = %q, want %q", got, one)
		}
	})
}

func TestPoliciesSeeTheTagsOfARequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		they := w.as(w.CreatePrincipal("they", identity.None,
			`permit (principal == User::"they", action in [Action::"Read", Action::"Configure"], resource)
			when { action != Action::"codeconnections:TagResource" &&
				action != Action::"codeconnections:UntagResource" };
			permit (principal == User::"they", action == Action::"codeconnections:TagResource", resource)
			when { context.requestTags.hasTag("team") && context.requestTags.getTag("team") == "web" &&
				["team", "stage"].containsAll(context.tagKeys) };
			permit (principal == User::"they", action == Action::"codeconnections:UntagResource", resource)
			when { ["stage"].containsAll(context.tagKeys) };`))
		for _, tc := range []struct {
			tags string
			may  bool
		}{
			{"team=web", true},
			{"team=web stage=dev", true},
			{"stage=dev", false},
			{"team=infra", false},
			{"team=web owner=me", false},
		} {
			for how, do := range map[string]func(tags []string) error{
				"tagging": func(tags []string) error { return they.tag(host, tags...) },
				"making":  they.createTaggedHost,
			} {
				err := do(strings.Fields(tc.tags))
				if tc.may && err != nil {
					t.Errorf("%s with %s: %v", how, tc.tags, err)
				}

				if !tc.may {
					apitest.ExpectError(t, err, "AccessDeniedException", "perform: codeconnections:TagResource")
				}
			}
		}

		if err := they.untag(host, "stage"); err != nil {
			t.Error(err)
		}

		apitest.ExpectError(t, they.untag(host, "stage", "team"), "AccessDeniedException",
			"perform: codeconnections:UntagResource")
		if err := they.createTaggedHost(nil); err != nil {
			t.Errorf("making without tags takes no permission to tag: %v", err)
		}

		out := apitest.Must[*codeconnections.ListHostsOutput](t)(
			w.SDK().ListHosts(t.Context(), &codeconnections.ListHostsInput{}),
		)
		if len(out.Hosts) != 4 {
			t.Errorf("%d hosts, want the first, two that were tagged and one that was not", len(out.Hosts))
		}
	})
}

func (w *world) createTaggedHost(tags []string) error {
	input := &codeconnections.CreateHostInput{
		Name:             aws.String("new"),
		ProviderType:     "Git",
		ProviderEndpoint: aws.String("https://git.example.com"),
	}
	for _, t := range tags {
		key, value, _ := strings.Cut(t, "=")
		input.Tags = append(input.Tags, types.Tag{Key: &key, Value: &value})
	}
	_, err := w.SDK().CreateHost(w.Context(), input)
	return err
}

func TestConnectionNeedsAReadableHost(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	host := w.createHost("h")
	they := w.as(w.CreatePrincipal("they", identity.None,
		`permit (principal == User::"they", action, resource) unless { resource is Host };`))
	for _, arn := range []string{host, host[:len(host)-8] + "00000000"} {
		_, err := they.SDK().CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
			ConnectionName: aws.String("c"),
			HostArn:        &arn,
		})
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find host: "+arn)
	}
}

// What is to be made is judged as if it were there.
func TestPolicyLimitsLinksToARepository(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	connection := w.createConnection("acme", w.createHost("h"))
	they := w.as(w.CreatePrincipal("they", identity.None,
		`permit (principal == User::"they", action in Action::"Configure", resource)
		unless { resource is RepositoryLink };
		permit (principal == User::"they", action == Action::"codeconnections:CreateRepositoryLink", resource)
		when { resource.owner == "acme" && resource.repository like "infra-*" };`))
	for repository, may := range map[string]bool{"infra-web": true, "payroll": false} {
		_, err := they.SDK().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
			ConnectionArn:  &connection,
			OwnerId:        aws.String("acme"),
			RepositoryName: &repository,
		})
		if may && err != nil {
			t.Errorf("%s: %v", repository, err)
		}

		if !may {
			apitest.ExpectError(t, err, "AccessDeniedException",
				"perform: codeconnections:CreateRepositoryLink on resource: * because")
		}
	}
}

// The place to go on from moves past what a watcher may not see.
func TestEventCursorMovesPastHiddenEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.createConfiguration("api", link)
		they := w.as(w.CreatePrincipal("they", identity.None, `permit (principal == User::"they", action, resource)
			when { resource is Account || resource has resourceName && resource.resourceName == "api" };`))
		two := 2
		_, cursor := they.listEvents(wire.ListSyncEventsInput{})
		w.addEvents(w.attempt("web", sha1, "").ID, 1, 6)
		w.addEvents(w.attempt("api", sha1, "").ID, 7, 7)
		var got []string
		for range 5 {
			var events []string
			events, cursor = they.listEvents(wire.ListSyncEventsInput{After: cursor, MaxResults: &two})
			got = append(got, events...)
		}

		if diff := cmp.Diff([]string{"TEMPLATE_BUNDLED", "E7"}, got); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}

		apitest.ExpectError(t, w.Call("ListSyncEvents", wire.ListSyncEventsInput{After: cursor}, nil),
			"InvalidInputException", "cursor")
	})
}
