package cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newConnectCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use: "connect NAME --provider TYPE [--endpoint URL]\n" +
			"    (--none | --basic-stdin | --token-stdin | --ssh-key FILE | --app ID --installation ID --app-key FILE | --oauth --client-id ID)",
		Short: "Make a connection to a Git host",
		Long: "Make a connection to a Git host, and the host if it is new, and give the connection its credential.\n" +
			"For a connection that is there already the credential is replaced. Secrets come from standard input, a private key also from a file:\n\n" +
			"  printenv GIT_TOKEN | lockstep connect acme --provider Git --endpoint https://git.example.com --token-stdin\n" +
			"  lockstep connect infra --provider Git --endpoint ssh://git@git.example.com --ssh-key deploy_key\n" +
			"  lockstep connect hub --provider GitHub --app 12345 --installation 67890 --app-key app.pem\n" +
			"  lockstep connect lab --provider GitLab --oauth --client-id ID\n\n" +
			"The Git host is asked whether the credential works; one that it refuses is not stored. With --oauth it prints a URL, waits\n" +
			"until you have let Lockstep in there, and renews what it got from then on. The application is registered at the host, with the\n" +
			"redirect URI http://127.0.0.1:PORT/callback of --port, or with any of yours by --redirect-uri: then paste what the host\n" +
			"sends your browser to, or the code in it, into standard input.\n\n" +
			"Over SSH the server must know the host's key: github.com, gitlab.com, bitbucket.org and ssh.dev.azure.com are\n" +
			"known, others are told to it by its setting known-hosts.\n\n" +
			"A connection called like one of the commands below is made by the API alone.",
		Args:                  arguments("NAME"),
		DisableFlagsInUseLine: true,
	}

	c.AddCommand(newConnectListCommand(p), newConnectShowCommand(p), newConnectDeleteCommand(p))
	reach, format := reaches(p, c), formats(c)
	f := c.Flags()
	w := wanting{}
	f.StringVar(&w.provider, "provider", "", "type of the Git host: "+wire.ProviderGit+" for any, or GitHub, GitLab, …")
	f.StringVar(&w.endpoint, "endpoint", "", "URL below which the host's repositories are (default the provider's own, or the one Git host there is)")
	certificate := f.String("certificate", "", "`FILE` with the host's TLS certificate in PEM, where no public authority vouches for it")
	f.Bool("none", false, "the repositories need no credential")
	f.Bool("basic-stdin", false, "read USER:PASSWORD from standard input")
	f.Bool("token-stdin", false, "read a bearer token from standard input")
	given := giving{}
	f.StringVar(&given.sshKey, "ssh-key", "", "private key without passphrase in `FILE`, - for standard input")
	given.flags(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		w.name = args[0]
		if err := require(c, "provider"); err != nil {
			return err
		}
		if err := p.prepareConnect(c, &w, &given, *certificate); err != nil {
			return err
		}
		defer w.letIn.close()

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		return p.connect(c.Context(), remote, *format, w)
	}

	return c
}

// prepareConnect checks what was asked for and reads the secrets, before anything
// is made.
func (p *program) prepareConnect(c *cobra.Command, w *wanting, given *giving, certificate string) error {
	kind, err := oneOf(c, credentialFlags...)
	if err != nil {
		return err
	}
	if err := given.check(c, kind); err != nil {
		return err
	}

	user, err := takeSSHUser(&w.endpoint)
	if err != nil {
		return err
	}
	if overSSH := strings.HasPrefix(w.endpoint, "ssh://"); w.endpoint != "" && overSSH != (kind == "ssh-key") {
		return usagef("--%s does not fit --endpoint %s: a private key is for ssh://, and nothing else is.", kind, plain(w.endpoint))
	}

	if w.certificate, err = readCertificate(certificate, w.endpoint); err != nil {
		return err
	}

	if kind == "oauth" {
		w.letIn, err = p.prepareLetIn(given)
		return err
	}

	w.credential, err = p.readCredential(kind, given)
	if kind == "ssh-key" {
		w.credential.Username = user
	}

	return err
}

// wanting is the connection that is asked for.
type wanting struct {
	name, provider, endpoint string
	certificate              string // in PEM, "" where none is given
	credential               wire.Credential
	letIn                    *letIn // where a person gives the credential, else nil
}

// takeSSHUser takes the user out of ssh://USER@HOST, the form in which such
// addresses are known: who is asked as belongs to the connection, not to the
// host.
func takeSSHUser(endpoint *string) (user string, err error) {
	u, err := url.Parse(*endpoint)
	if err == nil && u.Scheme == "ssh" && u.User != nil {
		if _, secret := u.User.Password(); !secret {
			user, u.User = u.User.Username(), nil
			*endpoint = u.String()
		}
	}
	return user, checkGitEndpoint(*endpoint)
}

// usualCredential is the flag that most hosts of a kind need.
func usualCredential(endpoint string) string {
	if strings.HasPrefix(endpoint, "ssh://") {
		return "--ssh-key FILE"
	}
	return "--token-stdin"
}

// checkGitEndpoint refuses a secret in an argument, before anything shows it.
func checkGitEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return usagef("--endpoint is not a URL.").try("Write it like https://git.example.com.")
	}
	if u.User != nil {
		return usagef("--endpoint must hold no user name and no password.").
			try("Leave them out, and give them by --basic-stdin or --token-stdin. If the password was real, change it: arguments are seen by others on this machine.")
	}
	return nil
}

// connected is the document of `connect`.
type connected struct {
	ConnectionArn    string
	ConnectionName   string
	ConnectionStatus string
	HostArn          string `json:",omitzero"`
}

func (p *program) connect(ctx context.Context, remote *client.Client, f format, w wanting) error {
	namesakes, err := namesakesOf(ctx, remote, w.name)
	if err != nil {
		return err
	}

	host, err := findHost(ctx, remote, w, len(namesakes) > 0)
	if err != nil {
		return err
	}

	if w.certificate != "" {
		_, err := remote.PutHostCertificate(ctx, &wire.PutHostCertificateInput{HostArn: host, TlsCertificate: w.certificate})
		if err != nil {
			return err
		}
	}

	arn, isNew, err := findConnection(ctx, remote, w, host, namesakes)
	if err != nil {
		return err
	}

	if w.letIn != nil {
		if w.credential, err = p.letIn(ctx, remote, arn, w.letIn); err != nil {
			return err
		}
	}

	out, err := remote.CompleteConnection(ctx, &wire.CompleteConnectionInput{ConnectionArn: arn, Credential: w.credential})
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, connected{arn, w.name, out.ConnectionStatus, host})
	}

	done := "connected"
	if !isNew {
		done = "has a new credential"
	}

	_, err = fmt.Fprintf(p.stdout, "%s %s (%s)\n%s\nNext: lockstep link create --connection %s --repository OWNER/NAME\n",
		plain(w.name), done, plain(out.ConnectionStatus), plain(arn), shellWord(plain(w.name)))
	return err
}

// atOnePlace are the types of hosts that are at a place of their own.
var atOnePlace = []string{"Bitbucket", "GitHub", "GitLab", "AzureDevOps"}

// findHost gives the ARN of the host with the endpoint, which it makes where
// there is none, unless the name is taken elsewhere. A provider with an endpoint of
// its own needs no host.
func findHost(ctx context.Context, remote *client.Client, w wanting, taken bool) (arn string, err error) {
	if w.endpoint == "" && slices.Contains(atOnePlace, w.provider) {
		return "", nil
	}

	all, err := hosts(ctx, remote)
	if err != nil {
		return "", err
	}

	ofType := slices.DeleteFunc(all, func(h types.Host) bool { return string(h.ProviderType) != w.provider })
	for _, h := range ofType {
		if sameEndpoint(aws.ToString(h.ProviderEndpoint), w.endpoint) || w.endpoint == "" && len(ofType) == 1 {
			return aws.ToString(h.HostArn), nil
		}
	}

	if w.endpoint == "" {
		return "", usagef("--endpoint is missing, and there are %d hosts of type %s.", len(ofType), w.provider).
			try("Say below which URL the repositories are, such as --endpoint https://git.example.com.")
	}
	if taken {
		return "", elsewhere(w.name)
	}

	made, err := remote.AWS.CreateHost(ctx, &codeconnections.CreateHostInput{Name: aws.String(hostName(w.endpoint)),
		ProviderType: types.ProviderType(w.provider), ProviderEndpoint: aws.String(w.endpoint)})
	if err != nil {
		return "", err
	}

	return aws.ToString(made.HostArn), nil
}

func sameEndpoint(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// hostName makes a host's name of its endpoint.
func hostName(endpoint string) string {
	name := endpoint
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		name = u.Host
	}
	return cut(name, 64)
}

// namesakesOf gives the connections of a name.
func namesakesOf(ctx context.Context, remote *client.Client, name string) ([]types.Connection, error) {
	all, err := connections(ctx, remote)
	return slices.DeleteFunc(all, func(c types.Connection) bool { return aws.ToString(c.ConnectionName) != name }), err
}

// elsewhere refuses a second connection of one name, which the API would take:
// who names it could mean either, here and in files.
func elsewhere(name string) error {
	return &failure{problem: fmt.Sprintf("There is a connection %s already, at another host or provider.", name),
		remedy: "Take another name, or say with --provider and --endpoint where that one is: `lockstep connect list` shows it."}
}

// findConnection gives the one connection of that name at that host, or makes
// it. Names need not be unique: of two the newest is no better than the other.
func findConnection(ctx context.Context, remote *client.Client, w wanting, host string, namesakes []types.Connection) (arn string, isNew bool, err error) {
	for _, c := range namesakes {
		if string(c.ProviderType) != w.provider || aws.ToString(c.HostArn) != host {
			continue
		}
		if arn != "" {
			return "", false, &failure{problem: fmt.Sprintf("There are two connections %s to this host already.", w.name),
				remedy: "Take another name, or delete one with `lockstep connect delete ARN`."}
		}

		arn = aws.ToString(c.ConnectionArn)
	}

	if arn != "" {
		return arn, false, nil
	}
	if len(namesakes) > 0 {
		return "", false, elsewhere(w.name)
	}

	in := &codeconnections.CreateConnectionInput{ConnectionName: aws.String(w.name)}
	if host != "" {
		in.HostArn = aws.String(host)
	} else {
		in.ProviderType = types.ProviderType(w.provider)
	}

	made, err := remote.AWS.CreateConnection(ctx, in)
	if err != nil {
		return "", false, err
	}

	return aws.ToString(made.ConnectionArn), true, nil
}
