package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/access"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/configure"
	"github.com/lockstephq/lockstep/internal/cli/connect"
	"github.com/lockstephq/lockstep/internal/cli/status"
)

// Run runs the program, and returns its exit code. It returns soon after ctx
// ends.
func Run(
	ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	env := &command.Env{Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr}
	root := newRootCommand(env)
	root.SetArgs(append([]string{}, args...)) // cobra reads os.Args if they are nil
	return env.ExitCode(root.ExecuteContext(ctx))
}

func newRootCommand(env *command.Env) *cobra.Command {
	root := command.Parent(&cobra.Command{
		Use:   "lockstep",
		Short: "Keep CloudFormation stacks in sync with Git",
		Long: "Lockstep keeps CloudFormation stacks in sync with Git.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage; of wait also 3 timed out, 4 blocked until a person\n" +
			"acts, 5 no such resource, 6 Git cannot be read, 7 pinned at another commit, 8 no answer from the\n" +
			"Lockstep server.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	})

	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(command.FlagError)
	addGroup := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}

	addGroup("server", "Run a server:", newUpCommand(env), newServeCommand(env), newBackupCommand(env),
		newSandboxCommand(env))
	addGroup("status", "Show and follow syncs:", status.NewCommand(env), status.NewWaitCommand(env),
		status.NewWatchCommand(env), status.NewHistoryCommand(env), status.NewBlockersCommand(env),
		status.NewRetryCommand(env))
	addGroup("configure", "Configure syncs:", configure.NewInitCommand(env), connect.NewHostCommand(env),
		connect.NewCommand(env), connect.NewLinkCommand(env), configure.NewSyncCommand(env), connect.NewTagCommand(env),
		configure.NewApplyCommand(env), configure.NewExportCommand(env))
	addGroup("access", "Manage access:", access.NewKeyCommand(env), access.NewRoleCommand(env),
		access.NewPolicyCommand(env))
	root.AddCommand(newModelCommand(env), newVersionCommand(env))

	return root
}
