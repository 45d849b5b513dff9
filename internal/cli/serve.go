package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/server"
)

func newServeCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server. Each flag may also be given as LOCKSTEP_NAME in the environment, or as a line\n" +
			"of the YAML file that --config names: flags win, then the environment, then the file.",
		Args: arguments(),
	}

	config.Flags(c.Flags())
	show := c.Flags().Bool("print-config", false, "print the settings in effect, and end")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := config.Load(c.Flags(), p.getenv)
		if err != nil {
			return usagef("%s", err)
		}
		if *show {
			return settings.Print(p.stdout)
		}

		return ended(server.Serve(c.Context(), settings, p.stdout, p.stderr))
	}

	return c
}
