package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  arguments(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, version())
			return err
		},
	}
}

// version comes from what the go command has put into the program.
func version() string {
	number, commit := "development", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			number = v
		}

		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = short(s.Value) + ", "
			}
		}
	}

	return fmt.Sprintf("lockstep %s (%s%s %s/%s)", number, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
