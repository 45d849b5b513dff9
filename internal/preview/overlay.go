package preview

import (
	"context"
	"io/fs"
	"strings"

	"github.com/lockstephq/lockstep"
)

// An overlay is a head with one file of its base branch: the file that says which
// template is planned with which parameters, which a fork has no say in.
type overlay struct {
	lockstep.Tree // the head's
	base          lockstep.Tree
	file          string
}

func (o overlay) of(name string) lockstep.Tree {
	if name == o.file {
		return o.base
	}
	return o.Tree
}

// Open opens the file in the base, and any other in the head.
func (o overlay) Open(name string) (fs.File, error) { return o.of(name).Open(name) }

// ObjectID is that of what Open opens.
func (o overlay) ObjectID(name string) (string, error) { return o.of(name).ObjectID(name) }

// prefetcher is a tree that reads many files at the price of one.
type prefetcher interface {
	Prefetch(ctx context.Context, names ...string) error
}

// Prefetch warms the head's tree, where that can be.
func (o overlay) Prefetch(ctx context.Context, names ...string) error {
	if p, ok := o.Tree.(prefetcher); ok {
		return p.Prefetch(ctx, names...)
	}
	return nil
}

// plain gives a path as trees spell it.
func plain(name string) string {
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	return name
}
