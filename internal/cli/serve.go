package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server"
)

func newServeCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server. Each flag can also be set in the environment as LOCKSTEP_NAME, or in the YAML\n" +
			"file of --config. Flags have precedence over the environment, and the environment over the file.",
		Args: command.Args(),
	}

	config.Flags(cmd.Flags())
	printConfig := cmd.Flags().Bool("print-config", false, "print the effective settings, and exit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := config.Load(cmd.Flags(), env.Getenv)
		if err != nil {
			return command.Usagef("%s", err)
		}
		if *printConfig {
			return settings.Print(env.Stdout)
		}

		return serverError(server.Serve(cmd.Context(), settings, env.Stdout, env.Stderr))
	}

	return cmd
}

func newSandboxCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the sandbox CloudFormation alone",
		Long: "Run the sandbox CloudFormation alone. It evaluates templates and records stacks, and creates no\n" +
			"resources. It accepts any access key; the account is that of the role, or 000000000000.",
		Args: command.Args(),
	}

	options := local.SandboxOptions{Out: env.Stdout, Err: env.Stderr}
	cmd.Flags().StringVar(&options.Listen, "listen", "127.0.0.1:4748", "`ADDR` of the endpoint")
	cmd.Flags().StringVar(&options.Data, "data", "lockstep-sandbox.db", "database `FILE`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return serverError(local.Sandbox(cmd.Context(), options))
	}

	return cmd
}
