package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/manifest"
)

func newExportCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Print everything as a file that apply reads",
		Long: "Print hosts, connections, repository links, sync configurations with who may sign for them, policies and roles as a\n" +
			"file that `lockstep apply` reads: without secrets, and without what the key in use may not read.",
		Args: arguments(),
	}

	reach := reaches(p, c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		have, err := manifest.Read(c.Context(), remote, manifest.AllResources())
		if err != nil {
			return err
		}

		text, err := manifest.Export(p.server.Endpoint, have)
		if err != nil {
			return &failure{problem: "This cannot be exported:\n" + err.Error()}
		}

		_, err = p.stdout.Write(text)
		return err
	}

	return c
}
