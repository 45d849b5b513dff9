package git_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
)

func TestGiteaChecksACredentialWithoutARepository(t *testing.T) {
	wrong := token()
	wrong.Secret = "wrong-" + canary
	basic := lockstep.Credential{Kind: lockstep.BasicCredential, Username: "deployer", Secret: canary}
	none := lockstep.Credential{Kind: lockstep.NoCredential}

	for name, test := range map[string]struct {
		right, shown lockstep.Credential
		refused      int // status of GET /user
		want         lockstep.Kind
		isError      bool
	}{
		"a token":            {right: token(), shown: token()},
		"a password":         {right: basic, shown: basic},
		"no credential":      {right: token(), shown: none},
		"a wrong token":      {right: token(), shown: wrong, want: lockstep.Denied, isError: true},
		"a token for less":   {right: token(), shown: token(), refused: http.StatusForbidden},
		"a host that is off": {right: token(), shown: token(), refused: 503, want: lockstep.Unavailable, isError: true},
	} {
		w := newGiteaServer(t, "gitea-version", test.right)
		if test.refused != 0 {
			w.Refuse["GET /user"] = test.refused
		}

		access := ofAcme(w.server.URL, test.shown).Access
		err := w.driver.Check(t.Context(), access)
		if (err != nil) != test.isError || test.isError && lockstep.KindOf(err) != test.want {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error holds the credential: %v", name, err)
		}
	}
}

// A plain server may answer anything below its repositories.
func TestAServerThatIsNotGiteaCannotBeAskedAboutACredential(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"Basic": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic realm=git")
			http.Error(w, "no", http.StatusUnauthorized)
		},
		"JSON of another API": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"no","url":"https://api.example.com/docs"}`)
		},
		"a page":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome</html>") },
		"an object": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) },
	} {
		server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
			return answer
		}})
		driver := overHTTP(t, transport.NetworkOptions{AllowLoopback: true})
		err := driver.Check(t.Context(), ofAcme(server.URL, token()).Access)
		if !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%s: got %v, want %v", name, err, provider.ErrUnsupported)
		}
	}

	driver := overSSH(t, "")
	access := ofAcme("ssh://git.example.com", lockstep.Credential{Kind: lockstep.SSHKeyCredential, Secret: "key"}).Access
	if err := driver.Check(t.Context(), access); !errors.Is(err, provider.ErrUnsupported) {
		t.Errorf("over SSH: got %v, want %v", err, provider.ErrUnsupported)
	}
}

func TestAttack17TheCheckOfACredentialStaysAtTheHost(t *testing.T) {
	stolen := ""
	other := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen += r.Header.Get("Authorization") })
	}})
	server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		})
	}})

	driver := overHTTP(t, transport.NetworkOptions{AllowLoopback: true})
	if err := driver.Check(t.Context(), ofAcme(server.URL, token()).Access); err == nil {
		t.Error("a host that redirects elsewhere has accepted the credential")
	}
	if stolen != "" {
		t.Errorf("another origin saw %q", stolen)
	}
}
