package bitbucket_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// OpenPullRequest proposes a branch.
func (h *bitbucketHost) OpenPullRequest(head, base string, fork bool) int64 {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	o := h.pull(head, base)
	if fork {
		providertest.SetField(providertest.SetField(o, "source.repository.uuid", stranger),
			"source.repository.full_name", "stranger/infra")
	}
	return int64(len(h.pulls))
}

// pull adds a pull request. Ids of commits are abbreviated, as Bitbucket's are.
func (h *bitbucketHost) pull(head, base string) providertest.Object {
	id := len(h.pulls) + 1
	object := providertest.SetField(providertest.ReadTestdata(h.T, "pullrequest"), "id", id)
	providertest.SetField(providertest.SetField(object, "source.branch.name", head), "source.commit.hash",
		h.ResolveCommit("refs/heads/" + head)[:12])
	providertest.SetField(providertest.SetField(object, "destination.branch.name", base), "destination.commit.hash",
		h.ResolveCommit("refs/heads/" + base)[:12])
	h.pulls = append(h.pulls, object)
	return object
}

func (h *bitbucketHost) listPulls(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("state") != "OPEN" || query.Get("sort") != "-updated_on" || query.Get("pagelen") != "50" {
		h.WriteError(w, r, http.StatusBadRequest)
		return
	}
	all := slices.DeleteFunc(slices.Clone(h.pulls), func(o providertest.Object) bool {
		return query.Get("q") != fmt.Sprintf(`state="OPEN" AND destination.branch.name=%q`,
			providertest.FieldOf(o, "destination.branch.name"))
	})
	slices.Reverse(all)
	h.paged(w, r, all)
}

func (h *bitbucketHost) createPull(w http.ResponseWriter, r *http.Request) {
	var input providertest.Object
	if json.NewDecoder(r.Body).Decode(&input) != nil || providertest.FieldOf(input, "title") == "" ||
		h.ResolveCommit("refs/heads/"+providertest.FieldOf(input, "source.branch.name")) == "" ||
		h.ResolveCommit("refs/heads/"+providertest.FieldOf(input, "destination.branch.name")) == "" {
		h.WriteError(w, r, http.StatusBadRequest)
		return
	}
	o := h.pull(providertest.FieldOf(input, "source.branch.name"),
		providertest.FieldOf(input, "destination.branch.name"))
	h.Write(w, r, http.StatusCreated, providertest.SetField(o, "title", input["title"]))
}

func (h *bitbucketHost) listComments(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	h.paged(w, r, h.comments[id])
}

func (h *bitbucketHost) createComment(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	var input providertest.Object
	if json.NewDecoder(r.Body).Decode(&input) != nil ||
		len([]rune(providertest.FieldOf(input, "content.raw"))) > 32768 ||
		providertest.FieldOf(input, "content.raw") == "" {
		h.WriteError(w, r, http.StatusBadRequest)
		return
	}
	h.Write(w, r, http.StatusCreated, h.addComment(id, providertest.FieldOf(input, "content.raw"), h.author(),
		h.authorType()))
}

func (h *bitbucketHost) author() string {
	if h.isAccessToken {
		return "{5a3e0a9e-7c52-4d2f-9a4b-00000000b07}"
	}
	return me
}

func (h *bitbucketHost) authorType() string {
	if h.isAccessToken {
		return "app_user"
	}
	return "user"
}

func (h *bitbucketHost) addComment(number int64, text, author, kind string) providertest.Object {
	id := 1000
	for _, all := range h.comments {
		id += len(all)
	}
	o := providertest.SetField(providertest.SetField(providertest.ReadTestdata(h.T, "comment"), "id", id),
		"content.raw", text)
	h.comments[number] = append(h.comments[number],
		providertest.SetField(providertest.SetField(o, "user.uuid", author), "user.type", kind))
	return o
}

// comment is one of them, read or edited. An account can edit only its own.
func (h *bitbucketHost) comment(w http.ResponseWriter, r *http.Request) {
	number, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, object := range h.comments[number] {
		switch {
		case providertest.FieldOf(object, "id") != r.PathValue("comment"):
			continue
		case r.Method == http.MethodGet:
			h.Write(w, r, http.StatusOK, object)
		case !h.lenient && (providertest.FieldOf(object, "user.uuid") != h.author() ||
			providertest.FieldOf(object, "deleted") == "true"):
			h.WriteError(w, r, http.StatusForbidden)
		default:
			var in providertest.Object
			_ = json.NewDecoder(r.Body).Decode(&in)
			h.Write(w, r, http.StatusOK, providertest.SetField(object, "content.raw",
				providertest.FieldOf(in, "content.raw")))
		}

		return
	}

	h.WriteError(w, r, http.StatusNotFound)
}

// Comments returns the texts of those that are still there.
func (h *bitbucketHost) Comments(number int64) []string {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	var texts []string
	for _, o := range h.comments[number] {
		if providertest.FieldOf(o, "deleted") != "true" {
			texts = append(texts, providertest.FieldOf(o, "content.raw"))
		}
	}
	return texts
}

// AddComment is Ann's.
func (h *bitbucketHost) AddComment(number int64, text string) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.addComment(number, text, ann, "user")
}

// upload makes a commit of the files of a form, on a branch that is new or stands
// at the parent.
func (h *bitbucketHost) upload(w http.ResponseWriter, r *http.Request) {
	if r.ParseMultipartForm(1<<20) != nil {
		h.WriteError(w, r, http.StatusBadRequest)
		return
	}

	ref, parent := "refs/heads/"+r.FormValue("branch"), r.FormValue("parents")
	if now := h.ResolveCommit(ref); now != "" && now != parent {
		h.WriteError(w, r, http.StatusConflict)
		return
	}

	files := map[string]string{}
	for name, headers := range r.MultipartForm.File {
		file, err := headers[0].Open()
		if err != nil {
			h.WriteError(w, r, http.StatusBadRequest)
			return
		}

		content, _ := io.ReadAll(file)
		files[strings.TrimPrefix(name, "/")] = string(content)
	}

	h.Repo.Git("update-ref", ref, parent)
	w.Header().Set("Location", h.url+"/2.0/repositories/acme/infra/commit/"+h.Repo.CommitTo(ref, files))
	h.Write(w, r, http.StatusCreated, nil)
}

func (h *bitbucketHost) deleteBranch(w http.ResponseWriter, r *http.Request) {
	ref := "refs/heads/" + r.PathValue("name")
	if h.ResolveCommit(ref) == "" {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}
	h.Repo.Git("update-ref", "-d", ref)
	h.Write(w, r, http.StatusNoContent, nil)
}

func (h *bitbucketHost) listHooks(w http.ResponseWriter, r *http.Request) {
	var all []providertest.Object
	for _, object := range h.hooks {
		shown := providertest.ReadTestdata(h.T, "hook")
		for k := range shown {
			if object[k] != nil {
				shown[k] = object[k]
			}
		}
		all = append(all, shown) // without the secret
	}
	h.paged(w, r, all)
}

func (h *bitbucketHost) putHook(w http.ResponseWriter, r *http.Request) {
	object := providertest.ReadTestdata(h.T, "hook")
	if json.NewDecoder(r.Body).Decode(&object) != nil || providertest.FieldOf(object, "url") == "" ||
		object["active"] != true {
		h.WriteError(w, r, http.StatusBadRequest)
		return
	}

	if r.Method == http.MethodPost {
		object["uuid"] = fmt.Sprintf("{5a3e0a9e-7c52-4d2f-9a4b-%012d}", 100+len(h.hooks))
		h.hooks = append(h.hooks, object)
		h.Write(w, r, http.StatusCreated, object)

		return
	}

	at := slices.IndexFunc(h.hooks, func(object providertest.Object) bool {
		return providertest.FieldOf(object, "uuid") == r.PathValue("uuid")
	})
	if at < 0 {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}

	object["uuid"] = r.PathValue("uuid")
	h.hooks[at] = object
	h.Write(w, r, http.StatusOK, object)
}

func (h *bitbucketHost) deleteHook(w http.ResponseWriter, r *http.Request) {
	before := len(h.hooks)
	h.hooks = slices.DeleteFunc(h.hooks, func(o providertest.Object) bool {
		return providertest.FieldOf(o, "uuid") == r.PathValue("uuid")
	})
	if len(h.hooks) == before {
		h.WriteError(w, r, http.StatusNotFound)
		return
	}
	h.Write(w, r, http.StatusNoContent, nil)
}

// Webhooks returns the registered webhooks.
func (h *bitbucketHost) Webhooks() []providertest.ShownWebhook {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	var all []providertest.ShownWebhook
	for _, o := range h.hooks {
		all = append(all, providertest.ShownWebhook{
			URL:    providertest.FieldOf(o, "url"),
			Secret: providertest.FieldOf(o, "secret"),
		})
	}
	return all
}
