package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxPolicy is more than the longest policy that the API takes, in bytes.
const maxPolicy = 1 << 17

func newPolicyCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "policy",
		Short: "Say by Cedar policies who may do what",
		Long: "Say by Cedar policies who may do what, beyond the roles that keys have. What no policy and no role permits is\n" +
			"denied, and what one forbids is denied whatever others permit. For example:\n\n" +
			"  permit (principal == User::\"ci\", action in Action::\"Operate\", resource is SyncConfiguration)\n" +
			"  when { resource.branch == \"main\" };",
	})
	c.AddCommand(newPolicyPutCommand(p), newPolicyGetCommand(p), newPolicyListCommand(p), newPolicyDeleteCommand(p), newPolicyCheckCommand(p))
	return c
}

func newPolicyPutCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "put NAME FILE",
		Short: "Make a policy of a file, or replace it",
		Long:  "Make a policy of a file, or replace the one with the name. FILE - is standard input.",
		Args:  arguments("NAME", "FILE"),
	}

	reach := reaches(p, c)
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := p.readPolicy(args[1])
		if err != nil {
			return err
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}
		if _, err := remote.PutPolicy(c.Context(), &wire.PutPolicyInput{Name: args[0], Document: text}); err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "Policy %s is in force. Servers take notice within seconds.\n", plain(args[0]))
		return err
	}

	return c
}

// readPolicy reads a file, or standard input for "-".
func (p *program) readPolicy(file string) (string, error) {
	in := p.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", usagef("There is no policy to be read: %s.", err)
		}
		defer f.Close()

		in = f
	}

	text, err := io.ReadAll(io.LimitReader(in, maxPolicy+1))
	if err != nil {
		return "", fmt.Errorf("read the policy from %s: %w", file, err)
	}
	if len(text) > maxPolicy {
		return "", usagef("%s is no policy: it has more than %d bytes.", file, maxPolicy)
	}

	return string(text), nil
}

func newPolicyGetCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "get NAME",
		Short: "Print a policy",
		Long:  "Print a policy's text, as `lockstep policy put` takes it; with -o json or yaml all that is known of it.",
		Args:  arguments("NAME"),
	}

	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		out, err := remote.GetPolicy(ctx, &wire.GetPolicyInput{Name: args[0]})
		if err != nil {
			return err
		}
		if *format != asTable {
			return format.write(p.stdout, out.Policy)
		}

		text := out.Policy.Document
		if terminal(p.stdout) {
			text = lockstep.Sanitize(text)
		}

		_, err = io.WriteString(p.stdout, text)
		return err
	})

	return c
}

func newPolicyListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the policies", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		all, err := client.All(remote.Policies(ctx))
		if err != nil {
			return err
		}
		if *format != asTable {
			return format.write(p.stdout, struct{ Policies []wire.Policy }{all})
		}

		t := &table{}
		t.add("POLICY", "BYTES", "CREATED", "CHANGED")
		for _, found := range all {
			t.add(found.Name, len(found.Document), moment(found.CreatedAt), moment(found.UpdatedAt))
		}

		return p.listed(t, "There is no policy: the roles of keys alone say who may do what.")
	})

	return c
}

func newPolicyDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete NAME [--db URL [--account ID]]",
		Short: "Delete a policy",
		Long: "Delete a policy. With --db it is deleted in the server's database itself, whether the server runs or not: the way\n" +
			"out when a policy forbids everybody everything.",
		Args: arguments("NAME"), DisableFlagsInUseLine: true,
	}

	k := keeps(p, c)
	account := c.Flags().String("account", defaultAccount, "the policy's account, with --db: twelve digits")
	c.RunE = func(c *cobra.Command, args []string) error {
		local, err := k.existing(c)
		if err != nil {
			return err
		}

		if local {
			if err = server.DeletePolicy(c.Context(), *k.db, *account, args[0]); err != nil {
				return shown(err)
			}
		} else {
			err = k.reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
				_, err := remote.DeletePolicy(ctx, &wire.DeletePolicyInput{Name: args[0]})
				return err
			})(c, args)
		}

		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "Policy %s is no longer in force. Servers take notice within seconds.\n", plain(args[0]))
		return err
	}

	return c
}

func newPolicyCheckCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Say what is wrong with policies, without a server",
		Long:  "Say what is wrong with the text of policies, as FILE:LINE:COLUMN: message, without a server. FILE - is standard input.",
		Args:  several("FILE"), DisableFlagsInUseLine: true,
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		wrong := false
		for _, file := range args {
			text, err := p.readPolicy(file)
			if err != nil {
				return err
			}

			if err := policy.Validate(text); err != nil {
				wrong = true
				fmt.Fprintln(p.stderr, plain(placed(file, err)))
			}
		}

		if wrong {
			return exit(exitFailed)
		}

		return nil
	}

	return c
}

// placed puts before an error where it is.
func placed(file string, err error) string {
	var e *policy.SyntaxError
	if !errors.As(err, &e) {
		return file + ": " + err.Error()
	}
	return fmt.Sprintf("%s:%d:%d: %s", file, e.Line, e.Column, e.Message)
}
