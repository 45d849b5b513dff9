package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// A gitea serves the part of Gitea's API that Lockstep uses, on the port of the repositories. /state
// returns all that it has received.
type gitea struct {
	token string
	repo  func(name string) *gitwiretest.Repo

	mu    sync.Mutex
	State struct {
		Statuses map[string]map[string]status // by commit and context, the last of each
		Comments map[int][]*comment
		Pulls    []*pull
		Hooks    []*hook
	}
	ids int
}

type status struct {
	Context     string `json:"context"`
	State       string `json:"state"`
	TargetURL   string `json:"target_url"`
	Description string `json:"description"`
}

type comment struct {
	ID   int      `json:"id"`
	Body string   `json:"body"`
	User struct{} `json:"user"`
}

type side struct {
	Label string `json:"label"`
	Ref   string `json:"ref"`
	SHA   string `json:"sha"`
	Repo  struct {
		ID int `json:"id"`
	} `json:"repo"`
}

type pull struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Base   side   `json:"base"`
	Head   side   `json:"head"`
}

type hook struct {
	ID     int               `json:"id"`
	Type   string            `json:"type"`
	Config map[string]string `json:"config"`
	Events []string          `json:"events"`
}

func newGitea(token string, repo func(string) *gitwiretest.Repo) *gitea {
	g := &gitea{token: token, repo: repo}
	g.State.Statuses, g.State.Comments = map[string]map[string]status{}, map[int][]*comment{}
	return g
}

// wrap adds the API to the Git server.
func (g *gitea) wrap(git http.Handler) http.Handler {
	const repo = " /api/v1/repos/{owner}/{name}/"
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(r *http.Request) any{
		"GET /api/v1/version":                    func(*http.Request) any { return map[string]string{"version": "1.24.0"} },
		"GET /api/v1/user":                       func(*http.Request) any { return map[string]int{"id": 1} },
		"GET /state":                             func(*http.Request) any { return g.State },
		"POST" + repo + "statuses/{sha}":         g.addStatus,
		"GET" + repo + "pulls":                   func(r *http.Request) any { return g.openPulls(r) },
		"POST" + repo + "pulls":                  g.addPull,
		"GET" + repo + "issues/{id}/comments":    func(r *http.Request) any { return g.State.Comments[number(r)] },
		"POST" + repo + "issues/{id}/comments":   g.addComment,
		"PATCH" + repo + "issues/comments/{id}":  g.editComment,
		"GET" + repo + "hooks":                   func(r *http.Request) any { return firstPage(r, g.State.Hooks) },
		"POST" + repo + "hooks":                  g.addHook,
		"DELETE" + repo + "hooks/{id}":           g.removeHook,
		"POST" + repo + "branches":               g.addBranch,
		"POST" + repo + "contents":               g.addFiles,
		"DELETE" + repo + "branches/{branch...}": func(*http.Request) any { return nil },
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			g.mu.Lock()
			defer g.mu.Unlock()

			open := strings.HasSuffix(r.URL.Path, "/version") || r.URL.Path == "/state"
			if !open && r.Header.Get("Authorization") != "token "+g.token {
				http.Error(w, `{"message":"token is required"}`, http.StatusUnauthorized)
				return
			}

			found := answer(r)
			if found == nil {
				found = refusal(http.StatusNotFound)
			}

			if status, ok := found.(refusal); ok {
				http.Error(w, `{"message":"no"}`, int(status))
				return
			}

			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(found)
		})
	}

	mux.Handle("/", git)
	return mux
}

// A refusal is an error status.
type refusal int

func number(r *http.Request) int {
	n, _ := strconv.Atoi(r.PathValue("id"))
	return n
}

// firstPage returns the list for the first page, and an empty one for the others.
func firstPage[T any](r *http.Request, all []T) []T {
	if p := r.FormValue("page"); p != "" && p != "1" {
		return []T{}
	}
	return append([]T{}, all...)
}

func decodeBody[T any](r *http.Request) (in T) {
	_ = json.NewDecoder(r.Body).Decode(&in) // an invalid one shows in /state
	return in
}

func (g *gitea) nextID() int {
	g.ids++
	return g.ids
}

func (g *gitea) addStatus(r *http.Request) any {
	reported := decodeBody[status](r)
	sha := r.PathValue("sha")
	if g.State.Statuses[sha] == nil {
		g.State.Statuses[sha] = map[string]status{}
	}
	g.State.Statuses[sha][reported.Context] = reported
	return reported
}

// openPulls returns the open pull requests with their current heads.
func (g *gitea) openPulls(r *http.Request) any {
	repo := g.repo(r.PathValue("owner") + "/" + r.PathValue("name"))
	for _, p := range g.State.Pulls {
		p.Head.SHA = repo.ID("refs/heads/" + p.Head.Ref)
	}
	return firstPage(r, slices.DeleteFunc(slices.Clone(g.State.Pulls), func(p *pull) bool { return p.State != "open" }))
}

func (g *gitea) openPull(head, base, title string, fork bool) *pull {
	opened := &pull{
		Number: g.nextID(),
		Title:  title,
		State:  "open",
		Base:   side{Ref: base, Label: base},
		Head:   side{Ref: head, Label: head},
	}
	opened.Base.Repo.ID, opened.Head.Repo.ID = 1, 1
	if fork {
		opened.Head.Repo.ID = 2
	}
	g.State.Pulls = append(g.State.Pulls, opened)
	return opened
}

func (g *gitea) addPull(r *http.Request) any {
	input := decodeBody[struct{ Head, Base, Title string }](r)
	return g.openPull(input.Head, input.Base, input.Title, false)
}

func (g *gitea) addComment(r *http.Request) any {
	c := &comment{ID: g.nextID(), Body: decodeBody[comment](r).Body}
	g.State.Comments[number(r)] = append(g.State.Comments[number(r)], c)
	return c
}

func (g *gitea) editComment(r *http.Request) any {
	for _, all := range g.State.Comments {
		for _, c := range all {
			if c.ID == number(r) {
				c.Body = decodeBody[comment](r).Body
				return c
			}
		}
	}
	return nil
}

func (g *gitea) addHook(r *http.Request) any {
	added := decodeBody[hook](r)
	added.ID = g.nextID()
	g.State.Hooks = append(g.State.Hooks, &added)
	return added
}

func (g *gitea) removeHook(r *http.Request) any {
	g.State.Hooks = slices.DeleteFunc(g.State.Hooks, func(h *hook) bool { return h.ID == number(r) })
	return struct{}{}
}

func (g *gitea) addBranch(r *http.Request) any {
	input := decodeBody[struct {
		New string `json:"new_branch_name"`
		Old string `json:"old_ref_name"`
	}](r)
	repo := g.repo(r.PathValue("owner") + "/" + r.PathValue("name"))
	if repo.Git("for-each-ref", "refs/heads/"+input.New) != "" {
		return refusal(http.StatusConflict)
	}
	repo.Git("branch", input.New, input.Old)
	return struct{}{}
}

func (g *gitea) addFiles(r *http.Request) any {
	input := decodeBody[struct {
		Branch string
		Files  []struct{ Path, Content string }
	}](r)
	files := map[string]string{}
	for _, file := range input.Files {
		text, err := base64.StdEncoding.DecodeString(file.Content)
		if err != nil {
			return nil
		}

		files[file.Path] = string(text)
	}

	sha := g.repo(r.PathValue("owner")+"/"+r.PathValue("name")).CommitTo("refs/heads/"+input.Branch, files)
	return map[string]any{"commit": map[string]string{"sha": sha}}
}

// deliver sends an event to every webhook, signed like Gitea's.
func (g *gitea) deliver(ts *testscript.TestScript, event string) {
	g.mu.Lock()
	hooks := slices.Clone(g.State.Hooks)
	g.mu.Unlock()

	for _, registered := range hooks {
		if !slices.Contains(registered.Events, event) {
			continue
		}

		text := []byte(`{"ref": "refs/heads/main"}`)
		mac := hmac.New(sha256.New, []byte(registered.Config["secret"]))
		mac.Write(text)
		r, err := http.NewRequest(http.MethodPost, registered.Config["url"], bytes.NewReader(text))
		ts.Check(err)
		r.Header.Set("X-Gitea-Event", strings.TrimSuffix(strings.TrimSuffix(event, "_only"), "_sync"))
		r.Header.Set("X-Gitea-Delivery", uuid.NewString())
		r.Header.Set("X-Gitea-Signature", hex.EncodeToString(mac.Sum(nil)))
		resp, err := http.DefaultClient.Do(r)
		ts.Check(err)
		resp.Body.Close()

		if resp.StatusCode != http.StatusAccepted {
			ts.Fatalf("the webhook responds with %s", resp.Status)
		}
	}
}
