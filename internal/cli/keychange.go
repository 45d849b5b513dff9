package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newKeyListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list [--db URL]", Short: "List the access keys, without secrets", Args: arguments(), DisableFlagsInUseLine: true}
	k, format := keeps(p, c), formats(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		local, err := k.existing(c)
		if err != nil {
			return err
		}

		var keys []localKey
		if local {
			keys, err = localKeys(c.Context(), *k.db)
		} else {
			keys, err = k.remoteKeys(c.Context())
		}

		if err != nil {
			return err
		}

		return p.showKeys(keys, *format)
	}

	return c
}

func localKeys(ctx context.Context, o server.KeyOptions) ([]localKey, error) {
	all := []localKey{}
	keys, err := server.ListKeys(ctx, o)
	if err != nil {
		return nil, shown(err)
	}
	for _, k := range keys {
		all = append(all, localKey{keyOf(k), k.Account})
	}
	return all, nil
}

func (k keyring) remoteKeys(ctx context.Context) ([]localKey, error) {
	remote, err := k.connect(ctx)
	if err != nil {
		return nil, err
	}

	all := []localKey{}
	for key, err := range remote.AccessKeys(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, localKey{AccessKey: key})
	}

	return all, nil
}

func (p *program) showKeys(keys []localKey, f format) error {
	if f != asTable {
		return f.write(p.stdout, struct{ AccessKeys []localKey }{keys})
	}

	t := &table{}
	title := []any{"KEY", "PRINCIPAL", "ROLE", "STATUS", "CREATED", "ENDS"}
	withAccount := slices.ContainsFunc(keys, func(k localKey) bool { return k.Account != "" })
	if withAccount {
		title = slices.Insert(title, 1, any("ACCOUNT"))
	}

	t.add(title...)
	for _, k := range keys {
		row := []any{k.AccessKeyId, k.PrincipalName, strings.ToLower(k.Role), strings.ToLower(k.Status), moment(k.CreatedAt), moment(k.ExpiresAt)}
		if withAccount {
			row = slices.Insert(row, 1, any(k.Account))
		}

		t.add(row...)
	}

	return p.listed(t, "There is no access key. `lockstep key create` makes one.")
}

func newKeyDisableCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "disable ID [--db URL]",
		Short: "Disable an access key",
		Args:  arguments("ID"), DisableFlagsInUseLine: true,
	}

	k := keeps(p, c)
	c.RunE = func(c *cobra.Command, args []string) error {
		local, err := k.existing(c)
		if err != nil {
			return err
		}
		if !local {
			return p.setKeyStatus(c.Context(), k.reach, args[0], wire.KeyDisabled, "is disabled")
		}

		if err := server.DisableKey(c.Context(), *k.db, args[0]); err != nil {
			return shown(err)
		}

		return p.keyChanged(args[0], "is disabled")
	}

	return c
}

func newKeyEnableCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "enable ID", Short: "Let a disabled access key work again", Args: arguments("ID")}
	reach := reaches(p, c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.setKeyStatus(c.Context(), reach, args[0], wire.KeyActive, "works again")
	}
	return c
}

func (p *program) setKeyStatus(ctx context.Context, r *reach, id, status, done string) error {
	remote, err := r.connect(ctx)
	if err != nil {
		return err
	}
	if _, err := remote.UpdateAccessKey(ctx, &wire.UpdateAccessKeyInput{AccessKeyId: id, Status: status}); err != nil {
		return err
	}
	return p.keyChanged(id, done)
}

func (p *program) keyChanged(id, done string) error {
	_, err := fmt.Fprintf(p.stdout, "%s %s. Servers take notice within seconds.\n", plain(id), done)
	return err
}

func newKeyRotateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate ID [--keep-old-for TIME]",
		Short: "Make a key in the place of another, and print its secret, this once",
		Long: "Make a key in the place of another, for the same principal and with the same role, and print its secret, this once.\n" +
			"The old one works on for the time that is given, so that programs can change over.",
		Args: arguments("ID"), DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	keep := c.Flags().Duration("keep-old-for", 0, "how long the old key works on, such as 1h, at most 168h (default not at all)")
	c.PreRunE = func(c *cobra.Command, _ []string) error { return wholeSeconds(c, "keep-old-for", *keep) }
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		in := &wire.RotateAccessKeyInput{AccessKeyId: args[0]}
		if *keep > 0 {
			in.KeepOldFor = seconds(*keep)
		}

		out, err := remote.RotateAccessKey(ctx, in)
		if err != nil {
			return err
		}

		at := remote.Settings()
		err = p.showNewKey(newKey{localKey{AccessKey: out.AccessKey}, out.SecretAccessKey}, at.Endpoint, at.Region, *format)
		if err != nil || *format != asTable {
			return err
		}

		old := "works no longer"
		if *keep > 0 {
			old = "works for another " + brief(*keep)
		}

		_, err = fmt.Fprintf(p.stdout, "The old key %s %s.\n", plain(args[0]), old)
		return err
	})

	return c
}

// wholeSeconds refuses a time that the wire cannot carry.
func wholeSeconds(c *cobra.Command, flag string, d time.Duration) error {
	if d < 0 || d%time.Second != 0 {
		return usagef("%s: --%s %s is not a number of whole seconds.", c.CommandPath(), flag, d)
	}
	return nil
}

func seconds(d time.Duration) *int {
	n := int(d / time.Second)
	return &n
}

func newKeyDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "delete ID", Short: "Delete an access key for good", Args: arguments("ID")}
	reach := reaches(p, c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		if _, err := remote.DeleteAccessKey(ctx, &wire.DeleteAccessKeyInput{AccessKeyId: args[0]}); err != nil {
			return err
		}
		return p.keyChanged(args[0], "is deleted")
	})
	return c
}
