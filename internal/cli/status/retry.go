package status

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// NewRetryCommand returns the command retry.
func NewRetryCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry RESOURCE",
		Short: "Sync the latest commit again, or an earlier one",
		Long: "Sync the latest commit of the resource's branch again, whether or not it failed. With --sha,\n" +
			"sync to that commit of the branch instead. The resource then stays pinned at the commit, whatever is\n" +
			"pushed, until you run `lockstep retry RESOURCE` without --sha, change the sync configuration or\n" +
			"resolve a blocker. Active blockers of the resource are resolved.",
		Args: command.Args("RESOURCE"),
	}

	server := command.AddServerFlags(env, cmd)
	sha := cmd.Flags().String("sha", "", "full SHA of a commit of the branch (default the latest)")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return checkSHA(cmd, sha) }
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		_, err := remote.StartResourceSync(ctx, &wire.StartResourceSyncInput{
			ResourceName: args[0],
			SyncType:     command.SyncType,
			Sha:          *sha,
		})
		if err != nil {
			return err
		}

		if *sha != "" {
			return env.Printf("Retrying %[1]s with commit %[2]s. Run `lockstep wait %[1]s --sha %[3]s` to wait "+
				"for it.\nUnless it is the head, %[1]s stays pinned at it until `lockstep retry %[1]s`.\n",
				args[0], output.ShortSHA(*sha), *sha)
		}
		return env.Printf("Retrying %[1]s. Run `lockstep wait %[1]s` to wait for it.\n", args[0])
	})

	return cmd
}
