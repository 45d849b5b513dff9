package git_test

import (
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

// object is a JSON object of the API, made of a file of testdata.
type object = map[string]any

// A giteaHost speaks as much of Gitea's API as the driver asks for, with a real
// repository behind it.
type giteaHost struct {
	t             testing.TB
	repo          *gitwiretest.Repo
	authorization string // the header that is let in
	version       string // the file with it

	mu       sync.Mutex
	status   int
	header   http.Header
	writes   int
	asked    []string
	statuses map[string][]object // by commit, oldest first
	pulls    []object
	comments map[int64][]object
	hooks    []object
	made     int            // webhooks so far
	refuse   map[string]int // what answers with a status, by method and the end of the path
	repeat   bool           // errors repeat what was sent
	steady   bool           // the version is told whatever Fail says
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

// set puts a value at a path of an object, such as head.repo.id.
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

// wrap stands before the Git server: what begins with /api/v1/ is the API.
func (h *giteaHost) wrap(git http.Handler) http.Handler {
	mux := http.NewServeMux()
	const repo = " /api/v1/repos/acme/infra/"
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, 200, fixture(h.t, h.version)) })
	mux.HandleFunc("GET /api/v1/user", func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, 200, fixture(h.t, "gitea-user")) })
	mux.HandleFunc("POST"+repo+"statuses/{sha}", h.addStatus)
	mux.HandleFunc("GET"+repo+"git/commits/{sha}", h.commit)
	mux.HandleFunc("GET"+repo+"pulls", func(w http.ResponseWriter, r *http.Request) { h.paged(w, r, h.pulls) })
	mux.HandleFunc("POST"+repo+"pulls", h.createPull)
	mux.HandleFunc("GET"+repo+"issues/{id}/comments", h.listComments)
	mux.HandleFunc("POST"+repo+"issues/{id}/comments", h.createComment)
	mux.HandleFunc("PATCH"+repo+"issues/comments/{id}", h.editComment)
	mux.HandleFunc("POST"+repo+"branches", h.createBranch)
	mux.HandleFunc("DELETE"+repo+"branches/{name...}", h.deleteBranch)
	mux.HandleFunc("POST"+repo+"contents", h.change)
	mux.HandleFunc("GET"+repo+"hooks", h.listHooks)
	mux.HandleFunc("POST"+repo+"hooks", h.createHook)
	mux.HandleFunc("DELETE"+repo+"hooks/{id}", h.deleteHook)
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, http.StatusNotFound) })

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v1/") {
			git.ServeHTTP(w, r)
			return
		}

		h.mu.Lock()
		defer h.mu.Unlock()

		h.asked = append(h.asked, r.Method+" "+strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1"))
		status := h.status
		for end, s := range h.refuse {
			if method, path, _ := strings.Cut(end, " "); method == r.Method && strings.HasSuffix(r.URL.Path, path) {
				status = s
			}
		}

		public := strings.HasSuffix(r.URL.Path, "/version")
		switch auth := r.Header.Get("Authorization"); {
		case status != 0 && !(public && h.steady):
			for k, v := range h.header {
				w.Header()[k] = v
			}
			h.fail(w, r, status)

		case auth != h.authorization && !public:
			h.fail(w, r, http.StatusUnauthorized)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (h *giteaHost) fail(w http.ResponseWriter, r *http.Request, status int) {
	o := set(fixture(h.t, "gitea-error"), "message", http.StatusText(status))
	if h.repeat {
		body, _ := io.ReadAll(r.Body)
		_, password, _ := r.BasicAuth()
		set(o, "message", r.Header.Get("Authorization")+" "+password+" "+string(body))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(o)
}

func (h *giteaHost) answer(w http.ResponseWriter, r *http.Request, status int, o any) {
	if r.Method != http.MethodGet {
		h.writes++
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	if o != nil {
		_ = json.NewEncoder(w).Encode(o)
	}
}

// paged answers with a page of two, whatever was asked for, as a server may.
func (h *giteaHost) paged(w http.ResponseWriter, r *http.Request, all []object) {
	const size = 2
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("page"))
	if strings.HasSuffix(r.URL.Path, "/pulls") && (q.Get("state") != "open" || q.Get("sort") != "recentupdate") || n < 1 {
		h.fail(w, r, http.StatusUnprocessableEntity)
		return
	}
	begin, end := min((n-1)*size, len(all)), min(n*size, len(all))
	h.answer(w, r, http.StatusOK, slices.Concat([]object{}, all[begin:end])) // never null
}

// whole gives the id of a commit; "" where it is not there.
func (h *giteaHost) whole(rev string) string {
	c := exec.Command(gitwiretest.Program(h.t), "-C", h.repo.Dir, "rev-parse", "--quiet", "--verify", "--end-of-options", rev+"^{commit}")
	c.Env = gitwiretest.Environment()
	out, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (h *giteaHost) commit(w http.ResponseWriter, r *http.Request) {
	if h.whole(r.PathValue("sha")) == "" {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.answer(w, r, http.StatusOK, object{"sha": r.PathValue("sha")})
}

func (h *giteaHost) addStatus(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	if h.whole(sha) != sha {
		h.fail(w, r, http.StatusInternalServerError) // as Gitea does
		return
	}

	var in struct {
		Context, State, Description string
		TargetURL                   string `json:"target_url"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || !slices.Contains([]string{"pending", "success", "error", "failure", "warning"}, in.State) {
		h.fail(w, r, http.StatusUnprocessableEntity)
		return
	}

	o := set(set(fixture(h.t, "gitea-status"), "context", in.Context), "status", in.State)
	set(set(o, "description", in.Description), "target_url", in.TargetURL)
	h.statuses[sha] = append(h.statuses[sha], o)
	h.answer(w, r, http.StatusCreated, o)
}

// Statuses gives the last of each context. What is pending is shown as running.
func (h *giteaHost) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	h.mu.Lock()
	defer h.mu.Unlock()

	states := map[string]provider.CommitState{
		"pending": provider.CommitRunning, "success": provider.CommitSucceeded, "failure": provider.CommitFailed,
	}
	var all []providertest.ShownStatus
	for _, o := range h.statuses[string(sha)] {
		s := providertest.ShownStatus{
			Context: get(o, "context"), State: states[get(o, "status")], Summary: get(o, "description"), URL: get(o, "target_url"),
		}
		all = slices.DeleteFunc(all, func(before providertest.ShownStatus) bool { return before.Context == s.Context })
		all = append(all, s)
	}

	return all
}

// Writes is how many changed something.
func (h *giteaHost) Writes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// Fail makes the API answer with a status.
func (h *giteaHost) Fail(status int, header http.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.header = status, header
}

// took gives what was asked for since the last time.
func (h *giteaHost) took() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.asked
	h.asked = nil
	return all
}
