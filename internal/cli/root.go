package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newRootCommand makes the whole command tree.
func newRootCommand(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "lockstep",
		Short: "Keep CloudFormation stacks in lockstep with Git",
		Long: "Lockstep keeps CloudFormation stacks in lockstep with Git.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage; of wait also 3 timed out, 4 needs a person.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}

	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return wrongFlag(c, err) })
	root.AddGroup(&cobra.Group{ID: "server", Title: "Run it:"}, &cobra.Group{ID: "look", Title: "See what goes on:"},
		&cobra.Group{ID: "change", Title: "Change what is synced:"}, &cobra.Group{ID: "access", Title: "Say who may do what:"})
	in := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}

	in("server", newUpCommand(p), newServeCommand(p), newSandboxCommand(p))
	in("look", newStatusCommand(p), newWaitCommand(p), newWatchCommand(p), newHistoryCommand(p), newBlockersCommand(p))
	in("change", newInitCommand(p), newConnectCommand(p), newLinkCommand(p), newSyncCommand(p), newRetryCommand(p))
	in("change", newHostCommand(p), newTagCommand(p))
	in("access", newKeyCommand(p), newRoleCommand(p), newPolicyCommand(p))
	in("change", newApplyCommand(p), newExportCommand(p))
	root.AddCommand(newModelCommand(p), newVersionCommand(p))
	parent(root)

	return root
}

// parent makes a command that only has commands below it: alone it prints its
// help, and what it does not know is wrong usage.
func parent(c *cobra.Command) *cobra.Command {
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}

		err := usagef("%s knows no command %q.", c.CommandPath(), args[0])
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return err.try(fmt.Sprintf("Did you mean `%s %s`?", c.CommandPath(), near[0]))
		}

		return err.try(fmt.Sprintf("`%s --help` lists what there is.", c.CommandPath()))
	}

	c.SuggestionsMinimumDistance = 2
	c.RunE = func(*cobra.Command, []string) error { return c.Help() }
	return c
}

func wrongFlag(c *cobra.Command, err error) error {
	text := err.Error()
	return usagef("%s: %s.", c.CommandPath(), strings.TrimSuffix(text, ".")).
		try(fmt.Sprintf("`%s --help` lists the flags.", c.CommandPath()))
}

// arguments checks how many there are. Names in [brackets] may be left out.
func arguments(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usagef("%s: unexpected argument %q.", c.CommandPath(), args[len(names)]).
				try(fmt.Sprintf("Usage: %s", c.UseLine()))
		}

		for _, name := range names[len(args):] {
			if !strings.HasPrefix(name, "[") {
				return usagef("%s: %s is missing.", c.CommandPath(), name).try(fmt.Sprintf("Usage: %s", c.UseLine()))
			}
		}

		return nil
	}
}

// several checks for the names, the last of which may stand for more.
func several(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		return arguments(names...)(c, args[:min(len(args), len(names))])
	}
}

// require says which flags are missing.
func require(c *cobra.Command, flags ...string) error {
	missing := slices.DeleteFunc(flags, func(name string) bool {
		f := c.Flags().Lookup(name)
		return f != nil && f.Changed && f.Value.String() != ""
	})
	if len(missing) == 0 {
		return nil
	}
	return usagef("%s: --%s is missing.", c.CommandPath(), strings.Join(missing, ", --")).
		try(fmt.Sprintf("`%s --help` explains the flags.", c.CommandPath()))
}

// oneOf says that exactly one of some switches must be given, and gives it.
func oneOf(c *cobra.Command, flags ...string) (string, error) {
	given := slices.DeleteFunc(slices.Clone(flags), func(name string) bool { return !c.Flags().Changed(name) })
	if len(given) == 1 {
		return given[0], nil
	}
	problem := "is needed"
	if len(given) > 1 {
		problem = "may be given, not " + fmt.Sprint(len(given))
	}
	return "", usagef("%s: one of --%s %s.", c.CommandPath(), strings.Join(flags, ", --"), problem)
}
