package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
)

func newVersionCommand(env *command.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  command.Args(),
		RunE:  func(*cobra.Command, []string) error { return env.Printf("%s\n", version()) },
	}
}

// version returns the version that the go command has recorded in the program.
func version() string {
	number, commit := "development", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			number = v
		}

		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = output.ShortSHA(setting.Value) + ", "
			}
		}
	}

	return fmt.Sprintf("lockstep %s (%s%s %s/%s)", number, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
