package git_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// A giteaHost is a fake of Gitea's API, as far as the driver uses it, with a real repository.
type giteaHost struct {
	*providertest.FakeAPI
	version string // the testdata with it
	steady  bool   // the version is served even if Fail was called
	moved   bool   // the repository has another name now

	statuses map[string][]providertest.Object // by commit, oldest first
	pulls    []providertest.Object
	comments map[int64][]providertest.Object
	hooks    []providertest.Object
	made     int // number of webhooks that were created
}

func newGiteaHost(t testing.TB, repo *gitwiretest.Repo, version, authorization string) *giteaHost {
	isVersion := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/version") }
	host := &giteaHost{
		version:  version,
		statuses: map[string][]providertest.Object{},
		comments: map[int64][]providertest.Object{},
	}
	host.FakeAPI = &providertest.FakeAPI{
		T:             t,
		Repo:          repo,
		Prefix:        "/api/v1",
		Authorization: authorization,
		ErrorName:     "gitea-error",
		ErrorField:    "message",
		IsPublic:      isVersion,
		IsSteady:      func(r *http.Request) bool { return host.steady && isVersion(r) },
		Refuse:        map[string]int{},
	}
	return host
}

// wrap stands before the Git server: what begins with /api/v1/ is the API.
func (h *giteaHost) wrap(git http.Handler) http.Handler {
	mux := http.NewServeMux()
	const repo = " /api/v1/repos/acme/infra/"
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, r *http.Request) {
		h.Write(w, r, 200, providertest.ReadTestdata(h.T, h.version))
	})
	mux.HandleFunc("GET /api/v1/user", func(w http.ResponseWriter, r *http.Request) {
		h.Write(w, r, 200, providertest.ReadTestdata(h.T, "gitea-user"))
	})
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

	api := h.Wrap(git, mux)
	moved := providertest.MovedAPI(api, "/api/v1/repos/acme/infra", "/api/v1/repos/acme/renamed")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.moved {
			moved.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// paged answers with a page of two, whatever was asked for, as a server may.
func (h *giteaHost) paged(w http.ResponseWriter, r *http.Request, all []providertest.Object) {
	const size = 2
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("page"))
	if strings.HasSuffix(r.URL.Path, "/pulls") &&
		(q.Get("state") != "open" || q.Get("sort") != "recentupdate") || n < 1 {
		h.WriteError(w, r, http.StatusUnprocessableEntity)
		return
	}
	begin, end := min((n-1)*size, len(all)), min(n*size, len(all))
	h.Write(w, r, http.StatusOK, slices.Concat([]providertest.Object{}, all[begin:end])) // never null
}

func (h *giteaHost) commit(w http.ResponseWriter, r *http.Request) {
	if h.ResolveCommit(r.PathValue("sha")) == "" {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}
	h.Write(w, r, http.StatusOK, providertest.Object{"sha": r.PathValue("sha")})
}

func (h *giteaHost) addStatus(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	if h.ResolveCommit(sha) != sha {
		h.WriteError(w, r, http.StatusInternalServerError) // as Gitea does
		return
	}

	var input struct {
		Context, State, Description string
		TargetURL                   string `json:"target_url"`
	}
	if json.NewDecoder(r.Body).Decode(&input) != nil ||
		!slices.Contains([]string{"pending", "success", "error", "failure", "warning"}, input.State) {
		h.WriteError(w, r, http.StatusUnprocessableEntity)
		return
	}

	o := providertest.SetField(providertest.SetField(providertest.ReadTestdata(h.T, "gitea-status"), "context",
		input.Context), "status", input.State)
	providertest.SetField(providertest.SetField(o, "description", input.Description), "target_url", input.TargetURL)
	h.statuses[sha] = append(h.statuses[sha], o)
	h.Write(w, r, http.StatusCreated, o)
}

// Statuses returns the last of each context. What is pending is shown as running.
func (h *giteaHost) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	h.Mu.Lock()
	defer h.Mu.Unlock()

	states := map[string]provider.CommitState{
		"pending": provider.CommitRunning, "success": provider.CommitSucceeded, "failure": provider.CommitFailed,
	}
	var all []providertest.ShownStatus
	for _, o := range h.statuses[string(sha)] {
		status := providertest.ShownStatus{
			Context: providertest.FieldOf(o, "context"),
			State:   states[providertest.FieldOf(o, "status")],
			Summary: providertest.FieldOf(o, "description"),
			URL:     providertest.FieldOf(o, "target_url"),
		}
		all = slices.DeleteFunc(all, func(before providertest.ShownStatus) bool {
			return before.Context == status.Context
		})
		all = append(all, status)
	}

	return all
}
