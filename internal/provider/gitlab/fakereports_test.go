package gitlab_test

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

func unescape(part string) string {
	s, err := url.PathUnescape(part)
	if err != nil {
		return part
	}
	return s
}

// handlers returns what is answered, by method and the first parts of a path.
func (f *fake) handlers() map[string]func(w writer) {
	return map[string]func(w writer){
		"POST statuses":          f.postStatus,
		"GET repository/commits": f.getStatuses,

		"GET deployments": f.getDeployments, "POST deployments": f.postDeployment, "PUT deployments": f.putDeployment,

		"GET merge_requests":  f.getMergeRequests,
		"POST merge_requests": f.postMergeRequests,
		"PUT merge_requests":  f.putNote,

		"POST repository/commits": f.postCommit,
		"GET repository/branches": f.getBranch, "DELETE repository/branches": f.deleteBranch,
		"HEAD repository/files": f.headFile,

		"GET hooks": f.getHooks, "POST hooks": f.postHook, "PUT hooks": f.putHook, "DELETE hooks": f.deleteHook,
	}
}

// moves reports whether GitLab lets a status go from one state to another.
func moves(from, to string) bool {
	switch to {
	case "pending":
		return from == "created"
	case "running":
		return from == "created" || from == "pending"
	}
	return from == "created" || from == "pending" || from == "running"
}

// pipeline returns the one that a status goes to, making it where none was asked for
// and there is none.
func (f *fake) pipeline(sha, ref string, wanted any) int {
	for _, p := range newestFirst(f.lists["pipeline"]) {
		if p["sha"] == sha && p["ref"] == ref && (wanted == nil || wanted == float64(p.id())) {
			return p.id()
		}
	}
	if wanted != nil {
		return 0
	}
	return f.add("pipeline", object{"sha": sha, "ref": ref}).id()
}

// postStatus moves what runs or is pending of the same name, pipeline and user; the
// words change only together with the state. What has ended stays, and is shown no
// more where there is a newer one.
func (f *fake) postStatus(w writer) {
	sha, input := w.path[0], w.read()
	if !f.has(sha) {
		w.no(http.StatusNotFound, "404 Commit Not Found")
		return
	}

	pipeline := f.pipeline(sha, input.text("ref"), input["pipeline_id"])
	if pipeline == 0 {
		w.no(http.StatusNotFound, "404 Pipeline for pipeline_id, sha and ref Not Found")
		return
	}

	same := func(status object) bool {
		return status["pipeline_id"] == pipeline && status["name"] == input["name"] && status["user"] == w.me
	}
	i := slices.IndexFunc(f.lists["status"], func(status object) bool {
		return same(status) && (status["status"] == "pending" || status["status"] == "running")
	})
	from, status := "created", object(nil)
	if i >= 0 {
		status = f.lists["status"][i]
		from = status.text("status")
	}

	if to := input.text("state"); !moves(from, to) {
		w.no(http.StatusBadRequest, "No way from "+from+" to "+to)
		return
	}

	if status == nil {
		for _, old := range f.lists["status"] {
			if old["pipeline_id"] == pipeline && old["name"] == input["name"] {
				old["retried"] = true
			}
		}
		status = f.add("status", fixture(f.t, "commit_status", object{
			"sha":         sha,
			"name":        input["name"],
			"ref":         input["ref"],
			"pipeline_id": pipeline,
			"user":        w.me,
		}))
	}

	status["status"] = input["state"]
	status["description"] = input["description"]
	status["target_url"] = input["target_url"]
	w.say(http.StatusCreated, status)
}

func (f *fake) getStatuses(w writer) {
	query := w.r.URL.Query()
	if len(w.path) != 2 || w.path[1] != "statuses" || !f.has(w.path[0]) {
		w.no(http.StatusNotFound, "404 Commit Not Found")
		return
	}

	var found []object
	for _, s := range f.lists["status"] {
		if s["sha"] == w.path[0] && s["ref"] == query.Get("ref") && s["name"] == query.Get("name") &&
			s["retried"] == nil {
			found = append(found, s)
		}
	}

	w.list(found)
}

func (f *fake) getDeployments(w writer) {
	query := w.r.URL.Query()
	var found []object
	for _, d := range newestFirst(f.lists["deployment"]) { // order_by=id, sort=desc
		if d["name"] == query.Get("environment") {
			found = append(found, d)
		}
	}
	if query.Get("order_by") != "id" || query.Get("sort") != "desc" {
		found = newestFirst(found)
	}
	w.list(found)
}

func (f *fake) postDeployment(w writer) {
	input := w.read()
	switch {
	case input.text("environment") == "" || input["tag"] != false ||
		!slices.Contains([]string{"running", "success", "failed", "canceled"}, input.text("status")):
		w.no(http.StatusBadRequest, "status does not have a valid value")
	case !f.has(input.text("sha")) || !f.has("refs/heads/"+input.text("ref")):
		w.no(http.StatusBadRequest, "no such commit or branch")
	default:
		d := fixture(f.t, "deployment", object{
			"sha":    input["sha"],
			"ref":    input["ref"],
			"status": input["status"],
			"name":   input["environment"],
		})
		w.say(http.StatusCreated, f.add("deployment", d))
	}
}

func (f *fake) putDeployment(w writer) {
	deployment, input := f.find("deployment", w.path[0]), w.read()
	switch {
	case deployment == nil:
		w.no(http.StatusNotFound, "404 Not Found")
	case deployment["status"] == input["status"], input["status"] == "running" && deployment["status"] != "created":
		w.no(http.StatusBadRequest, "no way there")
	default:
		deployment["status"] = input["status"]
		w.say(http.StatusOK, deployment)
	}
}

// Statuses returns what is not hidden by a newer one.
func (f *fake) Statuses(sha lockstep.SHA) []providertest.ShownStatus {
	f.mu.Lock()
	defer f.mu.Unlock()

	states := map[string]provider.CommitState{
		"pending": provider.CommitPending,
		"running": provider.CommitRunning,
		"success": provider.CommitSucceeded,
		"failed":  provider.CommitFailed,
	}
	var shown []providertest.ShownStatus
	for _, s := range f.lists["status"] {
		if s["sha"] == string(sha) && s["retried"] == nil {
			shown = append(shown, providertest.ShownStatus{
				Context: s.text("name"),
				State:   states[s.text("status")],
				Summary: s.text("description"),
				URL:     s.text("target_url"),
			})
		}
	}

	return shown
}

// Writes counts what changed something.
func (f *fake) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// deployed returns the statuses of an environment's deployments, oldest first.
func (f *fake) deployed(environment string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, d := range f.lists["deployment"] {
		if d["name"] == environment {
			all = append(all, d.text("status"))
		}
	}
	return all
}
