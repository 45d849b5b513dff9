package providertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// An Object is a JSON object of an API.
type Object = map[string]any

// ReadTestdata returns the object in testdata/NAME.json.
func ReadTestdata(t testing.TB, name string) Object {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}

	var object Object
	if err := json.Unmarshal(content, &object); err != nil {
		t.Fatal(err)
	}

	return object
}

// SetField sets a field of an object, by a path such as head.repo.id, and returns the object.
func SetField(object Object, path string, value any) Object {
	names := strings.Split(path, ".")
	inner := object
	for _, name := range names[:len(names)-1] {
		inner = inner[name].(Object)
	}
	inner[names[len(names)-1]] = value
	return object
}

// FieldOf returns a field of an object as text, by a path such as head.repo.id; "" if there is
// none.
func FieldOf(object Object, path string) string {
	var value any = object
	for name := range strings.SplitSeq(path, ".") {
		inner, ok := value.(Object)
		if !ok {
			return ""
		}
		value = inner[name]
	}
	return fmt.Sprint(value)
}

// A FakeAPI is what the fake APIs of Git hosts have in common. It answers one request at a time;
// handlers run with Mu locked.
type FakeAPI struct {
	T    testing.TB
	Repo *gitwiretest.Repo
	// Prefix begins the paths of the API, such as /api/v1. All other requests are Git's.
	Prefix string
	// Authorization is the accepted header.
	Authorization string
	// ErrorName is the testdata of an error, with its message at ErrorField.
	ErrorName, ErrorField string
	// IsPublic reports whether a request needs no credential. IsSteady reports whether it
	// succeeds even if Fail was called. Both default to no.
	IsPublic, IsSteady func(*http.Request) bool

	Mu sync.Mutex
	// Refuse maps a method and the end of a path to the status of the response.
	Refuse map[string]int
	// ErrorMessage is the message of errors. Defaults to the text of the status.
	ErrorMessage string
	// RepeatSent makes errors repeat the request, credential included.
	RepeatSent bool

	status   int
	header   http.Header
	writes   int
	requests []string
}

// Wrap returns a handler that passes requests of the API to mux and all others to git.
func (f *FakeAPI) Wrap(git http.Handler, mux *http.ServeMux) http.Handler {
	mux.HandleFunc(f.Prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		f.WriteError(w, r,
			http.StatusNotFound)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, f.Prefix+"/") {
			git.ServeHTTP(w, r)
			return
		}

		f.Mu.Lock()
		defer f.Mu.Unlock()

		f.requests = append(f.requests, r.Method+" "+strings.TrimPrefix(r.URL.EscapedPath(), f.Prefix))
		status := f.statusOf(r)
		switch auth := r.Header.Get("Authorization"); {
		case status != 0:
			for name, values := range f.header {
				w.Header()[name] = values
			}
			f.WriteError(w, r, status)

		case auth != f.Authorization && (f.IsPublic == nil || !f.IsPublic(r)):
			f.WriteError(w, r, http.StatusUnauthorized)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// statusOf returns the status with which a request fails, 0 if it does not.
func (f *FakeAPI) statusOf(r *http.Request) int {
	if f.IsSteady != nil && f.IsSteady(r) {
		return 0
	}
	for end, status := range f.Refuse {
		if method, path, _ := strings.Cut(end, " "); method == r.Method && strings.HasSuffix(r.URL.Path, path) {
			return status
		}
	}
	return f.status
}

// WriteError writes an error as the host does.
func (f *FakeAPI) WriteError(w http.ResponseWriter, r *http.Request, status int) {
	message := cmp.Or(f.ErrorMessage, http.StatusText(status))
	if f.RepeatSent {
		body, _ := io.ReadAll(r.Body)
		_, password, _ := r.BasicAuth()
		message = r.Header.Get("Authorization") + " " + password + " " + string(body)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(SetField(ReadTestdata(f.T, f.ErrorName), f.ErrorField, message))
}

// Write writes a response. It counts those that are not to GET as writes.
func (f *FakeAPI) Write(w http.ResponseWriter, r *http.Request, status int, response any) {
	if r.Method != http.MethodGet {
		f.writes++
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	if response != nil {
		_ = json.NewEncoder(w).Encode(response)
	}
}

// ResolveCommit returns the full ID of a commit; "" if it does not exist.
func (f *FakeAPI) ResolveCommit(rev string) string {
	cmd := exec.Command(gitwiretest.Program(f.T), "-C", f.Repo.Dir,
		"rev-parse", "--quiet", "--verify", "--end-of-options", rev+"^{commit}")
	cmd.Env = gitwiretest.Environment()
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Writes returns how many requests changed something.
func (f *FakeAPI) Writes() int {
	f.Mu.Lock()
	defer f.Mu.Unlock()

	return f.writes
}

// Fail makes all requests fail with a status; 0 ends that.
func (f *FakeAPI) Fail(status int, header http.Header) {
	f.Mu.Lock()
	defer f.Mu.Unlock()

	f.status, f.header = status, header
}

// TakeRequests returns and forgets the requests of the API, as "METHOD path".
func (f *FakeAPI) TakeRequests() []string {
	f.Mu.Lock()
	defer f.Mu.Unlock()

	all := f.requests
	f.requests = nil
	return all
}
