package access

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxPolicy is above the API's limit of a policy, in bytes.
const maxPolicy = 1 << 17

// NewPolicyCommand returns the command policy.
func NewPolicyCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{
			Use:   "policy",
			Short: "Manage access policies",
			Long: "Manage Cedar policies, which add to the permissions of roles. What neither a policy nor a role\n" +
				"permits is denied; what one policy forbids is denied whatever others permit. For example:\n\n" +
				"  permit (principal == User::\"ci\", action in Action::\"Operate\", resource is SyncConfiguration)\n" +
				"  when { resource.branch == \"main\" };",
		},
		newPolicyPutCommand(env), newPolicyGetCommand(env), newPolicyListCommand(env), newPolicyDeleteCommand(env),
		newPolicyCheckCommand(env))
}

func newPolicyPutCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put NAME FILE",
		Short: "Create or replace a policy",
		Long:  "Create a policy from a file, or replace the one with this name. FILE - is standard input.",
		Args:  command.Args("NAME", "FILE"),
	}

	server := command.AddServerFlags(env, cmd)
	var text string
	cmd.PreRunE = func(_ *cobra.Command, args []string) (err error) {
		text, err = env.ReadFile("policy", args[1], maxPolicy)
		return err
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		if _, err := remote.PutPolicy(ctx, &wire.PutPolicyInput{Name: args[0], Document: text}); err != nil {
			return err
		}
		return env.Printf("Saved policy %s. Servers apply it within seconds.\n", args[0])
	})

	return cmd
}

func newPolicyGetCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Print a policy",
		Long: "Print the text of a policy, as `lockstep policy put` reads it. With -o json or yaml, print its\n" +
			"other members too.",
		Args: command.Args("NAME"),
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		response, err := remote.GetPolicy(ctx, &wire.GetPolicyInput{Name: args[0]})
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, response.Policy)
		}

		text := response.Policy.Document
		if output.IsTerminal(env.Stdout) {
			text = lockstep.Sanitize(text)
		}

		_, err = io.WriteString(env.Stdout, text)
		return err
	})

	return cmd
}

func newPolicyListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List policies", Args: command.Args()}
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		policies, err := client.All(remote.Policies(ctx))
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, struct{ Policies []wire.Policy }{policies})
		}

		table := &output.Table{}
		table.Add("POLICY", "BYTES", "CREATED", "UPDATED")
		for _, found := range policies {
			table.Add(found.Name, len(found.Document), output.LocalTime(found.CreatedAt),
				output.LocalTime(found.UpdatedAt))
		}

		return table.WriteList(env.Stdout, "No policies. Only the roles of keys grant permissions.")
	})

	return cmd
}

func newPolicyDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME [--db URL [--account ID]]",
		Short: "Delete a policy",
		Long: "Delete a policy. With --db, delete it in the server's database, whether or not the server runs:\n" +
			"use this if a policy forbids everything to everybody.",
		Args:                  command.Args("NAME"),
		DisableFlagsInUseLine: true,
	}

	source := addSourceFlags(env, cmd)
	account := cmd.Flags().String("account", defaultAccount, "with --db: account of the policy, twelve digits")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		isDatabase, err := source.isExistingDatabase(cmd)
		if err != nil {
			return err
		}

		if isDatabase {
			if err := server.DeletePolicy(cmd.Context(), *source.database, *account, args[0]); err != nil {
				return databaseError(err)
			}
		} else {
			remote, err := source.Connect(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := remote.DeletePolicy(cmd.Context(), &wire.DeletePolicyInput{Name: args[0]}); err != nil {
				return err
			}
		}

		return env.Printf("Deleted policy %s. Servers apply the change within seconds.\n", args[0])
	}

	return cmd
}

func newPolicyCheckCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check policies without a server",
		Long: "Check policies without a server. Errors are printed as FILE:LINE:COLUMN: message. FILE - is\n" +
			"standard input.",
		Args:                  command.Args("FILE…"),
		DisableFlagsInUseLine: true,
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		valid := true
		for _, file := range args {
			text, err := env.ReadFile("policy", file, maxPolicy)
			if err != nil {
				return err
			}

			if err := policy.Validate(text); err != nil {
				valid = false
				_ = output.Fprintf(env.Stderr, "%s\n", withPosition(file, err))
			}
		}

		if !valid {
			return command.Exit(command.ExitFailed)
		}

		return nil
	}

	return cmd
}

// withPosition returns an error with the place that it is about.
func withPosition(file string, err error) string {
	if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
		return fmt.Sprintf("%s:%d:%d: %s", file, syntax.Line, syntax.Column, syntax.Message)
	}
	return file + ": " + err.Error()
}
