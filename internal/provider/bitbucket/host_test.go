package bitbucket_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const (
	me       = "{8f2c1d60-5a0e-4d0f-9a55-0a4f6ff0c001}" // of user.json
	ann      = "{8f2c1d60-5a0e-4d0f-9a55-0a4f6ff0c0aa}"
	infra    = "{b7b78ea5-1bd8-4e4d-8a31-0d5f00000001}"
	stranger = "{b7b78ea5-1bd8-4e4d-8a31-0d5f00000002}"
)

// object is a JSON object of the API, made of a file of testdata.
type object = map[string]any

// A bitbucketHost speaks as much of the API as the driver asks for, with a real
// repository behind it. It is a person's account, or an access token's.
type bitbucketHost struct {
	t    testing.TB
	repo *gitwiretest.Repo
	// authorization is the header that is let in.
	authorization string
	// nobody says that the credential is an access token, which cannot call /user.
	nobody bool

	mu       sync.Mutex
	url      string
	status   int
	header   http.Header
	writes   int
	asked    []string
	statuses map[string][]object // by commit
	pulls    []object
	comments map[int64][]object
	hooks    []object
	refuse   map[string]int // what answers with a status, by the end of the path
	repeat   bool           // errors repeat what was sent
	lenient  bool           // all comments can be edited, those of others and deleted ones too
}

func fixture(t testing.TB, name string) object {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// set puts a value at a path of an object, such as source.branch.name.
func set(o object, path string, value any) object {
	parts := strings.Split(path, ".")
	at := o
	for _, p := range parts[:len(parts)-1] {
		at = at[p].(object)
	}
	at[parts[len(parts)-1]] = value
	return o
}

func get(o object, path string) string {
	var at any = o
	for p := range strings.SplitSeq(path, ".") {
		inner, ok := at.(object)
		if !ok {
			return ""
		}
		at = inner[p]
	}
	return fmt.Sprint(at)
}

// wrap stands before the Git server: what begins with /2.0/ is the API.
func (h *bitbucketHost) wrap(git http.Handler) http.Handler {
	mux := http.NewServeMux()
	const repo = " /2.0/repositories/acme/infra/"
	mux.HandleFunc("GET /2.0/user", h.user)
	mux.HandleFunc("GET /2.0/hook_events", h.events)
	mux.HandleFunc("GET"+repo+"commit/{sha}", h.commit)
	mux.HandleFunc("POST"+repo+"commit/{sha}/statuses/build", h.setStatus)
	mux.HandleFunc("GET"+repo+"pullrequests", h.listPulls)
	mux.HandleFunc("POST"+repo+"pullrequests", h.createPull)
	mux.HandleFunc("GET"+repo+"pullrequests/{id}/comments", h.listComments)
	mux.HandleFunc("POST"+repo+"pullrequests/{id}/comments", h.createComment)
	mux.HandleFunc("GET"+repo+"pullrequests/{id}/comments/{comment}", h.comment)
	mux.HandleFunc("PUT"+repo+"pullrequests/{id}/comments/{comment}", h.comment)
	mux.HandleFunc("POST"+repo+"src", h.upload)
	mux.HandleFunc("DELETE"+repo+"refs/branches/{name...}", h.deleteBranch)
	mux.HandleFunc("GET"+repo+"hooks", h.listHooks)
	mux.HandleFunc("POST"+repo+"hooks", h.putHook)
	mux.HandleFunc("PUT"+repo+"hooks/{uuid}", h.putHook)
	mux.HandleFunc("DELETE"+repo+"hooks/{uuid}", h.deleteHook)
	mux.HandleFunc("/2.0/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, http.StatusNotFound) })

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/2.0/") {
			git.ServeHTTP(w, r)
			return
		}

		h.mu.Lock()
		defer h.mu.Unlock()

		h.asked = append(h.asked, r.Method+" "+strings.TrimPrefix(r.URL.EscapedPath(), "/2.0"))
		status := h.status
		for end, s := range h.refuse {
			if method, path, _ := strings.Cut(end, " "); method == r.Method && strings.HasSuffix(r.URL.Path, path) {
				status = s
			}
		}

		switch auth := r.Header.Get("Authorization"); {
		case status != 0:
			for k, v := range h.header {
				w.Header()[k] = v
			}
			h.fail(w, r, status)

		case auth != "" && auth != h.authorization || auth == "" && r.Method != http.MethodGet:
			h.fail(w, r, http.StatusUnauthorized)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (h *bitbucketHost) fail(w http.ResponseWriter, r *http.Request, status int) {
	o := set(fixture(h.t, "error"), "error.message", http.StatusText(status))
	if h.repeat {
		body, _ := io.ReadAll(r.Body)
		_, password, _ := r.BasicAuth()
		set(o, "error.message", r.Header.Get("Authorization")+" "+password+" "+string(body))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(o)
}

func (h *bitbucketHost) answer(w http.ResponseWriter, r *http.Request, status int, o any) {
	if r.Method != http.MethodGet {
		h.writes++
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if o != nil {
		_ = json.NewEncoder(w).Encode(o)
	}
}

// paged answers with a page of two, so that small lists have several.
func (h *bitbucketHost) paged(w http.ResponseWriter, r *http.Request, all []object) {
	const size = 2
	n, _ := strconv.Atoi(cmp.Or(r.URL.Query().Get("page"), "1"))
	begin, end := min((n-1)*size, len(all)), min(n*size, len(all))
	o := object{"size": len(all), "page": n, "pagelen": size, "values": all[begin:end]}
	if end < len(all) {
		next := r.URL.Query()
		next.Set("page", strconv.Itoa(n+1))
		o["next"] = h.url + r.URL.EscapedPath() + "?" + next.Encode()
	}
	h.answer(w, r, http.StatusOK, o)
}

func (h *bitbucketHost) user(w http.ResponseWriter, r *http.Request) {
	if h.nobody || r.Header.Get("Authorization") == "" {
		h.fail(w, r, http.StatusUnauthorized)
		return
	}
	h.answer(w, r, http.StatusOK, fixture(h.t, "user"))
}

func (h *bitbucketHost) events(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, http.StatusOK, object{"repository": object{}})
}

// whole gives the id of a commit; "" where it is not there.
func (h *bitbucketHost) whole(rev string) string {
	c := exec.Command(gitwiretest.Program(h.t), "-C", h.repo.Dir, "rev-parse", "--quiet", "--verify", "--end-of-options", rev+"^{commit}")
	c.Env = gitwiretest.Environment()
	out, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (h *bitbucketHost) commit(w http.ResponseWriter, r *http.Request) {
	sha := h.whole(r.PathValue("sha"))
	if sha == "" {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.answer(w, r, http.StatusOK, set(fixture(h.t, "commit"), "hash", sha))
}

func (h *bitbucketHost) setStatus(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	if h.whole(sha) != sha {
		h.fail(w, r, http.StatusNotFound)
		return
	}

	o := fixture(h.t, "status")
	if json.NewDecoder(r.Body).Decode(&o) != nil || len(get(o, "key")) > 40 || get(o, "url") == "" ||
		!slices.Contains([]string{"INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"}, get(o, "state")) {
		h.fail(w, r, http.StatusBadRequest)
		return
	}

	h.statuses[sha] = append(slices.DeleteFunc(h.statuses[sha], func(s object) bool { return s["key"] == o["key"] }), o)
	h.answer(w, r, http.StatusCreated, o)
}

// Statuses gives those of a commit. What is in progress is shown as running.
func (h *bitbucketHost) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	h.mu.Lock()
	defer h.mu.Unlock()

	states := map[string]provider.CommitState{
		"INPROGRESS": provider.CommitRunning, "SUCCESSFUL": provider.CommitSucceeded, "FAILED": provider.CommitFailed,
	}
	var all []providertest.ShownStatus
	for _, s := range h.statuses[string(sha)] {
		all = append(all, providertest.ShownStatus{
			Context: get(s, "name"), State: states[get(s, "state")], Summary: get(s, "description"), URL: get(s, "url"),
		})
	}

	return all
}

// Writes is how many changed something.
func (h *bitbucketHost) Writes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// Fail makes the API answer with a status.
func (h *bitbucketHost) Fail(status int, header http.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.header = status, header
}

// took gives what was asked for since the last time.
func (h *bitbucketHost) took() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.asked
	h.asked = nil
	return all
}
