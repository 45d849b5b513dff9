package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxSigners is the longest list that the API takes, in bytes.
const maxSigners = 64 << 10

func newSyncSignersCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "signers RESOURCE [--allowed-signers FILE] [--openpgp-keys FILE] | --anybody",
		Short: "Say whose signed commits a resource is brought to",
		Long: "Say whose signed commits a resource is brought to: a commit that none of them signed fails, whoever pushed it. FILE is\n" +
			"a list in OpenSSH's allowed_signers form, as git verifies with, or OpenPGP public keys in ASCII armour\n" +
			"(gpg --armor --export). Both replace what was said before. --anybody takes all commits again; without a flag it says\n" +
			"who may sign.\n\n" +
			"  lockstep sync signers web --allowed-signers .ssh/allowed_signers\n\n" +
			"An option namespaces must list git; valid-after and valid-before hold for when the commit was made and for now.",
		Args: arguments("RESOURCE"), DisableFlagsInUseLine: true,
	}

	reach, format, who := reaches(p, c), formats(c), signs(c)
	anybody := c.Flags().Bool("anybody", false, "take commits with any signature or none")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if *anybody && *who != (signers{}) {
			return usagef("%s: --anybody takes away what the other flags would say.", c.CommandPath())
		}
		return nil
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		switch {
		case *anybody:
			return p.anybodySigns(ctx, remote, args[0])
		case *who == signers{}:
			return p.showSigners(ctx, remote, args[0], *format)
		}

		in := &wire.PutSignaturePolicyInput{SyncType: syncType, ResourceName: args[0]}
		var err error
		if in.AllowedSigners, in.PublicKeys, err = who.read(); err != nil {
			return err
		}

		if _, err := remote.PutSignaturePolicy(ctx, in); err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is brought to commits that one of these has signed, and to no others.\n", plain(args[0]))
		return err
	})

	return c
}

// signers are the files that say who may sign, "" where none is named.
type signers struct{ allowed, keys string }

func signs(c *cobra.Command) *signers {
	s := &signers{}
	c.Flags().StringVar(&s.allowed, "allowed-signers", "", "`FILE` of allowed signers")
	c.Flags().StringVar(&s.keys, "openpgp-keys", "", "`FILE` of OpenPGP public keys")
	return s
}

func (s *signers) read() (allowed, keys string, err error) {
	if allowed, err = readSigners(s.allowed); err != nil {
		return "", "", err
	}
	keys, err = readSigners(s.keys)
	return allowed, keys, err
}

// readSigners reads a file, if one is named.
func readSigners(file string) (string, error) {
	if file == "" {
		return "", nil
	}

	f, err := os.Open(file)
	if err != nil {
		return "", usagef("There is no list of signers to be read: %s.", err)
	}
	defer f.Close()

	b, err := io.ReadAll(io.LimitReader(f, maxSigners+1))
	if err != nil {
		return "", fmt.Errorf("read the signers from %s: %w", file, err)
	}
	if len(b) > maxSigners || strings.TrimSpace(string(b)) == "" {
		return "", usagef("%s is no list of signers: it has not 1 to %d bytes.", file, maxSigners)
	}

	return string(b), nil
}

func (p *program) anybodySigns(ctx context.Context, remote *client.Client, resource string) error {
	_, err := remote.DeleteSignaturePolicy(ctx, &wire.DeleteSignaturePolicyInput{SyncType: syncType, ResourceName: resource})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s is brought to all commits of its branch, signed or not.\n", plain(resource))
	return err
}

func (p *program) showSigners(ctx context.Context, remote *client.Client, resource string, f format) error {
	out, err := remote.GetSignaturePolicy(ctx, &wire.GetSignaturePolicyInput{SyncType: syncType, ResourceName: resource})
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, out)
	}

	for _, text := range []string{out.AllowedSigners, out.PublicKeys} {
		for line := range strings.Lines(text) {
			if _, err := fmt.Fprintln(p.stdout, plain(strings.TrimRight(line, "\r\n"))); err != nil {
				return err
			}
		}
	}

	return nil
}
