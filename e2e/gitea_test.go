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

// A gitea is what a Git host adds to Git: as much of Gitea's API as shows a
// person what Lockstep reports, on the port of the repositories. /state has it all.
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

// wrap stands before the Git server.
func (g *gitea) wrap(git http.Handler) http.Handler {
	const repo = " /api/v1/repos/{owner}/{name}/"
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(r *http.Request) any{
		"GET /api/v1/version":                    func(*http.Request) any { return map[string]string{"version": "1.24.0"} },
		"GET /api/v1/user":                       func(*http.Request) any { return map[string]int{"id": 1} },
		"GET /state":                             func(*http.Request) any { return g.State },
		"POST" + repo + "statuses/{sha}":         g.addStatus,
		"GET" + repo + "pulls":                   func(r *http.Request) any { return g.page(r) },
		"POST" + repo + "pulls":                  g.addPull,
		"GET" + repo + "issues/{id}/comments":    func(r *http.Request) any { return g.State.Comments[number(r)] },
		"POST" + repo + "issues/{id}/comments":   g.addComment,
		"PATCH" + repo + "issues/comments/{id}":  g.editComment,
		"GET" + repo + "hooks":                   func(r *http.Request) any { return first(r, g.State.Hooks) },
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
				http.Error(w, `{"message":"who are you?"}`, http.StatusUnauthorized)
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

// A refusal is an answer of another status than 200.
type refusal int

func number(r *http.Request) int {
	n, _ := strconv.Atoi(r.PathValue("id"))
	return n
}

// first gives a list on the first page, and nothing on the others.
func first[T any](r *http.Request, all []T) []T {
	if p := r.FormValue("page"); p != "" && p != "1" {
		return []T{}
	}
	return append([]T{}, all...)
}

func body[T any](r *http.Request) (in T) {
	_ = json.NewDecoder(r.Body).Decode(&in) // what is wrong with it will be missed in /state
	return in
}

func (g *gitea) id() int {
	g.ids++
	return g.ids
}

func (g *gitea) addStatus(r *http.Request) any {
	s := body[status](r)
	sha := r.PathValue("sha")
	if g.State.Statuses[sha] == nil {
		g.State.Statuses[sha] = map[string]status{}
	}
	g.State.Statuses[sha][s.Context] = s
	return s
}

// page gives the pull requests with their heads as they are now.
func (g *gitea) page(r *http.Request) any {
	repo := g.repo(r.PathValue("owner") + "/" + r.PathValue("name"))
	for _, p := range g.State.Pulls {
		p.Head.SHA = repo.ID("refs/heads/" + p.Head.Ref)
	}
	return first(r, slices.DeleteFunc(slices.Clone(g.State.Pulls), func(p *pull) bool { return p.State != "open" }))
}

func (g *gitea) open(head, base, title string, fork bool) *pull {
	p := &pull{Number: g.id(), Title: title, State: "open", Base: side{Ref: base, Label: base}, Head: side{Ref: head, Label: head}}
	p.Base.Repo.ID, p.Head.Repo.ID = 1, 1
	if fork {
		p.Head.Repo.ID = 2
	}
	g.State.Pulls = append(g.State.Pulls, p)
	return p
}

func (g *gitea) addPull(r *http.Request) any {
	in := body[struct{ Head, Base, Title string }](r)
	return g.open(in.Head, in.Base, in.Title, false)
}

func (g *gitea) addComment(r *http.Request) any {
	c := &comment{ID: g.id(), Body: body[comment](r).Body}
	g.State.Comments[number(r)] = append(g.State.Comments[number(r)], c)
	return c
}

func (g *gitea) editComment(r *http.Request) any {
	for _, all := range g.State.Comments {
		for _, c := range all {
			if c.ID == number(r) {
				c.Body = body[comment](r).Body
				return c
			}
		}
	}
	return nil
}

func (g *gitea) addHook(r *http.Request) any {
	h := body[hook](r)
	h.ID = g.id()
	g.State.Hooks = append(g.State.Hooks, &h)
	return h
}

func (g *gitea) removeHook(r *http.Request) any {
	g.State.Hooks = slices.DeleteFunc(g.State.Hooks, func(h *hook) bool { return h.ID == number(r) })
	return struct{}{}
}

func (g *gitea) addBranch(r *http.Request) any {
	in := body[struct {
		New string `json:"new_branch_name"`
		Old string `json:"old_ref_name"`
	}](r)
	repo := g.repo(r.PathValue("owner") + "/" + r.PathValue("name"))
	if repo.Git("for-each-ref", "refs/heads/"+in.New) != "" {
		return refusal(http.StatusConflict)
	}
	repo.Git("branch", in.New, in.Old)
	return struct{}{}
}

func (g *gitea) addFiles(r *http.Request) any {
	in := body[struct {
		Branch string
		Files  []struct{ Path, Content string }
	}](r)
	files := map[string]string{}
	for _, f := range in.Files {
		text, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil {
			return nil
		}

		files[f.Path] = string(text)
	}

	sha := g.repo(r.PathValue("owner")+"/"+r.PathValue("name")).CommitTo("refs/heads/"+in.Branch, files)
	return map[string]any{"commit": map[string]string{"sha": sha}}
}

// deliver sends an event to every webhook, as Gitea signs it.
func (g *gitea) deliver(ts *testscript.TestScript, event string) {
	g.mu.Lock()
	hooks := slices.Clone(g.State.Hooks)
	g.mu.Unlock()

	for _, h := range hooks {
		if !slices.Contains(h.Events, event) {
			continue
		}

		text := []byte(`{"ref": "refs/heads/main"}`)
		mac := hmac.New(sha256.New, []byte(h.Config["secret"]))
		mac.Write(text)
		r, err := http.NewRequest(http.MethodPost, h.Config["url"], bytes.NewReader(text))
		ts.Check(err)
		r.Header.Set("X-Gitea-Event", strings.TrimSuffix(strings.TrimSuffix(event, "_only"), "_sync"))
		r.Header.Set("X-Gitea-Delivery", uuid.NewString())
		r.Header.Set("X-Gitea-Signature", hex.EncodeToString(mac.Sum(nil)))
		resp, err := http.DefaultClient.Do(r)
		ts.Check(err)
		resp.Body.Close()

		if resp.StatusCode != http.StatusAccepted {
			ts.Fatalf("the webhook is answered %s", resp.Status)
		}
	}
}
