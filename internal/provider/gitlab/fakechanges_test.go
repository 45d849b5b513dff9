package gitlab_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// open keeps a new merge request.
func (f *fake) open(changes object) object {
	n := len(f.lists["mr"]) + 1
	mr := fixture(f.t, "merge_request", changes)
	mr["iid"], mr["web_url"] = n, f.URL+"/"+project+"/-/merge_requests/"+strconv.Itoa(n)
	return f.add("mr", mr)
}

// OpenPullRequest opens one of another user.
func (f *fake) OpenPullRequest(head, base string, fork bool) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	source := 42
	if fork {
		source = 43
	}
	mr := f.open(object{
		"source_branch":     head,
		"target_branch":     base,
		"source_project_id": source,
		"sha":               f.repo.ID("refs/heads/" + head),
	})
	return int64(mr["iid"].(int))
}

// getMergeRequests lists them, or the notes of one.
func (f *fake) getMergeRequests(w writer) {
	query := w.r.URL.Query()
	if len(w.path) == 2 && w.path[1] == "notes" {
		n, _ := strconv.Atoi(w.path[0])
		w.list(f.notes[n])
		return
	}

	var found []object
	for _, mr := range newestFirst(f.lists["mr"]) {
		if mr["state"] == query.Get("state") && mr["target_branch"] == query.Get("target_branch") {
			found = append(found, mr)
		}
	}

	w.list(found)
}

// postMergeRequests opens one, or makes a note on one.
func (f *fake) postMergeRequests(w writer) {
	input := w.read()
	if len(w.path) == 2 && w.path[1] == "notes" {
		n, _ := strconv.Atoi(w.path[0])
		switch {
		case n < 1 || n > len(f.lists["mr"]):
			w.no(http.StatusNotFound, "404 Merge Request Not Found")
		case len([]rune(input.text("body"))) > 1_000_000:
			w.no(http.StatusBadRequest, "Note is too long")
		default:
			w.say(http.StatusCreated, f.note(n, w.me, input.text("body")))
		}

		return
	}

	if !f.has("refs/heads/"+input.text("source_branch")) || input.text("title") == "" {
		w.no(http.StatusBadRequest, "no such branch")
		return
	}

	// The head is filled in later, in the background.
	w.say(http.StatusCreated, f.open(object{
		"source_branch":              input["source_branch"],
		"target_branch":              input["target_branch"],
		"title":                      input["title"],
		"description":                input["description"],
		"force_remove_source_branch": input["remove_source_branch"],
		"sha":                        nil,
	}))
}

// note keeps a new note.
func (f *fake) note(mr, user int, body string) object {
	f.nextID++
	n := fixture(f.t, "note", object{"id": f.nextID, "body": body, "author": object{"id": user}, "noteable_iid": mr})
	f.notes[mr] = append(f.notes[mr], n)
	return n
}

func (f *fake) putNote(w writer) {
	if len(w.path) != 3 {
		w.no(http.StatusNotFound, "404 Not Found")
		return
	}

	mr, _ := strconv.Atoi(w.path[0])
	i := slices.IndexFunc(f.notes[mr], func(n object) bool { return strconv.Itoa(n.id()) == w.path[2] })
	switch {
	case i < 0:
		w.no(http.StatusNotFound, "404 Note Not Found")
	case f.notes[mr][i]["author"].(object)["id"] != w.me && !f.maintainer:
		w.no(http.StatusForbidden, "403 Forbidden")
	default:
		f.notes[mr][i]["body"] = w.read().text("body")
		w.say(http.StatusOK, f.notes[mr][i])
	}
}

// Comments returns the texts of the notes.
func (f *fake) Comments(number int64) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, n := range f.notes[int(number)] {
		all = append(all, n.text("body"))
	}
	return all
}

// AddComment is user 8's.
func (f *fake) AddComment(number int64, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(int(number), 8, text)
}

// postCommit puts new files on a new branch, or does nothing.
func (f *fake) postCommit(w writer) {
	input := w.read()
	branch, start := "refs/heads/"+input.text("branch"), input.text("start_sha")
	if f.has(branch) || !f.has(start) {
		w.no(http.StatusBadRequest, "the branch is there, or the start is not")
		return
	}

	files := map[string]string{}
	actions, _ := input["actions"].([]any)
	for _, a := range actions {
		action := object(a.(map[string]any))
		content, err := base64.StdEncoding.DecodeString(action.text("content"))
		if action["action"] != "create" || action["encoding"] != "base64" || err != nil ||
			f.has(start+":"+action.text("file_path")) {
			w.no(http.StatusBadRequest, "the file is there")
			return
		}

		files[action.text("file_path")] = string(content)
	}

	if _, err := f.gitSays("update-ref", branch, start); err != nil {
		w.no(http.StatusInternalServerError, err.Error())
		return
	}

	w.say(http.StatusCreated, fixture(f.t, "commit", object{
		"id":      f.repo.CommitTo(branch, files),
		"message": input["commit_message"],
	}))
}

func (f *fake) getBranch(w writer) {
	if !f.has("refs/heads/" + w.path[0]) {
		w.no(http.StatusNotFound, "404 Branch Not Found")
		return
	}
	w.say(http.StatusOK, fixture(f.t, "branch", object{"name": w.path[0]}))
}

func (f *fake) deleteBranch(w writer) {
	if _, err := f.gitSays("update-ref", "-d", "refs/heads/"+w.path[0]); err != nil {
		w.no(http.StatusNotFound, "404 Branch Not Found")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) headFile(w writer) {
	if !f.has(w.r.URL.Query().Get("ref") + ":" + w.path[0]) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (f *fake) getHooks(w writer) { w.list(f.lists["hook"]) }

func (f *fake) postHook(w writer) {
	in := w.read()
	h := f.add("hook", fixture(f.t, "hook", nil))
	f.setHook(h, in)
	w.say(http.StatusCreated, h)
}

func (f *fake) putHook(w writer) {
	hook := f.find("hook", w.path[0])
	if hook == nil {
		w.no(http.StatusNotFound, "404 Not Found")
		return
	}
	f.setHook(hook, w.read())
	w.say(http.StatusOK, hook)
}

// setHook stores the token without returning it.
func (f *fake) setHook(hook, in object) {
	for k, v := range in {
		if k == "token" {
			f.tokens[hook.id()] = in.text("token")
		} else {
			hook[k] = v
		}
	}
}

func (f *fake) deleteHook(w writer) {
	kept := slices.DeleteFunc(slices.Clone(f.lists["hook"]), func(h object) bool {
		return strconv.Itoa(h.id()) == w.path[0]
	})
	if len(kept) == len(f.lists["hook"]) {
		w.no(http.StatusNotFound, "404 Not Found")
		return
	}
	f.lists["hook"] = kept
	w.WriteHeader(http.StatusNoContent)
}

// Webhooks returns the hooks with their tokens.
func (f *fake) Webhooks() []providertest.ShownWebhook {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []providertest.ShownWebhook
	for _, h := range f.lists["hook"] {
		all = append(all, providertest.ShownWebhook{URL: h.text("url"), Secret: f.tokens[h.id()]})
	}
	return all
}
