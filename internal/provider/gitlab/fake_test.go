package gitlab_test

import (
	"embed"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// The project that the fake has, in a group within a group.
const project = "acme/platform/infra"

//go:embed testdata/*.json
var testdata embed.FS

// An object is a document of the API, as a fixture has it, with what is changed.
type object map[string]any

// fixture reads a document of testdata.
func fixture(t testing.TB, name string, changes object) object {
	t.Helper()
	text, err := testdata.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}

	var object object
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}

	for k, v := range changes {
		object[k] = v
	}

	return object
}

// A fake is a GitLab with one project: its REST API, and smart HTTP at the same
// port. Users are by their tokens, user 7 being the one that is "right".
type fake struct {
	t    testing.TB
	repo *gitwiretest.Repo
	git  *gitwiretest.Server
	URL  string // with the path that GitLab is below

	mu         sync.Mutex
	users      map[string]int // by token
	public     bool           // Git needs no credential
	login      string         // the user name that Git wants
	maintainer bool           // who may edit the notes of others
	scope      string         // of all tokens: "api", "read_repository", or "granular" without User: Read
	projectID  int
	moved      bool // the project has another path now, and redirects from this one
	status     int  // what the API answers with instead, and its header
	header     http.Header
	body       string                    // of that answer
	refuse     func(r *http.Request) int // the same for one request, 0 for none
	calls      []string                  // method and path behind the project
	writes     int                       // that were answered
	parts      map[string]func(w writer) // handlers by method and first part of the path
	lists      map[string][]object       // what is there, by kind, in order of its making
	tokens     map[int]string            // of hooks
	notes      map[int][]object          // by merge request
	nextID     int
}

const subpath = "/gitlab"

// newFake starts one. Its Git wants user and password, or no credential where both
// are "".
func newFake(t testing.TB, options gitwiretest.Options) *fake {
	t.Helper()
	folder := t.TempDir()
	server := &fake{
		t:      t,
		users:  map[string]int{},
		scope:  "api",
		lists:  map[string][]object{},
		tokens: map[int]string{},
		notes:  map[int][]object{},
		nextID: 100,

		projectID: 4711,
	}
	server.parts = server.handlers()
	options.Wrap = func(git http.Handler) http.Handler {
		return http.StripPrefix(subpath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/api/v4/") {
				server.answer(w, r)
				return
			}

			if server.mayRead(r) {
				git.ServeHTTP(w, r)
				return
			}

			w.Header().Set("WWW-Authenticate", `Basic realm="GitLab"`)
			http.Error(w, "HTTP Basic: Access denied.", http.StatusUnauthorized)
		}))
	}

	server.git = gitwiretest.NewServer(t, folder, options)
	server.URL = server.git.URL + subpath
	server.repo = gitwiretest.NewRepoAt(t, filepath.Join(folder, project+".git"))

	return server
}

// mayRead reports whether Git is served: a wrong credential is refused for a public
// project too.
func (f *fake) mayRead(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	user, password, ok := r.BasicAuth()
	if !ok {
		return f.public && r.Header.Get("Authorization") == ""
	}
	return f.users[password] != 0 && user == f.login
}

// A writer is one request to the API and the way to answer it. Handlers hold the
// fake's lock.
type writer struct {
	http.ResponseWriter
	r    *http.Request
	me   int      // user
	path []string // unescaped, behind the project
}

// say answers with a document.
func (w writer) say(status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err) // a document of ours is always JSON
	}
}

// no refuses in the way of the API.
func (w writer) no(status int, words string) { w.say(status, object{"message": words}) }

// read decodes what was sent.
func (w writer) read() object {
	var input object
	if err := json.NewDecoder(w.r.Body).Decode(&input); err != nil {
		return object{}
	}
	return input
}

// list answers with the page that was asked for.
func (w writer) list(all []object) {
	q := w.r.URL.Query()
	size, _ := strconv.Atoi(q.Get("per_page"))
	n, _ := strconv.Atoi(q.Get("page"))
	size, n = min(max(size, 1), 100), max(n, 1)
	w.say(http.StatusOK, all[min((n-1)*size, len(all)):min(n*size, len(all))])
}

// text returns a field of a document, "" where it has none.
func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

// id returns a document's id.
func (o object) id() int {
	n, _ := o["id"].(int)
	return n
}

// answer is the API.
func (f *fake) answer(out http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()

	seen := &watched{ResponseWriter: out}
	defer func() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && seen.status < 400 {
			f.writes++
		}
	}()

	w := writer{ResponseWriter: seen, r: r}
	byPath := "/api/v4/projects/" + strings.ReplaceAll(project, "/", "%2F")
	byID := "/api/v4/projects/" + strconv.Itoa(f.projectID)
	escaped, inProject := strings.CutPrefix(r.URL.EscapedPath(), byID+"/")
	named, isByPath := strings.CutPrefix(r.URL.EscapedPath(), byPath+"/")
	if isByPath {
		escaped, inProject = named, true
	}

	isLookup := r.URL.EscapedPath() == byPath || r.URL.EscapedPath() == byID
	if !isLookup {
		f.calls = append(f.calls, r.Method+" "+escaped)
	}

	if f.status != 0 {
		f.insteadOf(w, f.status)
		return
	}

	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if w.me = f.users[token]; w.me == 0 {
		w.say(http.StatusUnauthorized, fixture(f.t, "unauthorized", nil))
		return
	}

	if f.scope == "granular" && (isLookup || r.URL.Path == "/api/v4/user") {
		w.say(http.StatusForbidden, fixture(f.t, "insufficient_granular_scope", nil))
		return
	}

	if f.scope == "read_repository" {
		w.say(http.StatusForbidden, fixture(f.t, "insufficient_scope", nil))
		return
	}

	if f.refuse != nil {
		if status := f.refuse(r); status != 0 {
			f.insteadOf(w, status)
			return
		}
	}

	if r.URL.Path == "/api/v4/user" {
		w.say(http.StatusOK, fixture(f.t, "user", object{"id": w.me}))
		return
	}

	if f.moved && (isByPath || r.URL.EscapedPath() == byPath) {
		f.redirectMoved(w, byID+strings.TrimPrefix(r.URL.EscapedPath(), byPath))
		return
	}
	if isLookup {
		w.say(http.StatusOK, object{"id": f.projectID, "path_with_namespace": project})
		return
	}

	if !inProject || strings.Contains(escaped, ".") { // an ending is a format
		w.no(http.StatusNotFound, "404 Project Not Found")
		return
	}

	for part := range strings.SplitSeq(escaped, "/") {
		w.path = append(w.path, unescape(part))
	}

	f.route(w)
}

// redirectMoved answers for the former path of a project as GitLab does: only reading is
// redirected.
func (f *fake) redirectMoved(w writer, to string) {
	if w.r.Method != http.MethodGet {
		w.no(http.StatusMethodNotAllowed, "Non GET methods are not allowed for moved projects")
		return
	}
	if w.r.URL.RawQuery != "" {
		to += "?" + w.r.URL.RawQuery
	}
	w.Header().Set("Location", f.URL+to)
	w.WriteHeader(http.StatusFound)
}

// route finds the handler by the first parts of the path.
func (f *fake) route(w writer) {
	for n := min(2, len(w.path)); n > 0; n-- {
		if h := f.parts[w.r.Method+" "+strings.Join(w.path[:n], "/")]; h != nil {
			w.path = w.path[n:]
			h(w)
			return
		}
	}
	w.no(http.StatusNotFound, "404 Not Found")
}

func (f *fake) insteadOf(w writer, status int) {
	for k, v := range f.header {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(f.body))
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// asked returns what the API was asked since the last time.
func (f *fake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.calls
	f.calls = nil
	return all
}

// gitSays runs git, which may fail.
func (f *fake) gitSays(args ...string) (string, error) {
	c := exec.Command(gitwiretest.Program(f.t), args...)
	c.Dir, c.Env = f.repo.Dir, gitwiretest.Environment()
	text, err := c.Output()
	return strings.TrimSpace(string(text)), err
}

// has reports whether there is a commit, a branch or, as COMMIT:PATH, a file.
func (f *fake) has(name string) bool {
	_, err := f.gitSays("rev-parse", "--verify", "--quiet", "--end-of-options", name)
	if err != nil || strings.Contains(name, ":") {
		return err == nil
	}
	_, err = f.gitSays("cat-file", "-e", name+"^{commit}")
	return err == nil
}

// add keeps a new document and returns its ID.
func (f *fake) add(kind string, object object) object {
	f.nextID++
	object["id"] = f.nextID
	f.lists[kind] = append(f.lists[kind], object)
	return object
}

// find returns the document with an id that stands in a path, nil for none.
func (f *fake) find(kind, id string) object {
	for _, o := range f.lists[kind] {
		if strconv.Itoa(o.id()) == id {
			return o
		}
	}
	return nil
}

// newestFirst returns a list the other way round.
func newestFirst(all []object) []object {
	turned := slices.Clone(all)
	slices.Reverse(turned)
	return turned
}
