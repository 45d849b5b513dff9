package manifest_test

import (
	"fmt"
	"os"

	"github.com/lockstephq/lockstep/internal/manifest"
)

func ExampleParse() {
	file, err := manifest.Parse("lockstep.yaml", []byte(`
connections:
- {name: acme, provider: GitHub}
links:
- {connection: acme, repository: acme/infra}
`))
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, link := range file.Links {
		fmt.Println(link.Repository, "over", link.Connection)
	}
	// Output: acme/infra over acme
}

func ExampleParse_problems() {
	_, err := manifest.Parse("lockstep.yaml", []byte("links:\n- {repository: acme/infra, colour: red}\n"))
	fmt.Println(err)
	// Output:
	// lockstep.yaml:2:3: a link needs the key connection
	// lockstep.yaml:2:28: a link has no key "colour"; its keys are connection, repository, encryption-key, tags
}

func ExamplePlan() {
	file, err := manifest.Parse("lockstep.yaml", []byte("connections:\n- {name: acme, provider: GitHub}\n"))
	if err != nil {
		fmt.Println(err)
		return
	}

	existing := manifest.Resources{Connections: []manifest.Connection{{Name: "old", Provider: "GitLab"}}}
	steps, err := manifest.Plan(file, existing, true)
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, step := range steps {
		fmt.Println(step.Verb, step.Kind, step.ID())
	}
	// Output:
	// create connection acme
	// delete connection old
}

func ExampleExport() {
	text, err := manifest.Export("server", manifest.Resources{
		Links: []manifest.Link{{Repository: "acme/infra", Connection: "acme"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	_, _ = os.Stdout.Write(text)
	// Output:
	// hosts: []
	// connections: []
	// links:
	//   - repository: acme/infra
	//     connection: acme
	// configurations: []
	// policies: {}
	// roles: {}
}
