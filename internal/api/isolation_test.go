package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Whatever a stranger asks of things that exist, the answer must be the one
// that things get which do not exist.
func TestResourcesOfOtherAccountsAreNotFound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		connection := w.createConnection("acme", host)
		link := w.createRepositoryLink(connection, "infra")
		w.createConfiguration("web", link)
		w.attempt("web", sha1, lockstep.Applied)
		w.Update(func(tx *db.Tx) error {
			_, err := syncstate.InsertRepositoryAttempt(tx, link, "main", lockstep.RepositoryInitiated)
			return err
		})
		w.Syncs.Take()
		theirs := fmt.Sprintf(`"ResourceName":"web","SyncType":"CFN_STACK_SYNC","RepositoryLinkId":%q,"HostArn":%q,`+
			`"ConnectionArn":%q,"Branch":"main","OwnerId":"acme","RepositoryName":"stolen","ConnectionName":"c",`+
			`"ConfigFile":"a.yaml","RoleArn":%q,"Credential":{"Kind":"NONE"},"ClientId":"c",`+
			`"RedirectUri":"https://c.example","AllowedSigners":%q`, link, host, connection, role, allowed)
		missing := strings.NewReplacer(link, noLink, host, host[:len(host)-8]+"00000000", connection,
			connection[:len(connection)-12]+"000000000000", `"web"`, `"web0"`).Replace(theirs)
		strangers := []request{
			{Key: w.CreateKey(other, identity.Admin), Region: region},
			{Key: w.Key, Region: "us-east-1"},
		}
		for _, stranger := range strangers {
			for call, answered := range operations() {
				service, target, _ := strings.Cut(call, " ")
				names := target[strings.LastIndexByte(target, '.')+1:]

				// The older service wants ARNs of its own; the others name no thing.
				if !answered || service == "codestar-connections" ||
					strings.Contains("CreateHost ListHosts ListConnections ListRepositoryLinks ListResourceSyncs "+
						"ListSyncEvents ListSyncBlockers "+
						"ListAccessKeys ListPolicies ListSignaturePolicies ListWebIdentityRoles", names) {
					continue
				}

				stranger.Service = service
				stranger.Target = target
				stranger.Body = "{" + theirs + "}"
				_, got := w.Send(stranger)
				stranger.Body = "{" + missing + "}"
				status, want := w.Send(stranger)
				want = []byte(strings.NewReplacer(noLink, link, "web0", "web", host[:len(host)-8]+"00000000", host,
					connection[:len(connection)-12]+"000000000000", connection).Replace(string(want)))
				if status != http.StatusBadRequest || string(got) != string(want) {
					t.Errorf("%s by %s in %s:\n%s, and of a missing thing (%d)\n%s", target, stranger.Key.Account,
						stranger.Region,
						got, status, want)
				}
			}
		}

		if noted := w.Syncs.Take(); noted != nil {
			t.Errorf("strangers made the engine do %v", noted)
		}

		w.checkUnchanged(host, connection, link)
	})
}

func (w *world) checkUnchanged(host, connection, link string) {
	w.Helper()
	w.Update(func(tx *db.Tx) error {
		_, err := store.Host(tx, account, region, lockstep.ARN(host))
		return err
	})
	if got := w.getConnection(connection).ConnectionStatus; got != "PENDING" {
		w.Errorf("strangers made the connection %s", got)
	}
	if c, err := w.getConfiguration("web"); err != nil || *c.RepositoryLinkId != link {
		w.Errorf("the configuration is %v, %v", c, err)
	}
}

// cursors are the tokens of ListSyncEvents: as long for a stranger as for anybody,
// and new each time.
var cursors = regexp.MustCompile(`"[A-Za-z0-9_-]{78}"`)

func TestListsOfOtherAccountsAreEmpty(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		w.putSigners("web")
		w.attempt("web", sha1, lockstep.Applied)
		otherKey := w.CreateKey(other, identity.Admin)
		for target, want := range map[string]string{
			newPrefix + ".ListHosts":             `{"Hosts":[]}`,
			newPrefix + ".ListConnections":       `{"Connections":[]}`,
			newPrefix + ".ListRepositoryLinks":   `{"RepositoryLinks":[]}`,
			ourPrefix + ".ListResourceSyncs":     `{"ResourceSyncs":[]}`,
			ourPrefix + ".ListSignaturePolicies": `{"SignaturePolicies":[]}`,
			ourPrefix + ".ListSyncEvents":        `{"Events":[],"NextCursor":"CURSOR"}`,
		} {
			service := "codeconnections"
			if strings.HasPrefix(target, ourPrefix) {
				service = "lockstep"
			}

			for _, stranger := range []request{
				{Key: otherKey, Region: region, Service: service, Target: target, Body: "{}"},
				{Key: w.Key, Region: "us-east-1", Service: service, Target: target, Body: "{}"},
			} {
				if _, got := w.Send(stranger); cursors.ReplaceAllString(string(got), `"CURSOR"`) != want {
					t.Errorf("%s by %s in %s: %s, want %s", target, stranger.Key.Account, stranger.Region, got, want)
				}
			}
		}
	})
}

func TestAccountsAndRegionsHaveResourcesOfTheSameName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		w.Key = w.CreateKey(other, identity.Admin)
		w.createConfiguration("web", w.createLink())
	})
}
