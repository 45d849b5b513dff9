package azuredevops_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const heads = "refs/heads/"

// A pull is a pull request of the fake host.
type pull struct {
	number  int64
	fields  map[string]any
	threads []map[string]any
}

func (h *host) postStatus(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	if !slices.Contains(strings.Fields(h.repo.Git("rev-list", "--all")), sha) {
		refuse(w, http.StatusNotFound, "TF401175: The version descriptor <Commit: "+sha+" > could not be resolved.")
		return
	}
	posted := fixture("status", take[map[string]any](r))
	h.statuses[sha] = append(h.statuses[sha], posted)
	h.writes++
	answer(w, http.StatusCreated, posted)
}

// Statuses returns the newest of each context, as Azure shows them.
func (h *host) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	h.mu.Lock()
	defer h.mu.Unlock()

	states := map[string]provider.CommitState{
		"pending": provider.CommitRunning, "succeeded": provider.CommitSucceeded, "failed": provider.CommitFailed,
	}
	var all []providertest.ShownStatus
	for _, subscription := range h.statuses[string(sha)] {
		in := subscription["context"].(map[string]any)
		one := providertest.ShownStatus{
			Context: in["genre"].(string) + "/" + in["name"].(string), State: states[subscription["state"].(string)],
			Summary: subscription["description"].(string), URL: subscription["targetUrl"].(string),
		}
		all = slices.DeleteFunc(all, func(old providertest.ShownStatus) bool { return old.Context == one.Context })
		all = append(all, one)
	}

	return all
}

func (h *host) pull(r *http.Request) *pull {
	for _, p := range h.pulls {
		if strconv.FormatInt(p.number, 10) == r.PathValue("number") {
			return p
		}
	}
	return nil
}

func (h *host) getPulls(w http.ResponseWriter, r *http.Request) {
	var found []map[string]any
	for _, p := range slices.Backward(h.pulls) {
		if q := r.URL.Query(); q.Get("searchCriteria.status") == "active" && q.Get("$top") == "100" &&
			p.fields["targetRefName"] == q.Get("searchCriteria.targetRefName") {
			found = append(found, p.fields)
		}
	}
	answer(w, http.StatusOK, listed(found))
}

func (h *host) postPull(w http.ResponseWriter, r *http.Request) {
	input := take[map[string]string](r)
	head := h.repo.ID(input["sourceRefName"])
	if head == "" || h.repo.ID(input["targetRefName"]) == "" || len(input["title"]) > 400 ||
		len(input["description"]) > 4000 {
		refuse(w, http.StatusBadRequest, "TF401398: The pull request cannot be activated because the source and/or "+
			"the target branch no longer exists.")
		return
	}
	h.writes++
	answer(w, http.StatusCreated, h.addPull(input, head, false).fields)
}

func (h *host) addPull(input map[string]string, head string, fork bool) *pull {
	pull := &pull{
		number:  int64(len(h.pulls) + 22),
		threads: []map[string]any{fixture("system_thread", map[string]any{"id": int64(147)})},
	}
	pull.fields = fixture("pull_request", map[string]any{
		"pullRequestId": pull.number, "title": input["title"], "description": input["description"],
		"sourceRefName":         input["sourceRefName"],
		"targetRefName":         input["targetRefName"],
		"lastMergeSourceCommit": map[string]any{"commitId": head},
	})
	if fork {
		pull.fields["forkSource"] = fixture("fork_source", map[string]any{"name": input["sourceRefName"]})
	}
	h.pulls = append(h.pulls, pull)
	return pull
}

// OpenPullRequest opens one of another user.
func (h *host) OpenPullRequest(head, base string, fork bool) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	in := map[string]string{"title": "A change", "sourceRefName": heads + head, "targetRefName": heads + base}
	return h.addPull(in, h.repo.ID(heads+head), fork).number
}

func (h *host) getThreads(w http.ResponseWriter, r *http.Request) {
	if p := h.pull(r); p != nil {
		answer(w, http.StatusOK, listed(p.threads))
		return
	}
	answer(w, http.StatusNotFound, fixture("error", nil))
}

// thread returns one that a request is about.
func (h *host) thread(r *http.Request) map[string]any {
	if p := h.pull(r); p != nil {
		for _, t := range p.threads {
			if strconv.FormatInt(t["id"].(int64), 10) == r.PathValue("thread") {
				return t
			}
		}
	}
	return nil
}

func (h *host) getThread(w http.ResponseWriter, r *http.Request) {
	if t := h.thread(r); t != nil {
		answer(w, http.StatusOK, t)
		return
	}
	answer(w, http.StatusNotFound, fixture("error", nil))
}

func (h *host) postThread(w http.ResponseWriter, r *http.Request) {
	input := take[struct {
		Status   string
		Comments []struct {
			Content, CommentType string
			ParentCommentID      *int64
		}
	}](r)

	pull := h.pull(r)
	if pull == nil || len(input.Comments) != 1 || !fits(input.Comments[0].Content) ||
		input.Comments[0].CommentType != "text" || input.Comments[0].ParentCommentID == nil {
		refuse(w, http.StatusBadRequest, "TF401181: bad thread")
		return
	}

	h.writes++
	answer(w, http.StatusOK, pull.addThread(input.Status, input.Comments[0].Content, me))
}

// addThread makes a thread with one comment.
func (p *pull) addThread(status, text, author string) map[string]any {
	c := fixture("comment", map[string]any{"content": text, "author": map[string]any{"id": author}})
	t := fixture("thread", map[string]any{
		"id":       int64(148 + len(p.threads)),
		"status":   status,
		"comments": []map[string]any{c},
	})
	p.threads = append(p.threads, t)
	return t
}

// fits reports whether a comment is not too long: Azure counts as C# does.
func fits(text string) bool { return len(utf16.Encode([]rune(text))) <= 150_000 }

func (h *host) patchComment(w http.ResponseWriter, r *http.Request) {
	input := take[map[string]string](r)
	t := h.thread(r)
	if t == nil || r.PathValue("comment") != "1" || !fits(input["content"]) {
		answer(w, http.StatusNotFound, fixture("error", nil))
		return
	}

	comment := t["comments"].([]map[string]any)[0]
	if comment["author"].(map[string]any)["id"] != me {
		refuse(w, http.StatusForbidden, "TF401027: You need permission")
		return
	}

	comment["content"] = input["content"]
	h.writes++
	answer(w, http.StatusOK, comment)
}

// Comments leaves out what the host itself says.
func (h *host) Comments(number int64) []string {
	var texts []string
	h.eachThread(number, func(t map[string]any) {
		if list, ok := t["comments"].([]map[string]any); ok && t["isDeleted"] == false {
			texts = append(texts, list[0]["content"].(string))
		}
	})
	return texts
}

// eachThread shows the threads of a pull request.
func (h *host) eachThread(number int64, f func(t map[string]any)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pulls {
		for _, t := range p.threads {
			if p.number == number {
				f(t)
			}
		}
	}
}

// AddComment is another person's.
func (h *host) AddComment(number int64, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pulls {
		if p.number == number {
			p.addThread("active", text, "00ca774b-9a4c-48a3-8d4b-8b1e4b0b2b5c")
		}
	}
}

// Writes is how many changes were answered.
func (h *host) Writes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

func (h *host) postRefs(w http.ResponseWriter, r *http.Request) {
	var results []map[string]any
	for _, u := range take[[]map[string]string](r) {
		name, before, after := u["name"], u["oldObjectId"], u["newObjectId"]
		const none = "0000000000000000000000000000000000000000"
		now := h.repo.ID(name)
		why := "succeeded"
		switch {
		case now != before && (now != "" || before != none):
			why = "staleOldObjectId"
		case after == none:
			h.repo.Git("update-ref", "-d", name, before)
			h.writes++
		default:
			h.repo.Git("update-ref", name, after)
			h.writes++
		}

		results = append(results, fixture("ref_update", map[string]any{
			"name":         name,
			"oldObjectId":  before,
			"newObjectId":  after,
			"updateStatus": why,
			"success":      why == "succeeded",
		}))
	}

	answer(w, http.StatusOK, listed(results))
}

func (h *host) postPush(w http.ResponseWriter, r *http.Request) {
	input := take[struct {
		RefUpdates []struct{ Name, OldObjectID string }
		Commits    []struct {
			Changes []struct {
				ChangeType string
				Item       struct{ Path string }
				NewContent struct{ Content, ContentType string }
			}
		}
	}](r)

	ref := input.RefUpdates[0]
	if h.repo.ID(ref.Name) != ref.OldObjectID {
		refuse(w, http.StatusConflict, "TF401028: The reference '"+ref.Name+"' has already been updated by another "+
			"client, so you cannot update it.")
		return
	}

	there := strings.Fields(h.repo.Git("ls-tree", "-r", "--name-only", ref.OldObjectID))
	files := map[string]string{}
	for _, c := range input.Commits[0].Changes {
		path, rooted := strings.CutPrefix(c.Item.Path, "/")
		content, err := base64.StdEncoding.DecodeString(c.NewContent.Content)
		if err != nil || !rooted || c.ChangeType != "add" || c.NewContent.ContentType != "base64Encoded" ||
			slices.Contains(there, path) {
			refuse(w, http.StatusBadRequest, "VS403654: The change is not valid.")
			return
		}

		files[path] = string(content)
	}

	h.writes++
	head := h.repo.CommitTo(ref.Name, files)
	answer(w, http.StatusCreated, fixture("push", map[string]any{
		"refUpdates": []map[string]any{{"name": ref.Name, "oldObjectId": ref.OldObjectID, "newObjectId": head}},
	}))
}

// getSubscriptions hides passwords, as Azure does.
func (h *host) getSubscriptions(w http.ResponseWriter, r *http.Request) {
	all := []map[string]any{fixture("subscription", nil)} // of another user
	for _, subscription := range h.subscriptions {
		hidden := fixture("subscription", subscription)
		inputs := map[string]any{}
		for k, v := range subscription["consumerInputs"].(map[string]any) {
			inputs[k] = v
		}

		inputs["basicAuthPassword"] = "********"
		hidden["consumerInputs"] = inputs
		if q := r.URL.Query(); subscription["publisherId"] == q.Get("publisherId") &&
			subscription["consumerId"] == q.Get("consumerId") &&
			subscription["consumerActionId"] == q.Get("consumerActionId") {
			all = append(all, hidden)
		}
	}

	answer(w, http.StatusOK, listed(all))
}

func (h *host) postSubscription(w http.ResponseWriter, r *http.Request) {
	input := take[map[string]any](r)
	from, ok := input["publisherInputs"].(map[string]any)
	if own := fixture("repository", nil); !ok || from["repository"] != own["id"] ||
		from["projectId"] != own["project"].(map[string]any)["id"] {
		refuse(w, http.StatusBadRequest, "Subscription input 'repository' is not valid.")
		return
	}
	h.writes++
	input["id"] = "11111111-0000-4000-8000-" + strconv.Itoa(100_000_000_000+h.writes)
	h.subscriptions = append(h.subscriptions, input)
	answer(w, http.StatusOK, fixture("subscription", input))
}

func (h *host) deleteSubscription(w http.ResponseWriter, r *http.Request) {
	before := len(h.subscriptions)
	h.subscriptions = slices.DeleteFunc(h.subscriptions, func(s map[string]any) bool {
		return s["id"] == r.PathValue("id")
	})
	if len(h.subscriptions) == before {
		refuse(w, http.StatusNotFound, "The subscription could not be found.")
		return
	}
	h.writes++
	w.WriteHeader(http.StatusNoContent)
}

// Webhooks returns URLs with their secrets, each once: a webhook has a subscription
// for each event.
func (h *host) Webhooks() []providertest.ShownWebhook {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []providertest.ShownWebhook
	for _, s := range h.subscriptions {
		in := s["consumerInputs"].(map[string]any)
		one := providertest.ShownWebhook{URL: in["url"].(string), Secret: in["basicAuthPassword"].(string)}
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}
