package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/local"
)

func newUpCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up [REPO…]",
		Short: "Run a local server and sync repositories",
		Long: "Run everything in one process with a data directory: the server, SQLite and a sandbox\n" +
			"CloudFormation. REPO is a URL, or the directory of a clone, a worktree or a bare repository.\n" +
			"Each deployment file in it becomes a stack that tracks the branch. Without REPO, the\n" +
			"repositories of the data directory continue; a new data directory gets a sample repository.",
		Example: "  lockstep up .\n" +
			"  lockstep up --target aws --once https://git.example.com/acme/infra.git",
		DisableFlagsInUseLine: true,
	}

	flags := cmd.Flags()
	options := local.UpOptions{In: env.Stdin, Out: env.Stdout, Err: env.Stderr}
	flags.BoolVar(&options.Once, "once", false,
		"exit after the first sync of every stack: 0 if all succeeded, 1 otherwise")
	flags.StringVar(&options.Data, "data", "", "data `DIR` (default lockstep in the user's data directory)")
	flags.StringVar(&options.Listen, "listen", "127.0.0.1:4747", "`ADDR` of the API")
	flags.BoolVar(&options.PlainHTTP, "plain-http", false, "serve plain HTTP on any address")
	flags.StringVar(&options.Branch, "branch", "", "branch to track (default each repository's HEAD)")
	flags.DurationVar(&options.PollInterval, "poll-interval", 0,
		"time between two polls of a repository (default 5s on this machine, 60s elsewhere)")
	flags.StringVar(&options.Target, "target", "sandbox", "CloudFormation: sandbox, aws or a `URL`")
	flags.StringVar(&options.Only, "only", "", "`GLOB` of the deployment files to sync")
	names := flags.StringArray("name", nil, "`PATH=NAME`: use NAME for the stack of a deployment file")
	flags.BoolVar(&options.Yes, "yes", false, "do not ask for confirmation before changing AWS")
	flags.BoolVar(&options.Log, "log", false, "write the server's log to standard error")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		options.Repositories = args
		if options.Names, err = parseStackNames(*names); err != nil {
			return err
		}
		if options.PollInterval < 0 {
			return command.Usagef("--poll-interval must not be negative.")
		}

		if options.Data == "" {
			if options.Data, err = local.DefaultDataDir(env.Getenv); err != nil {
				return command.Usagef("%s.", err)
			}
		}

		return serverError(local.Up(cmd.Context(), options))
	}

	return cmd
}

// parseStackNames parses PATH=NAME.
func parseStackNames(pairs []string) (map[string]string, error) {
	names := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		path, name, ok := strings.Cut(pair, "=")
		if !ok || path == "" || !command.IsStackName(name) {
			return nil, command.Usagef("--name %s must be PATH=NAME with a valid stack name.", pair)
		}
		names[strings.TrimPrefix(path, "./")] = name
	}
	return names, nil
}

// serverError returns an error of the server as one of a command.
func serverError(err error) error {
	exit, ok := errors.AsType[*local.Exit](err)
	if !ok {
		return err
	}
	return &command.Error{Problem: exit.Message, Code: exit.Code}
}
