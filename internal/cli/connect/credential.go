package connect

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxSecret is the API's limit of a credential, in bytes.
const maxSecret = 16384

// credentialFlags are the flags that give a connection its credential.
type credentialFlags struct {
	sshKey                    string
	app, installation, appKey string
	clientID, redirectURI     string
	clientSecretStdin         bool
	port                      int
}

func addCredentialFlags(flags *pflag.FlagSet) *credentialFlags {
	values := &credentialFlags{}
	flags.Bool("none", false, "the repositories need no credential")
	flags.Bool("basic-stdin", false, "read USER:PASSWORD from standard input")
	flags.Bool("token-stdin", false, "read a bearer token from standard input")
	flags.StringVar(&values.sshKey, "ssh-key", "", "private key without passphrase in `FILE`, - for standard input")

	flags.StringVar(&values.app, "app", "", "`ID` of a GitHub App")
	flags.StringVar(&values.installation, "installation", "", "`ID` of the app's installation")
	flags.StringVar(&values.appKey, "app-key", "", "the app's private key in `FILE`, - for standard input")

	flags.Bool("oauth", false, "authorize Lockstep in a browser")
	flags.StringVar(&values.clientID, "client-id", "", "client `ID` of the application that is registered at the host")
	flags.BoolVar(&values.clientSecretStdin, "client-secret-stdin", false,
		"read the application's client secret from the first line of standard input")
	flags.IntVar(&values.port, "port", 0,
		"`PORT` of this machine that the host redirects the browser to (default any free port)")
	flags.StringVar(&values.redirectURI, "redirect-uri", "",
		"`URL` that the application is registered with, instead of a port of this machine")

	return values
}

// kind returns the flag that selects the kind of credential. It returns an error
// if there is not exactly one, or if the other flags do not fit it.
func (c *credentialFlags) kind(cmd *cobra.Command) (string, error) {
	kind, err := command.ExactlyOneFlag(cmd, "none", "basic-stdin", "token-stdin", "ssh-key", "app", "oauth")
	if err != nil {
		return "", err
	}

	for requiredKind, flags := range map[string][]string{
		"app":   {"installation", "app-key"},
		"oauth": {"client-id", "client-secret-stdin", "port", "redirect-uri"},
	} {
		for _, name := range flags {
			if requiredKind != kind && cmd.Flags().Changed(name) {
				return "", command.Usagef("%s: --%s requires --%s.", cmd.CommandPath(), name, requiredKind)
			}
		}
	}

	switch {
	case kind == "app":
		return kind, command.RequireFlags(cmd, "app", "installation", "app-key")
	case kind == "oauth" && (c.port < 0 || c.port > 65535):
		return "", command.Usagef("%s: --port %d must be 0 to 65535.", cmd.CommandPath(), c.port)
	case kind == "oauth" && c.port > 0 && c.redirectURI != "":
		return "", command.Usagef("%s: give either --port or --redirect-uri.", cmd.CommandPath())
	case kind == "oauth":
		return kind, command.RequireFlags(cmd, "client-id")
	}

	return kind, nil
}

// read reads the credential from standard input or from a file. Errors do not
// show it.
func (c *credentialFlags) read(env *command.Env, kind string) (wire.Credential, error) {
	switch kind {
	case "none":
		return wire.Credential{Kind: wire.CredentialNone}, nil
	case "ssh-key":
		key, err := readPrivateKey(env, kind, c.sshKey)
		return wire.Credential{Kind: wire.CredentialSSHKey, Secret: key}, err
	case "app":
		key, err := readPrivateKey(env, "app-key", c.appKey)
		return wire.Credential{
			Kind:           wire.CredentialApp,
			AppId:          c.app,
			InstallationId: c.installation,
			Secret:         key,
		}, err
	}

	secret, err := env.ReadSecret(kind, 1, maxSecret)
	if err != nil {
		return wire.Credential{}, err
	}
	if kind == "token-stdin" {
		return wire.Credential{Kind: wire.CredentialToken, Secret: secret}, nil
	}

	user, password, ok := strings.Cut(secret, ":")
	if !ok || user == "" || password == "" {
		return wire.Credential{}, command.Usagef("--basic-stdin: standard input must be USER:PASSWORD.")
	}

	return wire.Credential{Kind: wire.CredentialBasic, Username: user, Secret: password}, nil
}

// readPrivateKey reads the file of a flag. The server checks the key.
func readPrivateKey(env *command.Env, flag, file string) (string, error) {
	if file == "-" && output.IsTerminal(env.Stdin) {
		return "", env.RequirePipe(flag)
	}

	key, err := env.ReadFile("file of --"+flag, file, maxSecret)
	if err != nil {
		return "", err
	}
	if !strings.Contains(key, "PRIVATE KEY-----") {
		return "", command.Usagef("--%s: %s is not a private key in PEM.", flag, file).
			WithHint("Give the private key: the file without .pub, which begins with -----BEGIN.")
	}

	return key, nil
}

// readCertificate reads the file of --certificate. The server checks the
// certificate.
func readCertificate(env *command.Env, file, endpoint string) (string, error) {
	if file == "" {
		return "", nil
	}
	if endpoint == "" {
		return "", command.Usagef("--certificate requires --endpoint.")
	}

	certificate, err := env.ReadFile("file of --certificate", file, maxSecret)
	if err != nil {
		return "", err
	}
	if !strings.Contains(certificate, "-----BEGIN CERTIFICATE-----") || strings.Contains(certificate, "PRIVATE KEY") {
		return "", command.Usagef("--certificate: %s must be a certificate in PEM, without a private key.", file)
	}

	return certificate, nil
}
