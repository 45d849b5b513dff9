package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/output"
)

// equivalents are the commands to suggest for those that other programs have.
var equivalents = map[string]string{
	"describe": "status RESOURCE",
	"get":      "status",
	"list":     "status",
	"logs":     "history RESOURCE",
	"ls":       "status",
	"rm":       "sync delete",
	"rollback": "retry RESOURCE --sha COMMIT",
}

// Parent prepares a command that has only subcommands: without one it prints its
// help, and an unknown one is wrong usage.
func Parent(cmd *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subcommands...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(*cobra.Command, []string) error { return cmd.Help() }
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}

		err := Usagef("%s: unknown command %q.", cmd.CommandPath(), args[0])
		if command, ok := equivalents[args[0]]; ok && !cmd.HasParent() {
			return err.WithHint("`%s %s` does that.", cmd.CommandPath(), command)
		}
		if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
			return err.WithHint("Did you mean `%s %s`?", cmd.CommandPath(), similar[0])
		}
		return err.WithHint("`%s --help` lists the commands.", cmd.CommandPath())
	}

	return cmd
}

// FlagError returns cobra's error about a flag as a UsageError.
func FlagError(cmd *cobra.Command, err error) error {
	return Usagef("%s: %s.", cmd.CommandPath(), strings.TrimSuffix(err.Error(), ".")).
		WithHint("`%s --help` lists the flags.", cmd.CommandPath())
}

// Args checks the number of arguments. An argument in [brackets] is optional; a
// last one that ends with … may be repeated.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		repeated := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "…")
		if len(args) > len(names) && !repeated {
			return Usagef("%s: unexpected argument %q.", cmd.CommandPath(),
				args[len(names)]).WithHint("Usage: %s", cmd.UseLine())
		}

		for _, name := range names[min(len(args), len(names)):] {
			if !strings.HasPrefix(name, "[") {
				return Usagef("%s: %s is missing.", cmd.CommandPath(),
					strings.TrimSuffix(name, "…")).WithHint("Usage: %s", cmd.UseLine())
			}
		}

		return nil
	}
}

// RequireFlags returns an error that names the flags that are missing or empty.
func RequireFlags(cmd *cobra.Command, flags ...string) error {
	missing := slices.DeleteFunc(slices.Clone(flags), func(name string) bool {
		flag := cmd.Flags().Lookup(name)
		return flag != nil && flag.Changed && flag.Value.String() != ""
	})
	if len(missing) == 0 {
		return nil
	}
	return Usagef("%s: --%s is missing.", cmd.CommandPath(), strings.Join(missing, ", --")).
		WithHint("`%s --help` explains the flags.", cmd.CommandPath())
}

// ExactlyOneFlag returns the name of the one flag that is given.
func ExactlyOneFlag(cmd *cobra.Command, flags ...string) (string, error) {
	given := slices.DeleteFunc(slices.Clone(flags), func(name string) bool { return !cmd.Flags().Changed(name) })
	if len(given) == 1 {
		return given[0], nil
	}
	return "", Usagef("%s: give exactly one of --%s.", cmd.CommandPath(), strings.Join(flags, ", --"))
}

// AddFormatFlag adds the flag --output to a command.
func AddFormatFlag(cmd *cobra.Command) *output.Format {
	format := output.FormatTable
	cmd.Flags().VarP(&format, "output", "o", "table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]string{string(output.FormatTable), string(output.FormatJSON), string(output.FormatYAML)},
		cobra.ShellCompDirectiveNoFileComp))
	return &format
}
