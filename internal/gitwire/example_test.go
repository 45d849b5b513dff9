package gitwire_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// Read a file at the head of a branch.
func Example() {
	ctx := context.Background()
	const url = "https://git.example.com/acme/infra.git"
	remote, err := gitwire.Open(gitwire.Options{URL: url, Auth: transport.Bearer(url, "a token")})
	if err != nil {
		log.Fatal(err)
	}
	defer remote.Close()

	refs, err := remote.Refs(ctx, []string{"refs/heads/main"})
	if err != nil {
		log.Fatal(err)
	}

	snapshot, err := remote.Snapshot(ctx, refs["refs/heads/main"], nil)
	if err != nil {
		log.Fatal(err)
	}

	template, err := fs.ReadFile(snapshot.Tree(ctx), "template.yaml")
	if err != nil {
		log.Fatal(err)
	}

	fmt.Printf("%s", template)
}

// List the paths that differ between two commits. Only the trees that differ are fetched for the
// second one.
func ExampleChanged() {
	ctx := context.Background()
	remote, err := gitwire.Open(gitwire.Options{URL: "https://git.example.com/acme/infra.git"})
	if err != nil {
		log.Fatal(err)
	}
	defer remote.Close()

	refs, err := remote.Refs(ctx, []string{"refs/heads/main", "refs/heads/topic"})
	if err != nil {
		log.Fatal(err)
	}

	main, err := remote.Snapshot(ctx, refs["refs/heads/main"], nil)
	if err != nil {
		log.Fatal(err)
	}

	topic, err := remote.Snapshot(ctx, refs["refs/heads/topic"], main)
	if err != nil {
		log.Fatal(err)
	}

	paths, err := gitwire.Changed(main, topic)
	if err != nil {
		log.Fatal(err)
	}

	for _, path := range paths {
		fmt.Println(path)
	}
}

// Find out whether a commit is an ancestor of another.
func ExampleRemote_Commits() {
	ctx := context.Background()
	remote, err := gitwire.Open(gitwire.Options{URL: "https://git.example.com/acme/infra.git"})
	if err != nil {
		log.Fatal(err)
	}
	defer remote.Close()

	refs, err := remote.Refs(ctx, []string{"refs/heads/main", "refs/heads/deployed"})
	if err != nil {
		log.Fatal(err)
	}

	history, err := remote.Commits(ctx, refs["refs/heads/main"], 1000)
	if err != nil {
		log.Fatal(err)
	}

	isAncestor := history.Contains(refs["refs/heads/deployed"])
	fmt.Println(isAncestor, "and known for certain:", isAncestor || history.Complete)
}

// Open the repository of the current directory. It must be below one of the roots.
func ExampleOpen_local() {
	location, err := localrepo.Find(".")
	if err != nil {
		log.Fatal(err)
	}

	remote, err := gitwire.Open(gitwire.Options{Path: location.Root, Roots: []string{location.Root}})
	if err != nil {
		log.Fatal(err)
	}
	defer remote.Close()

	head, err := remote.Head(context.Background())
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(head.Ref, head.ID)
}
