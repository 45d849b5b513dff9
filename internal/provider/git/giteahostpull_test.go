package git_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// OpenPullRequest proposes a branch.
func (h *giteaHost) OpenPullRequest(head, base string, fork bool) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.pull(head, base)
	if fork {
		set(set(set(o, "head.repo.id", 4), "head.repo_id", 4), "head.repo.full_name", "stranger/infra")
	}
	return int64(len(h.pulls))
}

func (h *giteaHost) pull(head, base string) object {
	o := set(fixture(h.t, "gitea-pull"), "number", len(h.pulls)+1)
	for side, branch := range map[string]string{"head": head, "base": base} {
		set(set(set(o, side+".ref", branch), side+".label", branch), side+".sha", h.whole("refs/heads/"+branch))
	}
	h.pulls = append(h.pulls, o)
	return o
}

func (h *giteaHost) createPull(w http.ResponseWriter, r *http.Request) {
	var in struct{ Base, Head, Title, Body string }
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Title == "" || h.whole("refs/heads/"+in.Base) == "" || h.whole("refs/heads/"+in.Head) == "" {
		h.fail(w, r, http.StatusUnprocessableEntity)
		return
	}
	h.answer(w, r, http.StatusCreated, set(h.pull(in.Head, in.Base), "title", in.Title))
}

func (h *giteaHost) listComments(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	h.answer(w, r, http.StatusOK, slices.Concat([]object{}, h.comments[id]))
}

const deployer, ann = 7, 9 // users

func (h *giteaHost) addComment(number int64, text string, user int) object {
	id := 1000
	for _, all := range h.comments {
		id += len(all)
	}
	o := set(set(set(fixture(h.t, "gitea-comment"), "id", id), "body", text), "user.id", user)
	h.comments[number] = append(h.comments[number], o)
	return o
}

func (h *giteaHost) createComment(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	var in struct{ Body string }
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Body == "" || len(in.Body) > 65535 {
		h.fail(w, r, http.StatusInternalServerError)
		return
	}
	h.answer(w, r, http.StatusCreated, h.addComment(id, in.Body, deployer))
}

// editComment lets the credential edit the comments of all, as Gitea does where
// it may write.
func (h *giteaHost) editComment(w http.ResponseWriter, r *http.Request) {
	for _, all := range h.comments {
		for _, o := range all {
			var in struct{ Body string }
			if get(o, "id") == r.PathValue("id") && json.NewDecoder(r.Body).Decode(&in) == nil && len(in.Body) <= 65535 {
				h.answer(w, r, http.StatusOK, set(o, "body", in.Body))
				return
			}
		}
	}
	h.fail(w, r, http.StatusNotFound)
}

// Comments gives the texts.
func (h *giteaHost) Comments(number int64) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var texts []string
	for _, o := range h.comments[number] {
		texts = append(texts, get(o, "body"))
	}
	return texts
}

// AddComment is Ann's.
func (h *giteaHost) AddComment(number int64, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addComment(number, text, ann)
}

func (h *giteaHost) createBranch(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name string `json:"new_branch_name"`
		From string `json:"old_ref_name"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || h.whole(in.From) == "" {
		h.fail(w, r, http.StatusNotFound)
		return
	}

	if h.whole("refs/heads/"+in.Name) != "" {
		h.fail(w, r, http.StatusConflict)
		return
	}

	h.repo.Git("update-ref", "refs/heads/"+in.Name, in.From)
	h.answer(w, r, http.StatusCreated, object{"name": in.Name, "commit": object{"id": in.From}})
}

func (h *giteaHost) deleteBranch(w http.ResponseWriter, r *http.Request) {
	ref := "refs/heads/" + r.PathValue("name")
	if h.whole(ref) == "" {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.repo.Git("update-ref", "-d", ref)
	h.answer(w, r, http.StatusNoContent, nil)
}

func (h *giteaHost) change(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Branch, Message string
		Files           []struct{ Operation, Path, Content string }
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || h.whole("refs/heads/"+in.Branch) == "" {
		h.fail(w, r, http.StatusNotFound)
		return
	}

	files := map[string]string{}
	for _, f := range in.Files {
		content, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil || f.Operation != "create" {
			h.fail(w, r, http.StatusUnprocessableEntity)
			return
		}

		files[f.Path] = string(content)
	}

	sha := h.repo.CommitTo("refs/heads/"+in.Branch, files)
	h.answer(w, r, http.StatusCreated, object{"files": []object{}, "commit": object{"sha": sha, "message": in.Message}})
}

func (h *giteaHost) listHooks(w http.ResponseWriter, r *http.Request) {
	var all []object
	for _, o := range h.hooks {
		shown := set(set(fixture(h.t, "gitea-hook"), "id", o["id"]), "config.url", get(o, "config.url"))
		all = append(all, shown) // without the secret
	}
	h.paged(w, r, all)
}

func (h *giteaHost) createHook(w http.ResponseWriter, r *http.Request) {
	var o object
	if json.NewDecoder(r.Body).Decode(&o) != nil || get(o, "type") != "gitea" || get(o, "config.url") == "" ||
		get(o, "config.content_type") != "json" || o["active"] != true {
		h.fail(w, r, http.StatusUnprocessableEntity)
		return
	}
	h.made++
	h.hooks = append(h.hooks, set(o, "id", 100+h.made))
	h.answer(w, r, http.StatusCreated, set(fixture(h.t, "gitea-hook"), "id", o["id"]))
}

func (h *giteaHost) deleteHook(w http.ResponseWriter, r *http.Request) {
	before := len(h.hooks)
	h.hooks = slices.DeleteFunc(h.hooks, func(o object) bool { return get(o, "id") == r.PathValue("id") })
	if len(h.hooks) == before {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.answer(w, r, http.StatusNoContent, nil)
}

// Webhooks gives those that somebody registered.
func (h *giteaHost) Webhooks() []providertest.ShownWebhook {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []providertest.ShownWebhook
	for _, o := range h.hooks {
		all = append(all, providertest.ShownWebhook{URL: get(o, "config.url"), Secret: get(o, "config.secret")})
	}
	return all
}
