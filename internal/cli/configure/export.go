package configure

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/manifest"
)

// NewExportCommand returns the command export.
func NewExportCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print everything as a manifest",
		Long: "Print hosts, connections, repository links, sync configurations with their signers, policies and\n" +
			"roles as a manifest, which `lockstep apply` reads. It has no secrets, and nothing that your key\n" +
			"may not read.",
		Example: "  lockstep export > lockstep.yaml",
		Args:    command.Args(),
	}

	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		existing, err := manifest.Read(ctx, remote, manifest.AllResources())
		if err != nil {
			return err
		}

		text, err := manifest.Export(remote.Settings().Endpoint, existing)
		if err != nil {
			return command.Errorf("Cannot export:\n%s", err)
		}

		_, err = env.Stdout.Write(text)
		return err
	})

	return cmd
}
