package github_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

// A pull is a pull request with its comments, oldest first.
type pull struct {
	number             int64
	title, head, base  string
	sha                string
	fork, gone, closed bool // gone: the fork was deleted
	comments           []*comment
}

type comment struct {
	id        int64
	who, body string
}

func (p *pull) shape(server *fake) map[string]any {
	change := map[string]any{"number": p.number, "title": p.title, "head.ref": p.head, "head.sha": p.sha,
		"base.ref": p.base,
		"html_url": fmt.Sprintf("https://github.com/acme/infra/pull/%d", p.number)}
	if p.fork {
		change["head.repo.id"] = repoID + 1
	}
	if p.gone {
		delete(change, "head.repo.id")
		change["head.repo"] = nil
	}
	return server.fixture("pull", change)
}

func (f *fake) listPulls(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	found := []*pull{}
	for _, pull := range f.pulls {
		if pull.base == query.Get("base") && !(pull.closed && query.Get("state") == "open") {
			found = append(found, pull)
		}
	}

	if query.Get("sort") == "updated" && query.Get("direction") == "desc" {
		slices.Reverse(found)
	}

	shapes := []any{}
	for _, pull := range page(w, r, found) {
		shapes = append(shapes, pull.shape(f))
	}

	f.send(w, 200, shapes)
}

func (f *fake) postPull(w http.ResponseWriter, r *http.Request) {
	var input struct{ Title, Head, Base, Body string }
	f.read(r, &input)
	sha, err := f.git(nil, "", "rev-parse", "--verify", "-q", "refs/heads/"+input.Head)
	if _, other := f.git(nil, "", "rev-parse", "--verify", "-q", "refs/heads/"+input.Base); err != nil ||
		other != nil || input.Title == "" {
		f.fail(w, 422, "Validation Failed", map[string]any{
			"resource": "PullRequest",
			"field":    "base",
			"code":     "invalid",
		})
		return
	}
	p := &pull{number: f.next(), title: input.Title, head: input.Head, base: input.Base, sha: sha}
	f.pulls = append(f.pulls, p)
	f.send(w, 201, p.shape(f))
}

// OpenPullRequest opens one of another user.
func (f *fake) OpenPullRequest(head, base string, fork bool) int64 {
	sha := f.repo.ID("refs/heads/" + head)
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &pull{number: f.next(), title: "A change", head: head, base: base, sha: sha, fork: fork}
	f.pulls = append(f.pulls, p)
	return p.number
}

func (f *fake) pull(number string) *pull {
	for _, p := range f.pulls {
		if fmt.Sprint(p.number) == number {
			return p
		}
	}
	return nil
}

func (c *comment) shape(server *fake) map[string]any {
	change := map[string]any{"id": c.id, "body": c.body, "user.login": c.who}
	switch c.who {
	case user:
	case "lockstep-at-acme[bot]":
		change["user.type"], change["user.id"] = "Bot", 5151
	default:
		change["user.id"] = 77
	}
	return server.fixture("comment", change)
}

func (f *fake) listComments(w http.ResponseWriter, r *http.Request) {
	pull := f.pull(r.PathValue("number"))
	if pull == nil {
		f.fail(w, 404, "Not Found")
		return
	}
	found := []any{}
	for _, c := range page(w, r, pull.comments) {
		found = append(found, c.shape(f))
	}
	f.send(w, 200, found)
}

func (f *fake) readComment(w http.ResponseWriter, r *http.Request) (string, bool) {
	var input struct{ Body string }
	f.read(r, &input)
	if utf8.RuneCountInString(input.Body) > 65536 || input.Body == "" {
		f.fail(w, 422, "Validation Failed",
			map[string]any{"resource": "IssueComment", "field": "body", "code": "unprocessable",
				"message": "Body is too long (maximum is 65536 characters)"})
		return "", false
	}
	return input.Body, true
}

func (f *fake) postComment(w http.ResponseWriter, r *http.Request) {
	pull := f.pull(r.PathValue("number"))
	body, ok := f.readComment(w, r)
	if pull == nil && ok {
		f.fail(w, 404, "Not Found")
	}
	if pull == nil || !ok {
		return
	}
	c := &comment{f.next(), r.Header.Get("Who"), body}
	pull.comments = append(pull.comments, c)
	f.send(w, 201, c.shape(f))
}

func (f *fake) patchComment(w http.ResponseWriter, r *http.Request) {
	body, ok := f.readComment(w, r)
	if !ok {
		return
	}

	for _, p := range f.pulls {
		for _, c := range p.comments {
			if fmt.Sprint(c.id) == r.PathValue("id") {
				c.body = body
				f.send(w, 200, c.shape(f))
				return
			}
		}
	}

	f.fail(w, 404, "Not Found")
}

// Comments returns the texts below a pull request.
func (f *fake) Comments(number int64) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, c := range f.pull(fmt.Sprint(number)).comments {
		all = append(all, c.body)
	}
	return all
}

// AddComment adds one of another user.
func (f *fake) AddComment(number int64, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pull(fmt.Sprint(number))
	p.comments = append(p.comments, &comment{f.next(), "somebody", text})
}

func (f *fake) refShape(name, sha string) map[string]any {
	return f.fixture("ref", map[string]any{"ref": name, "object.sha": sha})
}

func (f *fake) getRef(w http.ResponseWriter, r *http.Request) {
	name := "refs/" + r.PathValue("ref")
	sha, err := f.git(nil, "", "rev-parse", "--verify", "-q", name)
	if err != nil {
		f.fail(w, 404, "Not Found")
		return
	}
	f.send(w, 200, f.refShape(name, sha))
}

func (f *fake) postRef(w http.ResponseWriter, r *http.Request) {
	var input struct{ Ref, Sha string }
	f.read(r, &input)
	if _, err := f.git(nil, "", "update-ref", input.Ref, input.Sha,
		"0000000000000000000000000000000000000000"); err != nil {
		f.fail(w, 422, "Reference already exists")
		return
	}
	f.send(w, 201, f.refShape(input.Ref, input.Sha))
}

func (f *fake) deleteRef(w http.ResponseWriter, r *http.Request) {
	name := "refs/" + r.PathValue("ref")
	if _, err := f.git(nil, "", "rev-parse", "--verify", "-q", name); err != nil {
		f.fail(w, 422, "Reference does not exist")
		return
	}
	if _, err := f.git(nil, "", "update-ref", "-d", name); err != nil {
		f.t.Errorf("delete %s: %v", name, err)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) getCommit(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	tree, err := f.git(nil, "", "rev-parse", "--verify", "-q", sha+"^{tree}")
	if err != nil {
		f.fail(w, 404, "Not Found")
		return
	}
	f.send(w, 200, f.fixture("commit", map[string]any{"sha": sha, "tree.sha": tree}))
}

func (f *fake) postTree(w http.ResponseWriter, r *http.Request) {
	var input struct {
		BaseTree string `json:"base_tree"`
		Tree     []struct{ Path, Mode, Type, Content string }
	}
	f.read(r, &input)
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(f.t.TempDir(), "index")}
	_, err := f.git(index, "", "read-tree", input.BaseTree)
	for _, e := range input.Tree {
		blob, failed := f.git(nil, e.Content, "hash-object", "-w", "--stdin")
		if failed == nil {
			_, failed = f.git(index, "", "update-index", "--add", "--cacheinfo", e.Mode+","+blob+","+e.Path)
		}

		if err == nil {
			err = failed
		}
	}

	tree, failed := f.git(index, "", "write-tree")
	if err != nil || failed != nil {
		f.fail(w, 422, "tree.path contains a malformed path component")
		return
	}

	f.send(w, 201, f.fixture("tree", map[string]any{"sha": tree, "tree": []any{}}))
}

func (f *fake) postCommit(w http.ResponseWriter, r *http.Request) {
	var input struct {
		Message, Tree string
		Parents       []string
	}
	f.read(r, &input)
	args := []string{"commit-tree", input.Tree, "-m", input.Message}
	for _, p := range input.Parents {
		args = append(args, "-p", p)
	}

	sha, err := f.git(nil, "", args...)
	if err != nil {
		f.fail(w, 422, "The tree parameter must be exactly 40 characters")
		return
	}

	f.send(w, 201, f.fixture("commit", map[string]any{"sha": sha, "tree.sha": input.Tree, "message": input.Message}))
}
