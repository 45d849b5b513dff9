package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockstephq/lockstep/internal/wire"
)

// maxSecret is the longest credential that the API takes.
const maxSecret = 16384

// credentialFlags are the ways in which a connection gets its credential, of which
// one is needed.
var credentialFlags = []string{"none", "basic-stdin", "token-stdin", "ssh-key", "app", "oauth"}

// giving is what the flags of credentials say.
type giving struct {
	sshKey                    string
	app, installation, appKey string
	clientID, redirectURI     string
	secretStdin               bool
	port                      int
}

func (g *giving) flags(f *pflag.FlagSet) {
	f.StringVar(&g.app, "app", "", "`ID` of a GitHub App")
	f.StringVar(&g.installation, "installation", "", "`ID` of the app's installation")
	f.StringVar(&g.appKey, "app-key", "", "the app's private key in `FILE`, - for standard input")
	f.Bool("oauth", false, "let Lockstep in in a browser")
	f.StringVar(&g.clientID, "client-id", "", "`ID` of the application that is registered at the host")
	f.BoolVar(&g.secretStdin, "client-secret-stdin", false, "read the application's secret from the first line of standard input")
	f.IntVar(&g.port, "port", 0, "`PORT` of this machine that the host sends the browser back to (default one that is free)")
	f.StringVar(&g.redirectURI, "redirect-uri", "", "`URL` that the application is registered with, in place of a port of this machine")
}

// check says which flags lack another, or go with another way.
func (g *giving) check(c *cobra.Command, kind string) error {
	belongs := map[string][]string{
		"app":   {"installation", "app-key"},
		"oauth": {"client-id", "client-secret-stdin", "port", "redirect-uri"},
	}
	for way, flags := range belongs {
		for _, name := range flags {
			if way != kind && c.Flags().Changed(name) {
				return usagef("%s: --%s goes with --%s.", c.CommandPath(), name, way)
			}
		}
	}

	switch kind {
	case "app":
		return require(c, "app", "installation", "app-key")
	case "oauth":
		if g.port < 0 || g.port > 65535 || g.port > 0 && g.redirectURI != "" {
			return usagef("%s: --port is a port of this machine, and --redirect-uri does without one.", c.CommandPath())
		}
		return require(c, "client-id")
	}

	return nil
}

// readCredential reads one line of standard input, or a file with a private key.
// What they hold is in no error.
func (p *program) readCredential(kind string, given *giving) (wire.Credential, error) {
	switch kind {
	case "none":
		return wire.Credential{Kind: wire.CredentialNone}, nil
	case "ssh-key":
		key, err := p.readPrivateKey(kind, given.sshKey)
		return wire.Credential{Kind: wire.CredentialSSHKey, Secret: key}, err
	case "app":
		key, err := p.readPrivateKey("app-key", given.appKey)
		return wire.Credential{Kind: wire.CredentialApp, AppId: given.app, InstallationId: given.installation, Secret: key}, err
	}

	secret, err := p.readSecret(kind)
	if err != nil {
		return wire.Credential{}, err
	}
	if kind == "token-stdin" {
		return wire.Credential{Kind: wire.CredentialToken, Secret: secret}, nil
	}

	user, password, ok := strings.Cut(secret, ":")
	if !ok || user == "" || password == "" {
		return wire.Credential{}, usagef("--basic-stdin: standard input is not USER:PASSWORD.")
	}

	return wire.Credential{Kind: wire.CredentialBasic, Username: user, Secret: password}, nil
}

// readSecret reads one line that is all of standard input.
func (p *program) readSecret(flag string) (string, error) {
	if terminal(p.stdin) {
		return "", usagef("--%s reads standard input, and that is a terminal, which would show the secret.", flag).
			try("Pass it by a pipe or a file, such as `printenv GIT_TOKEN | lockstep connect …`.")
	}

	text, err := io.ReadAll(io.LimitReader(p.stdin, 2*maxSecret))
	if err != nil {
		return "", fmt.Errorf("read the credential from standard input: %w", err)
	}

	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || len(secret) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", usagef("--%s: standard input is not one line of 1 to %d bytes.", flag, maxSecret)
	}

	return secret, nil
}

// readPrivateKey reads the file that holds one; the server looks closer.
func (p *program) readPrivateKey(flag, file string) (string, error) {
	from := p.stdin
	if file == "-" && terminal(from) {
		return "", usagef("--%s - reads standard input, and that is a terminal, which would show the key.", flag).
			try("Name the file instead.")
	}

	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", usagef("--%s: %s", flag, err)
		}
		defer f.Close()

		from = f
	}

	text, err := io.ReadAll(io.LimitReader(from, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the private key: %w", err)
	}
	if len(text) > maxSecret || !strings.Contains(string(text), "PRIVATE KEY-----") {
		return "", usagef("--%s: this is no private key in PEM of at most %d bytes.", flag, maxSecret).
			try("Name the private half, the file without .pub, which begins with -----BEGIN.")
	}

	return string(text), nil
}

// readCertificate reads the file of --certificate, which goes with a host of
// one's own; the server looks closer.
func readCertificate(file, endpoint string) (string, error) {
	if file == "" {
		return "", nil
	}
	if endpoint == "" {
		return "", usagef("--certificate is a host's: it goes with --endpoint.")
	}

	f, err := os.Open(file)
	if err != nil {
		return "", usagef("--certificate: %s", err)
	}
	defer f.Close()

	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the certificate: %w", err)
	}
	if len(text) > maxSecret || !strings.Contains(string(text), "-----BEGIN CERTIFICATE-----") || strings.Contains(string(text), "PRIVATE KEY") {
		return "", usagef("--certificate: this is no certificate in PEM of at most %d bytes, or it holds a private key too.", maxSecret)
	}

	return string(text), nil
}
