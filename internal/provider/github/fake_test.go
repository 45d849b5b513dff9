package github_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const (
	api = "/api/v3"
	// canary stands in every credential that is right, and in no error.
	canary       = "canary-0123456789"
	user         = "lockstep-reporter"
	installation = "998877"
	repoID       = 1296269
)

// appKey is the private key of the fake's application.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// appPEM is that key as GitHub gives it out.
func appPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(appKey())}))
}

// A fake is a GitHub with one repository, acme/infra: Git and the API on one port.
type fake struct {
	t      testing.TB
	server *gitwiretest.Server
	repo   *gitwiretest.Repo

	mu          sync.Mutex
	status      int // what every request is answered with, 0 is the truth
	header      http.Header
	answer      string // the body then
	skew        time.Duration
	life        time.Duration // of tokens of the installation
	tokens      map[string]bool
	issued      int
	asked       []string // METHOD path
	writes      int
	id          int64
	deployments []*deployment
	pulls       []*pull
	hooks       []*hook
	refuse      map[string]int // METHOD pattern → status
	slow        chan struct{}  // tokens are made when it is closed, if it is not nil
	noUser      bool           // GET /user is for people only
	moved       bool           // the repository has another name now
}

func newFake(t testing.TB, tls bool) *fake {
	t.Helper()
	server := &fake{t: t, life: time.Hour, tokens: map[string]bool{}, id: 1000, refuse: map[string]int{}}
	folder := t.TempDir()
	server.repo = gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra"))
	server.server = gitwiretest.NewServer(t, folder, gitwiretest.Options{TLS: tls, Wrap: server.serve})
	return server
}

// serve answers the API, and lets Git through with the right credential.
func (f *fake) serve(git http.Handler) http.Handler {
	mux := http.NewServeMux()
	f.routes(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.asked = append(f.asked, r.Method+" "+r.URL.Path)
		status, header, answer := f.status, f.header, f.answer
		now := time.Now().Add(f.skew)
		f.mu.Unlock()
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))

		// Where a repository is not there its owner's installation still is.
		if token := strings.HasSuffix(r.URL.Path, "/access_tokens"); status != 0 &&
			!(token && status == http.StatusNotFound) {
			for k, v := range header {
				w.Header()[k] = v
			}

			if answer == "" {
				answer = `{"message":"` + http.StatusText(status) + `"}`
			}

			w.WriteHeader(status)
			fmt.Fprint(w, answer)
			return
		}

		who := f.who(r)
		switch {
		case strings.HasPrefix(r.URL.Path, api+"/"):
			if who == "" {
				f.fail(w, http.StatusUnauthorized, "Bad credentials")
				return
			}

			r.Header.Set("Who", who)
			if f.moved {
				providertest.MovedAPI(mux, api+"/repos/acme/infra", api+"/repositories/1296269").ServeHTTP(w, r)
				return
			}
			mux.ServeHTTP(w, r)
		case who == "" && r.Header.Get("Authorization") != "" || who == "app":
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
			http.Error(w, "Invalid username or token.", http.StatusUnauthorized)
		default:
			git.ServeHTTP(w, r)
		}
	})
}

// who says whose a credential is: the user's, the application's own, one of its
// installation's; "" for none or a wrong one.
func (f *fake) who(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme == "Basic" {
		pair, _ := base64.StdEncoding.DecodeString(value)
		name, password, _ := strings.Cut(string(pair), ":")
		if name != user && name != "x-access-token" || name == user && strings.HasPrefix(password, "ghs_") {
			return ""
		}

		value = password
	}

	f.mu.Lock()
	defer f.mu.Unlock()

	switch {
	case value == canary:
		return user
	case f.tokens[value]:
		return "lockstep-at-acme[bot]"
	case scheme == "Bearer" && f.proves(value):
		return "app"
	}

	return ""
}

// proves verifies what an application shows, as GitHub does.
func (f *fake) proves(text string) bool {
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return false
	}
	var claims jwt.Claims
	if token.Claims(&appKey().PublicKey, &claims) != nil || claims.IssuedAt == nil || claims.Expiry == nil {
		return false
	}
	now := time.Now().Add(f.skew)
	return (claims.Issuer == "12345" || claims.Issuer == "Iv23liExampleClientId") &&
		!claims.IssuedAt.Time().After(now) &&
		claims.Expiry.Time().After(now) && !claims.Expiry.Time().After(now.Add(10*time.Minute))
}

// Fail answers every request with a status, 0 ends that.
func (f *fake) Fail(status int, header http.Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.header, f.answer = status, header, ""
}

// set changes the fake while it may be asked.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// requests returns what was asked since the last time, Git's own left out.
func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.DeleteFunc(f.asked, func(s string) bool { return !strings.Contains(s, " "+api+"/") })
	f.asked = nil
	for i, s := range all {
		all[i] = strings.ReplaceAll(s, api+"/", "/")
	}
	return all
}

// fixture returns a recorded answer with some of its fields changed; a name with a
// dot leads into an object.
func (f *fake) fixture(name string, change map[string]any) map[string]any {
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	var v map[string]any
	if err == nil {
		err = json.Unmarshal(text, &v)
	}

	if err != nil {
		f.t.Errorf("fixture %s: %v", name, err)
	}

	for path, value := range change {
		at := v
		for {
			first, rest, nested := strings.Cut(path, ".")
			if !nested {
				at[first] = value
				break
			}

			at, path = at[first].(map[string]any), rest
		}
	}

	return v
}

func (f *fake) send(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		f.t.Errorf("encode an answer: %v", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func (f *fake) fail(w http.ResponseWriter, status int, message string, errors ...map[string]any) {
	change := map[string]any{"message": message, "status": fmt.Sprint(status)}
	if len(errors) > 0 {
		change["errors"] = errors
	}
	f.send(w, status, f.fixture("error", change))
}

// git runs git in the repository, from a handler.
func (f *fake) git(env []string, stdin string, args ...string) (string, error) {
	c := exec.Command(gitwiretest.Program(f.t), args...)
	c.Dir, c.Env, c.Stdin = f.repo.Dir, append(gitwiretest.Environment(), env...), bytes.NewReader([]byte(stdin))
	out, err := c.Output()
	return strings.TrimSpace(string(out)), err
}
