package gitwire

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/packfile"
)

// A History is a commit and its ancestors, down to a depth.
type History struct {
	parents map[object.ID][]object.ID
	// Complete is true if no ancestor is missing, because of the depth or because the
	// repository is shallow.
	Complete bool
}

// Contains reports whether a commit is in the history. If Complete is false, a commit that it
// does not contain may still be an ancestor.
func (h *History) Contains(id object.ID) bool {
	_, ok := h.parents[id]
	return ok
}

// Len returns the number of commits.
func (h *History) Len() int { return len(h.parents) }

// IDs returns the commits, sorted by ID.
func (h *History) IDs() []object.ID {
	return slices.SortedFunc(maps.Keys(h.parents), object.ID.Compare)
}

// Commits reads a commit and its ancestors, without trees, depth generations in all; 1 is the
// commit alone. A depth of zero, or above Limits.Commits, means that limit. The error is
// ErrNoFilter if the server cannot omit trees and blobs.
func (r *Remote) Commits(ctx context.Context, from object.ID, depth int) (*History, error) {
	if depth <= 0 || depth > r.limits.Commits {
		depth = r.limits.Commits
	}

	got, err := r.fetch(ctx, func(c capabilities) (fetchRequest, packfile.Policy, error) {
		if !c.filter {
			return fetchRequest{}, packfile.Policy{}, giterr.ErrNoFilter
		}

		p := r.treePolicy()
		p.Objects = min(p.Objects, r.limits.Commits)
		return fetchRequest{want: []object.ID{from}, depth: depth, filter: "tree:0"}, p, nil
	})
	if err != nil {
		return nil, err
	}

	h, err := walkHistory(from, got)
	return h, r.wrapError(ctx, err)
}

// Descends reports whether ancestor is head or one of its ancestors. It reads the commits
// between the two alone, at most Limits.Commits of them, and their trees and blobs only from a
// server that cannot omit those. A false result is also that of a repository whose history is cut
// off between the two.
func (r *Remote) Descends(ctx context.Context, head, ancestor object.ID) (bool, error) {
	if head == ancestor {
		return true, nil
	}

	got, err := r.fetch(ctx, func(c capabilities) (fetchRequest, packfile.Policy, error) {
		request, p := fetchRequest{want: []object.ID{head}, have: ancestor, haveHistory: true}, r.treePolicy()
		if c.filter {
			request.filter = "tree:0"
			p.Objects = min(p.Objects, r.limits.Commits)
		}
		return request, p, nil
	})
	if err != nil {
		return false, err
	}

	descends, err := leadsTo(head, ancestor, got)
	return descends, r.wrapError(ctx, err)
}

// leadsTo reports whether the commits of a pack lead from head to ancestor, which the pack does
// not have. A head that is an ancestor of ancestor is not in the pack either.
func leadsTo(head, ancestor object.ID, got packfile.Pack) (bool, error) {
	seen := map[object.ID]bool{}
	for todo := []object.ID{head}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id == ancestor {
			return true, nil
		}

		obj, ok := got.Objects[id]
		if seen[id] || !ok || obj.Kind != object.Commit {
			continue
		}
		seen[id] = true

		_, parents, err := object.ParseCommit(obj.Data)
		if err != nil {
			return false, err
		}
		todo = append(todo, parents...)
	}

	return false, nil
}

// walkHistory follows the parents of a commit, so that other commits in the pack do not count
// as ancestors.
func walkHistory(from object.ID, got packfile.Pack) (*History, error) {
	walked := &History{parents: map[object.ID][]object.ID{}, Complete: true}
	for todo := []object.ID{from}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if walked.Contains(id) {
			continue
		}

		obj, ok := got.Objects[id]
		if !ok && id != from {
			walked.Complete = false
			continue
		}

		if !ok || obj.Kind != object.Commit {
			return nil, fmt.Errorf("%w: the server sent no commit %s", giterr.ErrProtocol, id)
		}

		_, parents, err := object.ParseCommit(obj.Data)
		if err != nil {
			return nil, err
		}

		walked.parents[id] = parents
		todo = append(todo, parents...)
	}

	return walked, nil
}
