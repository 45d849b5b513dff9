package bitbucket_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
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

// A bitbucketHost is a fake of Bitbucket's API, as far as the driver uses it, with a real
// repository. The credential is a user's, or an access token.
type bitbucketHost struct {
	*providertest.FakeAPI
	url string
	// isAccessToken is true if the credential is an access token, which cannot call /user.
	isAccessToken bool
	// lenient allows to edit all comments, also those of others and deleted ones.
	lenient bool

	statuses map[string][]providertest.Object // by commit
	pulls    []providertest.Object
	comments map[int64][]providertest.Object
	hooks    []providertest.Object
}

func newBitbucketHost(t testing.TB, repo *gitwiretest.Repo, authorization string) *bitbucketHost {
	return &bitbucketHost{
		statuses: map[string][]providertest.Object{},
		comments: map[int64][]providertest.Object{},
		FakeAPI: &providertest.FakeAPI{
			T:             t,
			Repo:          repo,
			Prefix:        "/2.0",
			Authorization: authorization,
			ErrorName:     "error",
			ErrorField:    "error.message",
			IsPublic: func(r *http.Request) bool {
				return r.Method == http.MethodGet && r.Header.Get("Authorization") == ""
			},
			Refuse: map[string]int{},
		},
	}
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

	return h.Wrap(git, mux)
}

// paged answers with a page of two, so that small lists have several.
func (h *bitbucketHost) paged(w http.ResponseWriter, r *http.Request, all []providertest.Object) {
	const size = 2
	n, _ := strconv.Atoi(cmp.Or(r.URL.Query().Get("page"), "1"))
	begin, end := min((n-1)*size, len(all)), min(n*size, len(all))
	object := providertest.Object{"size": len(all), "page": n, "pagelen": size, "values": all[begin:end]}
	if end < len(all) {
		next := r.URL.Query()
		next.Set("page", strconv.Itoa(n+1))
		object["next"] = h.url + r.URL.EscapedPath() + "?" + next.Encode()
	}
	h.Write(w, r, http.StatusOK, object)
}

func (h *bitbucketHost) user(w http.ResponseWriter, r *http.Request) {
	if h.isAccessToken || r.Header.Get("Authorization") == "" {
		h.WriteError(w, r, http.StatusUnauthorized)
		return
	}
	h.Write(w, r, http.StatusOK, providertest.ReadTestdata(h.T, "user"))
}

func (h *bitbucketHost) events(w http.ResponseWriter, r *http.Request) {
	h.Write(w, r, http.StatusOK, providertest.Object{"repository": providertest.Object{}})
}

func (h *bitbucketHost) commit(w http.ResponseWriter, r *http.Request) {
	sha := h.ResolveCommit(r.PathValue("sha"))
	if sha == "" {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}
	h.Write(w, r, http.StatusOK, providertest.SetField(providertest.ReadTestdata(h.T, "commit"), "hash", sha))
}

func (h *bitbucketHost) setStatus(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	if h.ResolveCommit(sha) != sha {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}

	object := providertest.ReadTestdata(h.T, "status")
	if json.NewDecoder(r.Body).Decode(&object) != nil || len(providertest.FieldOf(object, "key")) > 40 ||
		providertest.FieldOf(object, "url") == "" ||
		!slices.Contains([]string{"INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"},
			providertest.FieldOf(object, "state")) {
		h.WriteError(w, r, http.StatusBadRequest)
		return
	}

	h.statuses[sha] = append(slices.DeleteFunc(h.statuses[sha], func(s providertest.Object) bool {
		return s["key"] == object["key"]
	}), object)
	h.Write(w, r, http.StatusCreated, object)
}

// Statuses returns those of a commit. What is in progress is shown as running.
func (h *bitbucketHost) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	h.Mu.Lock()
	defer h.Mu.Unlock()

	states := map[string]provider.CommitState{
		"INPROGRESS": provider.CommitRunning, "SUCCESSFUL": provider.CommitSucceeded, "FAILED": provider.CommitFailed,
	}
	var all []providertest.ShownStatus
	for _, s := range h.statuses[string(sha)] {
		all = append(all, providertest.ShownStatus{
			Context: providertest.FieldOf(s, "name"),
			State:   states[providertest.FieldOf(s, "state")],
			Summary: providertest.FieldOf(s, "description"),
			URL:     providertest.FieldOf(s, "url"),
		})
	}

	return all
}
