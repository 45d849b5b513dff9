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

// A History is a commit and its ancestors, as deep as was asked.
type History struct {
	parents map[object.ID][]object.ID
	// Complete says that no ancestor is missing: neither was the history deeper
	// than asked, nor is the repository shallow.
	Complete bool
}

// Contains says whether a commit is among those read. Only if the history is
// Complete does no mean that it is no ancestor.
func (h *History) Contains(id object.ID) bool {
	_, ok := h.parents[id]
	return ok
}

// Len is how many commits were read.
func (h *History) Len() int { return len(h.parents) }

// IDs gives the commits in no meaningful order, but always in the same one.
func (h *History) IDs() []object.ID {
	return slices.SortedFunc(maps.Keys(h.parents), object.ID.Compare)
}

// Commits reads commits, without their trees, from one down to depth
// generations; 1 is the commit alone. A depth of zero, or above Limits.Commits,
// means that limit. A server without filters would send every tree and blob of
// them: ErrNoFilter.
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

// walkHistory walks from a commit over what was sent, so that what does not belong
// to it is not taken for an ancestor.
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
