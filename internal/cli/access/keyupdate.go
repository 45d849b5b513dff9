package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newKeyListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "list [--db URL]",
		Short:                 "List access keys",
		Args:                  command.Args(),
		DisableFlagsInUseLine: true,
	}

	source, format := addSourceFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		isDatabase, err := source.isExistingDatabase(cmd)
		if err != nil {
			return err
		}

		list := source.serverKeys
		if isDatabase {
			list = source.databaseKeys
		}

		keys, err := list(cmd.Context())
		if err != nil {
			return err
		}

		return showKeys(env, keys, *format)
	}

	return cmd
}

func (s sourceFlags) databaseKeys(ctx context.Context) ([]accessKey, error) {
	found, err := server.ListKeys(ctx, *s.database)
	if err != nil {
		return nil, databaseError(err)
	}

	keys := []accessKey{}
	for _, key := range found {
		keys = append(keys, accessKey{keyFrom(key), key.Account})
	}
	return keys, nil
}

func (s sourceFlags) serverKeys(ctx context.Context) ([]accessKey, error) {
	remote, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}

	keys := []accessKey{}
	for key, err := range remote.AccessKeys(ctx) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, accessKey{AccessKey: key})
	}

	return keys, nil
}

func showKeys(env *command.Env, keys []accessKey, format output.Format) error {
	if format.IsDocument() {
		return format.Write(env.Stdout, struct{ AccessKeys []accessKey }{keys})
	}

	table := &output.Table{}
	withAccount := slices.ContainsFunc(keys, func(key accessKey) bool { return key.Account != "" })
	addRow := func(account any, row ...any) {
		if withAccount {
			row = slices.Insert(row, 1, account)
		}
		table.Add(row...)
	}

	addRow("ACCOUNT", "KEY", "PRINCIPAL", "ROLE", "STATUS", "CREATED", "EXPIRES")
	for _, key := range keys {
		addRow(key.Account, key.AccessKeyId, key.PrincipalName, strings.ToLower(key.Role), strings.ToLower(key.Status),
			output.LocalTime(key.CreatedAt), output.LocalTime(key.ExpiresAt))
	}

	return table.WriteList(env.Stdout, "No access keys. `lockstep key create` creates one.")
}

func newKeyDisableCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "disable ID [--db URL]",
		Short:                 "Disable an access key",
		Args:                  command.Args("ID"),
		DisableFlagsInUseLine: true,
	}

	source := addSourceFlags(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		isDatabase, err := source.isExistingDatabase(cmd)
		if err != nil {
			return err
		}
		if !isDatabase {
			return source.Run(updateKeyStatus(env, wire.KeyDisabled, "Disabled"))(cmd, args)
		}

		if err := server.DisableKey(cmd.Context(), *source.database, args[0]); err != nil {
			return databaseError(err)
		}

		return printKeyChange(env, "Disabled", args[0])
	}

	return cmd
}

func newKeyEnableCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "enable ID", Short: "Enable a disabled access key", Args: command.Args("ID")}
	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(updateKeyStatus(env, wire.KeyActive, "Enabled"))
	return cmd
}

// updateKeyStatus returns the action of a command that sets a key's status.
func updateKeyStatus(
	env *command.Env, status, done string,
) func(ctx context.Context, remote *client.Client, args []string) error {
	return func(ctx context.Context, remote *client.Client, args []string) error {
		_, err := remote.UpdateAccessKey(ctx, &wire.UpdateAccessKeyInput{AccessKeyId: args[0], Status: status})
		if err != nil {
			return err
		}
		return printKeyChange(env, done, args[0])
	}
}

func printKeyChange(env *command.Env, done, id string) error {
	return env.Printf("%s access key %s. Servers apply the change within seconds.\n", done, id)
}

func newKeyRotateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate ID [--keep-old-for TIME]",
		Short: "Replace an access key",
		Long: "Create a new key with the principal and role of the key ID, and print its secret. The secret is\n" +
			"not shown again. The old key stops working after the given time, so that clients can switch.",
		Args:                  command.Args("ID"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	keepOld := cmd.Flags().Duration("keep-old-for", 0,
		"how long the old key keeps working, such as 1h, at most 168h (default 0)")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return checkSeconds(cmd, "keep-old-for", *keepOld) }
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		response, err := remote.RotateAccessKey(ctx, &wire.RotateAccessKeyInput{
			AccessKeyId: args[0],
			KeepOldFor:  optionalSeconds(*keepOld),
		})
		if err != nil {
			return err
		}

		settings := remote.Settings()
		key := newKey{accessKey{AccessKey: response.AccessKey}, response.SecretAccessKey}
		if err := showNewKey(env, key, settings.Endpoint, settings.Region, *format); err != nil || format.IsDocument() {
			return err
		}

		if *keepOld > 0 {
			return env.Printf("The old key %s works for another %s.\n", args[0], output.Duration(*keepOld))
		}
		return env.Printf("The old key %s no longer works.\n", args[0])
	})

	return cmd
}

// checkSeconds returns an error for a duration that the API cannot represent.
func checkSeconds(cmd *cobra.Command, flag string, duration time.Duration) error {
	if duration < 0 || duration%time.Second != 0 {
		return command.Usagef("%s: --%s %s must be a whole number of seconds.", cmd.CommandPath(), flag, duration)
	}
	return nil
}

// optionalSeconds returns a duration in seconds, or nil for 0.
func optionalSeconds(duration time.Duration) *int {
	if duration == 0 {
		return nil
	}
	return new(int(duration / time.Second))
}

func newKeyDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "delete ID", Short: "Delete an access key", Args: command.Args("ID")}
	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		if _, err := remote.DeleteAccessKey(ctx, &wire.DeleteAccessKeyInput{AccessKeyId: args[0]}); err != nil {
			return err
		}
		return printKeyChange(env, "Deleted", args[0])
	})
	return cmd
}
