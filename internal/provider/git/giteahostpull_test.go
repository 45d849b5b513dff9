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
	h.Mu.Lock()
	defer h.Mu.Unlock()
	o := h.pull(head, base)
	if fork {
		providertest.SetField(providertest.SetField(providertest.SetField(o, "head.repo.id", 4), "head.repo_id", 4),
			"head.repo.full_name", "stranger/infra")
	}
	return int64(len(h.pulls))
}

func (h *giteaHost) pull(head, base string) providertest.Object {
	object := providertest.SetField(providertest.ReadTestdata(h.T, "gitea-pull"), "number", len(h.pulls)+1)
	for side, branch := range map[string]string{"head": head, "base": base} {
		providertest.SetField(providertest.SetField(providertest.SetField(object, side+".ref", branch), side+".label",
			branch), side+".sha", h.ResolveCommit("refs/heads/"+branch))
	}
	h.pulls = append(h.pulls, object)
	return object
}

func (h *giteaHost) createPull(w http.ResponseWriter, r *http.Request) {
	var input struct{ Base, Head, Title, Body string }
	if json.NewDecoder(r.Body).Decode(&input) != nil || input.Title == "" ||
		h.ResolveCommit("refs/heads/"+input.Base) == "" || h.ResolveCommit("refs/heads/"+input.Head) == "" {
		h.WriteError(w, r, http.StatusUnprocessableEntity)
		return
	}
	h.Write(w, r, http.StatusCreated, providertest.SetField(h.pull(input.Head, input.Base), "title", input.Title))
}

func (h *giteaHost) listComments(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	h.Write(w, r, http.StatusOK, slices.Concat([]providertest.Object{}, h.comments[id]))
}

const deployer, ann = 7, 9 // users

func (h *giteaHost) addComment(number int64, text string, user int) providertest.Object {
	id := 1000
	for _, all := range h.comments {
		id += len(all)
	}
	o := providertest.SetField(providertest.SetField(providertest.SetField(providertest.ReadTestdata(h.T,
		"gitea-comment"), "id", id), "body", text), "user.id", user)
	h.comments[number] = append(h.comments[number], o)
	return o
}

func (h *giteaHost) createComment(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	var input struct{ Body string }
	if json.NewDecoder(r.Body).Decode(&input) != nil || input.Body == "" || len(input.Body) > 65535 {
		h.WriteError(w, r, http.StatusInternalServerError)
		return
	}
	h.Write(w, r, http.StatusCreated, h.addComment(id, input.Body, deployer))
}

// editComment lets the credential edit the comments of all, as Gitea does where
// it may write.
func (h *giteaHost) editComment(w http.ResponseWriter, r *http.Request) {
	for _, all := range h.comments {
		for _, o := range all {
			var in struct{ Body string }
			if providertest.FieldOf(o, "id") == r.PathValue("id") && json.NewDecoder(r.Body).Decode(&in) == nil &&
				len(in.Body) <= 65535 {
				h.Write(w, r, http.StatusOK, providertest.SetField(o, "body", in.Body))
				return
			}
		}
	}
	h.WriteError(w, r, http.StatusNotFound)
}

// Comments returns the texts.
func (h *giteaHost) Comments(number int64) []string {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	var texts []string
	for _, o := range h.comments[number] {
		texts = append(texts, providertest.FieldOf(o, "body"))
	}
	return texts
}

// AddComment is Ann's.
func (h *giteaHost) AddComment(number int64, text string) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.addComment(number, text, ann)
}

func (h *giteaHost) createBranch(w http.ResponseWriter, r *http.Request) {
	var input struct {
		Name string `json:"new_branch_name"`
		From string `json:"old_ref_name"`
	}
	if json.NewDecoder(r.Body).Decode(&input) != nil || h.ResolveCommit(input.From) == "" {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}

	if h.ResolveCommit("refs/heads/"+input.Name) != "" {
		h.WriteError(w, r, http.StatusConflict)
		return
	}

	h.Repo.Git("update-ref", "refs/heads/"+input.Name, input.From)
	h.Write(w, r, http.StatusCreated, providertest.Object{
		"name":   input.Name,
		"commit": providertest.Object{"id": input.From},
	})
}

func (h *giteaHost) deleteBranch(w http.ResponseWriter, r *http.Request) {
	ref := "refs/heads/" + r.PathValue("name")
	if h.ResolveCommit(ref) == "" {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}
	h.Repo.Git("update-ref", "-d", ref)
	h.Write(w, r, http.StatusNoContent, nil)
}

func (h *giteaHost) change(w http.ResponseWriter, r *http.Request) {
	var input struct {
		Branch, Message string
		Files           []struct{ Operation, Path, Content string }
	}
	if json.NewDecoder(r.Body).Decode(&input) != nil || h.ResolveCommit("refs/heads/"+input.Branch) == "" {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}

	files := map[string]string{}
	for _, f := range input.Files {
		content, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil || f.Operation != "create" {
			h.WriteError(w, r, http.StatusUnprocessableEntity)
			return
		}

		files[f.Path] = string(content)
	}

	sha := h.Repo.CommitTo("refs/heads/"+input.Branch, files)
	h.Write(w, r, http.StatusCreated, providertest.Object{
		"files":  []providertest.Object{},
		"commit": providertest.Object{"sha": sha, "message": input.Message},
	})
}

func (h *giteaHost) listHooks(w http.ResponseWriter, r *http.Request) {
	var all []providertest.Object
	for _, o := range h.hooks {
		shown := providertest.SetField(providertest.SetField(providertest.ReadTestdata(h.T, "gitea-hook"), "id",
			o["id"]), "config.url", providertest.FieldOf(o, "config.url"))
		all = append(all, shown) // without the secret
	}
	h.paged(w, r, all)
}

func (h *giteaHost) createHook(w http.ResponseWriter, r *http.Request) {
	var object providertest.Object
	if json.NewDecoder(r.Body).Decode(&object) != nil || providertest.FieldOf(object, "type") != "gitea" ||
		providertest.FieldOf(object, "config.url") == "" ||
		providertest.FieldOf(object, "config.content_type") != "json" || object["active"] != true {
		h.WriteError(w, r, http.StatusUnprocessableEntity)
		return
	}
	h.made++
	h.hooks = append(h.hooks, providertest.SetField(object, "id", 100+h.made))
	h.Write(w, r, http.StatusCreated, providertest.SetField(providertest.ReadTestdata(h.T, "gitea-hook"), "id",
		object["id"]))
}

func (h *giteaHost) deleteHook(w http.ResponseWriter, r *http.Request) {
	before := len(h.hooks)
	h.hooks = slices.DeleteFunc(h.hooks, func(o providertest.Object) bool {
		return providertest.FieldOf(o, "id") == r.PathValue("id")
	})
	if len(h.hooks) == before {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}
	h.Write(w, r, http.StatusNoContent, nil)
}

// Webhooks returns the registered webhooks.
func (h *giteaHost) Webhooks() []providertest.ShownWebhook {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	var all []providertest.ShownWebhook
	for _, o := range h.hooks {
		all = append(all, providertest.ShownWebhook{
			URL:    providertest.FieldOf(o, "config.url"),
			Secret: providertest.FieldOf(o, "config.secret"),
		})
	}
	return all
}
