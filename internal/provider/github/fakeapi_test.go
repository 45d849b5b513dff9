package github_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// A deployment is one with its statuses, oldest first.
type deployment struct {
	id             int64
	sha, env, task string
	statuses       []deploymentStatus
}

type deploymentStatus struct {
	id                  int64
	state, summary, log string
}

type hook struct {
	id          int64
	url, secret string
}

// routes are the endpoints that the driver uses.
func (f *fake) routes(mux *http.ServeMux) {
	const repo = api + "/repos/acme/infra"
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request){
		"GET " + api + "/user": f.getUser,
		"GET " + api + "/rate_limit": func(w http.ResponseWriter, _ *http.Request) {
			f.send(w, 200, f.fixture("rate_limit", nil))
		},
		"GET " + api + "/app": f.getApp,
		"POST " + api + "/app/installations/{id}/access_tokens": f.postToken,
		"GET " + repo + "/deployments":                          f.listDeployments,
		"POST " + repo + "/deployments":                         f.postDeployment,
		"GET " + repo + "/deployments/{id}/statuses":            f.listStatuses,
		"POST " + repo + "/deployments/{id}/statuses":           f.postStatus,
		"GET " + repo + "/hooks":                                f.listHooks,
		"POST " + repo + "/hooks":                               f.postHook,
		"PATCH " + repo + "/hooks/{id}":                         f.patchHook,
		"DELETE " + repo + "/hooks/{id}":                        f.deleteHook,
		"GET " + repo + "/pulls":                                f.listPulls,
		"POST " + repo + "/pulls":                               f.postPull,
		"GET " + repo + "/issues/{number}/comments":             f.listComments,
		"POST " + repo + "/issues/{number}/comments":            f.postComment,
		"PATCH " + repo + "/issues/comments/{id}":               f.patchComment,
		"GET " + repo + "/git/ref/{ref...}":                     f.getRef,
		"POST " + repo + "/git/refs":                            f.postRef,
		"DELETE " + repo + "/git/refs/{ref...}":                 f.deleteRef,
		"GET " + repo + "/git/commits/{sha}":                    f.getCommit,
		"POST " + repo + "/git/trees":                           f.postTree,
		"POST " + repo + "/git/commits":                         f.postCommit,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()

			if status := f.refuse[strings.ReplaceAll(pattern, api, "")]; status != 0 {
				f.fail(w, status, http.StatusText(status))
				return
			}

			if app := strings.Contains(pattern, "/app"); app != (r.Header.Get("Who") == "app") {
				f.fail(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
				return
			}

			seen := &recorder{ResponseWriter: w, status: 200}
			h(seen, r)
			if r.Method != http.MethodGet && seen.status < 300 && !strings.Contains(pattern, "access_tokens") {
				f.writes++
			}
		})
	}

	mux.HandleFunc(api+"/", func(w http.ResponseWriter, _ *http.Request) {
		f.fail(w, http.StatusNotFound, "Not Found")
	})
}

// A recorder knows what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (f *fake) next() int64 {
	f.id++
	return f.id
}

func (f *fake) read(r *http.Request, v any) {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		f.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
}

func (f *fake) getUser(w http.ResponseWriter, r *http.Request) {
	if f.noUser || r.Header.Get("Who") != user {
		f.fail(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	f.send(w, 200, f.fixture("user", nil))
}

func (f *fake) getApp(w http.ResponseWriter, _ *http.Request) { f.send(w, 200, f.fixture("app", nil)) }

func (f *fake) postToken(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != installation {
		f.fail(w, http.StatusNotFound, "Not Found")
		return
	}

	var options map[string]any
	if f.read(r, &options); options == nil { // the text null, which is no object
		f.fail(w, http.StatusUnprocessableEntity, "Invalid request.")
		return
	}

	if slow := f.slow; slow != nil {
		f.mu.Unlock()
		<-slow
		f.mu.Lock()
	}

	f.issued++
	token := fmt.Sprintf("ghs_%s-%d", canary, f.issued)
	f.tokens[token] = true
	end := time.Now().Add(f.skew + f.life).UTC().Format(time.RFC3339)
	f.send(w, 201, f.fixture("installation_token", map[string]any{"token": token, "expires_at": end}))
}

func (d *deployment) shape(f *fake) map[string]any {
	return f.fixture("deployment", map[string]any{
		"id":          d.id,
		"sha":         d.sha,
		"ref":         d.sha,
		"task":        d.task,
		"environment": d.env,
	})
}

func (f *fake) listDeployments(w http.ResponseWriter, r *http.Request) {
	found, q := []any{}, r.URL.Query()
	for _, d := range slices.Backward(f.deployments) {
		if d.sha == q.Get("sha") && d.env == q.Get("environment") && d.task == q.Get("task") {
			found = append(found, d.shape(f))
		}
	}
	f.send(w, 200, found)
}

func (f *fake) postDeployment(w http.ResponseWriter, r *http.Request) {
	var input struct {
		Ref, Task, Environment string
		AutoMerge              *bool     `json:"auto_merge"`
		RequiredContexts       *[]string `json:"required_contexts"`
	}

	f.read(r, &input)
	if kind, err := f.git(nil, "", "cat-file", "-t", input.Ref); err != nil || kind != "commit" {
		f.fail(w, 422, "No ref found for: "+input.Ref)
		return
	}

	if input.AutoMerge == nil || *input.AutoMerge {
		f.send(w, 202, map[string]any{"message": "Auto-merged main into topic-branch on deployment."})
		return
	}

	if input.RequiredContexts == nil || len(*input.RequiredContexts) > 0 {
		f.fail(w, 409, "Conflict: Commit status checks failed for topic-branch.")
		return
	}

	d := &deployment{id: f.next(), sha: input.Ref, env: input.Environment, task: input.Task}
	f.deployments = append(f.deployments, d)
	f.send(w, 201, d.shape(f))
}

func (f *fake) deployment(w http.ResponseWriter, r *http.Request) *deployment {
	for _, d := range f.deployments {
		if fmt.Sprint(d.id) == r.PathValue("id") {
			return d
		}
	}
	f.fail(w, 404, "Not Found")
	return nil
}

func (s deploymentStatus) shape(f *fake, env string) map[string]any {
	return f.fixture("deployment_status", map[string]any{"id": s.id, "state": s.state, "description": s.summary,
		"log_url": s.log, "target_url": s.log, "environment": env})
}

func (f *fake) listStatuses(w http.ResponseWriter, r *http.Request) {
	if d := f.deployment(w, r); d != nil {
		found := []any{}
		for _, s := range slices.Backward(d.statuses) {
			found = append(found, s.shape(f, d.env))
		}
		f.send(w, 200, found)
	}
}

func (f *fake) postStatus(w http.ResponseWriter, r *http.Request) {
	deployment := f.deployment(w, r)
	if deployment == nil {
		return
	}

	var input struct {
		State, Description string
		LogURL             string `json:"log_url"`
		AutoInactive       *bool  `json:"auto_inactive"`
	}
	f.read(r, &input)
	if !slices.Contains([]string{
		"error",
		"failure",
		"inactive",
		"in_progress",
		"queued",
		"pending",
		"success",
	}, input.State) ||
		utf8.RuneCountInString(input.Description) > 140 || input.LogURL != "" &&
		!strings.HasPrefix(input.LogURL, "http") {
		f.fail(w, 422, "Validation Failed", map[string]any{
			"resource": "DeploymentStatus",
			"code":     "custom",
			"message":  "it is not valid",
		})
		return
	}

	if input.State == "success" && (input.AutoInactive == nil || *input.AutoInactive) {
		for _, before := range f.deployments {
			if n := len(before.statuses); before.id < deployment.id && before.env == deployment.env && n > 0 &&
				before.statuses[n-1].state == "success" {
				before.statuses = append(before.statuses, deploymentStatus{id: f.next(), state: "inactive"})
			}
		}
	}

	s := deploymentStatus{f.next(), input.State, input.Description, input.LogURL}
	deployment.statuses = append(deployment.statuses, s)
	f.send(w, 201, s.shape(f, deployment.env))
}

// Statuses returns what the page of a commit shows.
func (f *fake) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	f.mu.Lock()
	defer f.mu.Unlock()

	states := map[string]provider.CommitState{"queued": provider.CommitPending, "in_progress": provider.CommitRunning,
		"success": provider.CommitSucceeded, "failure": provider.CommitFailed, "inactive": "inactive"}
	var all []providertest.ShownStatus
	for _, deployment := range f.deployments {
		if deployment.sha != string(sha) {
			continue
		}

		status := providertest.ShownStatus{Context: deployment.env}
		if n := len(deployment.statuses); n > 0 {
			last := deployment.statuses[n-1]
			status.State, status.Summary, status.URL = states[last.state], last.summary, last.log
		}

		all = append(all, status)
	}

	return all
}

func (h *hook) shape(f *fake) map[string]any {
	return f.fixture("hook", map[string]any{"id": h.id, "config.url": h.url})
}

// page returns one page of a list, and says whether there is a next.
func page[T any](w http.ResponseWriter, r *http.Request, all []T) []T {
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, number = max(1, size), max(1, number)
	if len(all) > number*size {
		address := *r.URL
		q := address.Query()
		q.Set("page", strconv.Itoa(number+1))
		address.RawQuery = q.Encode()
		w.Header().Set("Link", `<http://`+r.Host+address.String()+`>; rel="next"`)
	}
	return all[min(len(all), (number-1)*size):min(len(all), number*size)]
}

func (f *fake) listHooks(w http.ResponseWriter, r *http.Request) {
	found := []any{}
	for _, h := range page(w, r, f.hooks) {
		found = append(found, h.shape(f))
	}
	f.send(w, 200, found)
}

// readHook takes what is sent, if it is as it should be.
func (f *fake) readHook(w http.ResponseWriter, r *http.Request) (h hook, ok bool) {
	var input struct {
		Events []string
		Active bool
		Config struct {
			URL, Secret string
			ContentType string `json:"content_type"`
			InsecureSSL string `json:"insecure_ssl"`
		}
	}

	f.read(r, &input)
	slices.Sort(input.Events)
	if !input.Active || input.Config.ContentType != "json" || input.Config.InsecureSSL != "0" ||
		input.Config.Secret == "" ||
		!slices.Equal(input.Events, []string{"create", "delete", "pull_request", "push"}) {
		f.fail(w, 422, "Validation Failed: "+input.Config.Secret)
		return hook{}, false
	}

	return hook{url: input.Config.URL, secret: input.Config.Secret}, true
}

func (f *fake) postHook(w http.ResponseWriter, r *http.Request) {
	hook, ok := f.readHook(w, r)
	if !ok {
		return
	}

	for _, other := range f.hooks {
		if other.url == hook.url {
			f.fail(w, 422, "Validation Failed", map[string]any{
				"resource": "Hook",
				"code":     "custom",
				"message":  "Hook already exists on this repository",
			})
			return
		}
	}

	hook.id = f.next()
	f.hooks = append(f.hooks, &hook)
	f.send(w, 201, hook.shape(f))
}

func (f *fake) patchHook(w http.ResponseWriter, r *http.Request) {
	in, ok := f.readHook(w, r)
	for _, h := range f.hooks {
		if ok && fmt.Sprint(h.id) == r.PathValue("id") {
			h.url, h.secret = in.url, in.secret
			f.send(w, 200, h.shape(f))
			return
		}
	}
	if ok {
		f.fail(w, 404, "Not Found")
	}
}

func (f *fake) deleteHook(w http.ResponseWriter, r *http.Request) {
	n := len(f.hooks)
	f.hooks = slices.DeleteFunc(f.hooks, func(h *hook) bool { return fmt.Sprint(h.id) == r.PathValue("id") })
	if len(f.hooks) == n {
		f.fail(w, 404, "Not Found")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Webhooks returns what is registered.
func (f *fake) Webhooks() []providertest.ShownWebhook {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []providertest.ShownWebhook
	for _, h := range f.hooks {
		all = append(all, providertest.ShownWebhook{URL: h.url, Secret: h.secret})
	}
	return all
}

// Writes is how many requests that change something were answered.
func (f *fake) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}
