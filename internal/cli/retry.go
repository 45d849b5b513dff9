package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newRetryCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "retry RESOURCE",
		Short: "Try the latest commit again, or an earlier one",
		Long: "Try the latest commit of a resource's branch again, whether or not it failed; with --sha that commit of the branch.\n" +
			"What blocks the resource is taken for resolved. The next commit that concerns the resource is synced as ever.",
		Args: arguments("RESOURCE"),
	}

	reach := reaches(p, c)
	sha := c.Flags().String("sha", "", "the whole id of a commit of the branch (default the latest)")
	c.PreRunE = func(c *cobra.Command, _ []string) error { return checkSHA(c, sha) }
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		_, err := remote.StartResourceSync(ctx, &wire.StartResourceSyncInput{ResourceName: args[0], SyncType: syncType, Sha: *sha})
		if err != nil {
			return err
		}

		name := plain(args[0])
		if *sha != "" {
			_, err = fmt.Fprintf(p.stdout, "%[1]s is tried again with commit %[2]s. `lockstep wait %[1]s --sha %[3]s` waits for it.\n", name, short(*sha), *sha)
		} else {
			_, err = fmt.Fprintf(p.stdout, "%[1]s is tried again. `lockstep wait %[1]s` waits for it.\n", name)
		}

		return err
	})

	return c
}
