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
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.pull(head, base)
	if fork {
		set(set(o, "source.repository.uuid", stranger), "source.repository.full_name", "stranger/infra")
	}
	return int64(len(h.pulls))
}

// pull adds a pull request. Ids of commits are abbreviated, as Bitbucket's are.
func (h *bitbucketHost) pull(head, base string) object {
	id := len(h.pulls) + 1
	o := set(fixture(h.t, "pullrequest"), "id", id)
	set(set(o, "source.branch.name", head), "source.commit.hash", h.whole("refs/heads/" + head)[:12])
	set(set(o, "destination.branch.name", base), "destination.commit.hash", h.whole("refs/heads/" + base)[:12])
	h.pulls = append(h.pulls, o)
	return o
}

func (h *bitbucketHost) listPulls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("state") != "OPEN" || q.Get("sort") != "-updated_on" || q.Get("pagelen") != "50" {
		h.fail(w, r, http.StatusBadRequest)
		return
	}
	all := slices.DeleteFunc(slices.Clone(h.pulls), func(o object) bool {
		return q.Get("q") != fmt.Sprintf(`state="OPEN" AND destination.branch.name=%q`, get(o, "destination.branch.name"))
	})
	slices.Reverse(all)
	h.paged(w, r, all)
}

func (h *bitbucketHost) createPull(w http.ResponseWriter, r *http.Request) {
	var in object
	if json.NewDecoder(r.Body).Decode(&in) != nil || get(in, "title") == "" ||
		h.whole("refs/heads/"+get(in, "source.branch.name")) == "" || h.whole("refs/heads/"+get(in, "destination.branch.name")) == "" {
		h.fail(w, r, http.StatusBadRequest)
		return
	}
	o := h.pull(get(in, "source.branch.name"), get(in, "destination.branch.name"))
	h.answer(w, r, http.StatusCreated, set(o, "title", in["title"]))
}

func (h *bitbucketHost) listComments(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	h.paged(w, r, h.comments[id])
}

func (h *bitbucketHost) createComment(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	var in object
	if json.NewDecoder(r.Body).Decode(&in) != nil || len([]rune(get(in, "content.raw"))) > 32768 || get(in, "content.raw") == "" {
		h.fail(w, r, http.StatusBadRequest)
		return
	}
	h.answer(w, r, http.StatusCreated, h.addComment(id, get(in, "content.raw"), h.author(), h.authorType()))
}

func (h *bitbucketHost) author() string {
	if h.nobody {
		return "{5a3e0a9e-7c52-4d2f-9a4b-00000000b07}"
	}
	return me
}

func (h *bitbucketHost) authorType() string {
	if h.nobody {
		return "app_user"
	}
	return "user"
}

func (h *bitbucketHost) addComment(number int64, text, author, kind string) object {
	id := 1000
	for _, all := range h.comments {
		id += len(all)
	}
	o := set(set(fixture(h.t, "comment"), "id", id), "content.raw", text)
	h.comments[number] = append(h.comments[number], set(set(o, "user.uuid", author), "user.type", kind))
	return o
}

// comment is one of them, read or edited. Nobody edits somebody else's.
func (h *bitbucketHost) comment(w http.ResponseWriter, r *http.Request) {
	number, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, o := range h.comments[number] {
		switch {
		case get(o, "id") != r.PathValue("comment"):
			continue
		case r.Method == http.MethodGet:
			h.answer(w, r, http.StatusOK, o)
		case !h.lenient && (get(o, "user.uuid") != h.author() || get(o, "deleted") == "true"):
			h.fail(w, r, http.StatusForbidden)
		default:
			var in object
			_ = json.NewDecoder(r.Body).Decode(&in)
			h.answer(w, r, http.StatusOK, set(o, "content.raw", get(in, "content.raw")))
		}

		return
	}

	h.fail(w, r, http.StatusNotFound)
}

// Comments gives the texts of those that are still there.
func (h *bitbucketHost) Comments(number int64) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var texts []string
	for _, o := range h.comments[number] {
		if get(o, "deleted") != "true" {
			texts = append(texts, get(o, "content.raw"))
		}
	}
	return texts
}

// AddComment is Ann's.
func (h *bitbucketHost) AddComment(number int64, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addComment(number, text, ann, "user")
}

// upload makes a commit of the files of a form, on a branch that is new or stands
// at the parent.
func (h *bitbucketHost) upload(w http.ResponseWriter, r *http.Request) {
	if r.ParseMultipartForm(1<<20) != nil {
		h.fail(w, r, http.StatusBadRequest)
		return
	}

	ref, parent := "refs/heads/"+r.FormValue("branch"), r.FormValue("parents")
	if now := h.whole(ref); now != "" && now != parent {
		h.fail(w, r, http.StatusConflict)
		return
	}

	files := map[string]string{}
	for name, headers := range r.MultipartForm.File {
		f, err := headers[0].Open()
		if err != nil {
			h.fail(w, r, http.StatusBadRequest)
			return
		}

		content, _ := io.ReadAll(f)
		files[strings.TrimPrefix(name, "/")] = string(content)
	}

	h.repo.Git("update-ref", ref, parent)
	w.Header().Set("Location", h.url+"/2.0/repositories/acme/infra/commit/"+h.repo.CommitTo(ref, files))
	h.answer(w, r, http.StatusCreated, nil)
}

func (h *bitbucketHost) deleteBranch(w http.ResponseWriter, r *http.Request) {
	ref := "refs/heads/" + r.PathValue("name")
	if h.whole(ref) == "" {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.repo.Git("update-ref", "-d", ref)
	h.answer(w, r, http.StatusNoContent, nil)
}

func (h *bitbucketHost) listHooks(w http.ResponseWriter, r *http.Request) {
	var all []object
	for _, o := range h.hooks {
		shown := fixture(h.t, "hook")
		for k := range shown {
			if o[k] != nil {
				shown[k] = o[k]
			}
		}
		all = append(all, shown) // without the secret
	}
	h.paged(w, r, all)
}

func (h *bitbucketHost) putHook(w http.ResponseWriter, r *http.Request) {
	o := fixture(h.t, "hook")
	if json.NewDecoder(r.Body).Decode(&o) != nil || get(o, "url") == "" || o["active"] != true {
		h.fail(w, r, http.StatusBadRequest)
		return
	}

	if r.Method == http.MethodPost {
		o["uuid"] = fmt.Sprintf("{5a3e0a9e-7c52-4d2f-9a4b-%012d}", 100+len(h.hooks))
		h.hooks = append(h.hooks, o)
		h.answer(w, r, http.StatusCreated, o)

		return
	}

	at := slices.IndexFunc(h.hooks, func(o object) bool { return get(o, "uuid") == r.PathValue("uuid") })
	if at < 0 {
		h.fail(w, r, http.StatusNotFound)
		return
	}

	o["uuid"] = r.PathValue("uuid")
	h.hooks[at] = o
	h.answer(w, r, http.StatusOK, o)
}

func (h *bitbucketHost) deleteHook(w http.ResponseWriter, r *http.Request) {
	before := len(h.hooks)
	h.hooks = slices.DeleteFunc(h.hooks, func(o object) bool { return get(o, "uuid") == r.PathValue("uuid") })
	if len(h.hooks) == before {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.answer(w, r, http.StatusNoContent, nil)
}

// Webhooks gives those that somebody registered.
func (h *bitbucketHost) Webhooks() []providertest.ShownWebhook {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []providertest.ShownWebhook
	for _, o := range h.hooks {
		all = append(all, providertest.ShownWebhook{URL: get(o, "url"), Secret: get(o, "secret")})
	}
	return all
}
