package configure

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxSigners is the API's limit of a list of signers, in bytes.
const maxSigners = 64 << 10

func newSyncSignersCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "signers RESOURCE [--allowed-signers FILE] [--openpgp-keys FILE] | --anybody",
		Short: "Manage the signature policy of a resource",
		Long: "Manage the signature policy of a resource: who must have signed a commit before the resource is\n" +
			"synced to it. The sync of any other commit fails. Without a flag, show the signers.\n\n" +
			"FILE is a list in the allowed_signers format of OpenSSH, as for git, or OpenPGP public keys in\n" +
			"ASCII armor (gpg --armor --export). The files replace the whole policy. --anybody removes it.\n\n" +
			"In a list of allowed signers, the option namespaces must include git; valid-after and\n" +
			"valid-before apply to the time of the commit and to the present.",
		Example:               "  lockstep sync signers web --allowed-signers .ssh/allowed_signers",
		Args:                  command.Args("RESOURCE"),
		DisableFlagsInUseLine: true,
	}

	server, format, signers := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd), addSignerFlags(cmd)
	anybody := cmd.Flags().Bool("anybody", false, "sync commits with any signature or none")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *anybody && *signers != (signerFlags{}) {
			return command.Usagef("%s: give either --anybody or files with signers.", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) (err error) {
		switch {
		case *anybody:
			return deleteSigners(ctx, env, remote, args[0])
		case *signers == signerFlags{}:
			return showSigners(ctx, env, remote, args[0], *format)
		}

		request := &wire.PutSignaturePolicyInput{SyncType: command.SyncType, ResourceName: args[0]}
		if request.AllowedSigners, request.PublicKeys, err = signers.read(env); err != nil {
			return err
		}
		if _, err := remote.PutSignaturePolicy(ctx, request); err != nil {
			return err
		}

		return env.Printf("Replaced the signature policy of %s: only commits signed by these signers are synced.\n",
			args[0])
	})

	return cmd
}

// signerFlags are the files with signers, "" if not given.
type signerFlags struct{ allowedSigners, openPGPKeys string }

func addSignerFlags(cmd *cobra.Command) *signerFlags {
	s := &signerFlags{}
	cmd.Flags().StringVar(&s.allowedSigners, "allowed-signers", "", "`FILE` of allowed signers")
	cmd.Flags().StringVar(&s.openPGPKeys, "openpgp-keys", "", "`FILE` of OpenPGP public keys")
	return s
}

// read reads the files that are given.
func (s *signerFlags) read(env *command.Env) (allowedSigners, publicKeys string, err error) {
	if s.allowedSigners != "" {
		if allowedSigners, err = env.ReadFile("file of --allowed-signers", s.allowedSigners, maxSigners); err != nil {
			return "", "", err
		}
	}

	if s.openPGPKeys != "" {
		publicKeys, err = env.ReadFile("file of --openpgp-keys", s.openPGPKeys, maxSigners)
	}
	return allowedSigners, publicKeys, err
}

func deleteSigners(ctx context.Context, env *command.Env, remote *client.Client, resource string) error {
	_, err := remote.DeleteSignaturePolicy(ctx, &wire.DeleteSignaturePolicyInput{
		SyncType:     command.SyncType,
		ResourceName: resource,
	})
	if err != nil {
		return err
	}
	return env.Printf("Removed the signature policy of %s: all commits of its branch are synced, signed or not.\n",
		resource)
}

func showSigners(
	ctx context.Context, env *command.Env, remote *client.Client, resource string, format output.Format,
) error {
	response, err := remote.GetSignaturePolicy(ctx, &wire.GetSignaturePolicyInput{
		SyncType:     command.SyncType,
		ResourceName: resource,
	})
	if err != nil {
		return err
	}
	if format.IsDocument() {
		return format.Write(env.Stdout, response)
	}

	for _, text := range []string{response.AllowedSigners, response.PublicKeys} {
		for line := range strings.Lines(text) {
			if err := env.Printf("%s\n", line); err != nil {
				return err
			}
		}
	}

	return nil
}
