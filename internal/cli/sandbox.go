package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/local"
)

func newSandboxCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the sandbox CloudFormation alone",
		Long: "Run the sandbox CloudFormation alone. It evaluates templates and keeps the books of stacks, and creates\n" +
			"nothing. Any access key is let in; the account is that of the role, or 000000000000.",
		Args: arguments(),
	}

	o := local.SandboxOptions{Out: p.stdout, Err: p.stderr}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:4748", "`ADDR` of the endpoint")
	c.Flags().StringVar(&o.Data, "data", "lockstep-sandbox.db", "`FILE` that keeps the books")
	c.RunE = func(c *cobra.Command, _ []string) error { return ended(local.Sandbox(c.Context(), o)) }

	return c
}
