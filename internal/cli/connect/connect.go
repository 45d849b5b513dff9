package connect

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// NewCommand returns the command connect.
func NewCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "connect NAME --provider TYPE [--endpoint URL]\n" +
			"    (--none | --basic-stdin | --token-stdin | --ssh-key FILE |\n" +
			"     --app ID --installation ID --app-key FILE | --oauth --client-id ID)",
		Short: "Create a connection to a Git host",
		Long: "Create a connection to a Git host, and the host if there is none, and give the connection its\n" +
			"credential. If the connection exists, replace its credential. Secrets come from standard input;\n" +
			"a private key may come from a file.\n\n" +
			"The Git host has to accept the credential; otherwise it is not stored. With --oauth, the command\n" +
			"prints a URL, waits until you have authorized Lockstep there, and Lockstep renews the grant from\n" +
			"then on. Register the application at the host with the redirect URI\n" +
			"http://127.0.0.1:PORT/callback of --port. Or register your own with --redirect-uri, and paste\n" +
			"the address that the host sends your browser to, or the code in it, into standard input.\n\n" +
			"Over SSH, the server must know the host's key. It knows github.com, gitlab.com, bitbucket.org\n" +
			"and ssh.dev.azure.com; add others with its setting known-hosts.\n\n" +
			"A connection cannot be named like one of the subcommands below.",
		Example: "  printenv GIT_TOKEN | lockstep connect acme --provider Git --endpoint https://git.example.com " +
			"--token-stdin\n" +
			"  lockstep connect infra --provider Git --endpoint ssh://git@git.example.com --ssh-key deploy_key\n" +
			"  lockstep connect hub --provider GitHub --app 12345 --installation 67890 --app-key app.pem\n" +
			"  lockstep connect lab --provider GitLab --oauth --client-id ID",
		Args:                  command.Args("NAME"),
		DisableFlagsInUseLine: true,
	}

	cmd.AddCommand(newConnectListCommand(env), newConnectShowCommand(env), newConnectDeleteCommand(env))
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	flags := cmd.Flags()
	options := connectOptions{}
	flags.StringVar(&options.provider, "provider", "",
		"provider type: "+providerTypes()+"; "+wire.ProviderGit+" is any Git host")
	flags.StringVar(&options.endpoint, "endpoint", "",
		"URL that the URLs of the host's repositories begin with (default the provider's own, or "+
			"that of the only host)")
	certificate := flags.String("certificate", "",
		"`FILE` with the host's TLS certificate in PEM, if no public authority signed it")
	credentials := addCredentialFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.name = args[0]
		if err := command.RequireFlags(cmd, "provider"); err != nil {
			return err
		}
		if err := options.read(cmd, env, credentials, *certificate); err != nil {
			return err
		}
		defer options.oauth.close()

		remote, err := server.Connect(cmd.Context())
		if err != nil {
			return err
		}

		return connect(cmd.Context(), env, remote, options, *format)
	}

	return cmd
}

// connectOptions is the connection to create.
type connectOptions struct {
	name, provider, endpoint string
	certificate              string // in PEM; "" for none
	credential               wire.Credential
	oauth                    *oauthLogin // nil unless a person authorizes Lockstep
}

// read checks the flags and reads the secrets, before anything is created.
func (o *connectOptions) read(
	cmd *cobra.Command, env *command.Env, credentials *credentialFlags, certificate string,
) error {
	kind, err := credentials.kind(cmd)
	if err != nil {
		return err
	}

	user, err := takeSSHUser(&o.endpoint)
	if err != nil {
		return err
	}
	if overSSH := strings.HasPrefix(o.endpoint, "ssh://"); o.endpoint != "" && overSSH != (kind == "ssh-key") {
		return command.Usagef("--%s cannot be used with --endpoint %s.", kind, o.endpoint).
			WithHint("Use --ssh-key with ssh:// endpoints, and only with those.")
	}

	if o.certificate, err = readCertificate(env, certificate, o.endpoint); err != nil {
		return err
	}

	if kind == "oauth" {
		o.oauth, err = prepareOAuth(env, credentials)
		return err
	}

	o.credential, err = credentials.read(env, kind)
	if kind == "ssh-key" {
		o.credential.Username = user
	}

	return err
}

// takeSSHUser removes the user from ssh://USER@HOST, the usual form of such
// addresses: the user belongs to the connection, not to the host.
func takeSSHUser(endpoint *string) (user string, err error) {
	parsed, err := url.Parse(*endpoint)
	if err == nil && parsed.Scheme == "ssh" && parsed.User != nil {
		if _, secret := parsed.User.Password(); !secret {
			user, parsed.User = parsed.User.Username(), nil
			*endpoint = parsed.String()
		}
	}
	return user, checkGitEndpoint(*endpoint)
}

// checkGitEndpoint rejects a secret in an argument, before it is shown.
func checkGitEndpoint(endpoint string) error {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return command.Usagef("--endpoint must be a URL, such as https://git.example.com.")
	}
	if parsed.User != nil {
		return command.Usagef("--endpoint must not contain a user name or a password.").
			WithHint("Use --basic-stdin or --token-stdin. If the password was real, change it: " +
				"other users of this machine can read arguments.")
	}
	return nil
}

// connected is the document of connect.
type connected struct {
	ConnectionArn    string
	ConnectionName   string
	ConnectionStatus string
	HostArn          string `json:",omitzero"`
}

func connect(
	ctx context.Context, env *command.Env, remote *client.Client, options connectOptions, format output.Format,
) error {
	all, err := remote.Connections(ctx)
	if err != nil {
		return err
	}

	sameName := slices.DeleteFunc(all, func(connection types.Connection) bool {
		return aws.ToString(connection.ConnectionName) != options.name
	})
	host, err := findOrCreateHost(ctx, remote, options, len(sameName) > 0)
	if err != nil {
		return err
	}

	if options.certificate != "" {
		_, err := remote.PutHostCertificate(ctx, &wire.PutHostCertificateInput{
			HostArn:        host,
			TlsCertificate: options.certificate,
		})
		if err != nil {
			return err
		}
	}

	arn, created, err := findOrCreateConnection(ctx, remote, options, host, sameName)
	if err != nil {
		return err
	}

	if options.oauth != nil {
		if options.credential, err = options.oauth.login(ctx, env, remote, arn); err != nil {
			return err
		}
	}

	response, err := remote.CompleteConnection(ctx, &wire.CompleteConnectionInput{
		ConnectionArn: arn,
		Credential:    options.credential,
	})
	if err != nil {
		return err
	}
	if format.IsDocument() {
		return format.Write(env.Stdout, connected{
			ConnectionArn:    arn,
			ConnectionName:   options.name,
			ConnectionStatus: response.ConnectionStatus,
			HostArn:          host,
		})
	}

	done := "Created connection"
	if !created {
		done = "Replaced the credential of connection"
	}

	return env.Printf("%s %s (%s)\n%s\nNext: lockstep link create --connection %s --repository OWNER/NAME\n",
		output.Verbatim(done), options.name, response.ConnectionStatus, arn, output.QuoteWord(options.name))
}

// findOrCreateHost returns the ARN of the host with the endpoint. It creates the
// host if there is none, unless the connection's name is taken. It returns "" for
// a provider with an endpoint of its own.
func findOrCreateHost(
	ctx context.Context, remote *client.Client, options connectOptions, nameTaken bool,
) (arn string, err error) {
	if options.endpoint == "" && !metadataOf(options.provider).NeedsHost() {
		return "", nil
	}

	all, err := remote.Hosts(ctx)
	if err != nil {
		return "", err
	}

	ofType := slices.DeleteFunc(all, func(host types.Host) bool {
		return string(host.ProviderType) != options.provider
	})
	for _, host := range ofType {
		onlyHost := options.endpoint == "" && len(ofType) == 1
		if onlyHost || sameEndpoint(aws.ToString(host.ProviderEndpoint), options.endpoint) {
			return aws.ToString(host.HostArn), nil
		}
	}

	if options.endpoint == "" {
		return "", command.Usagef("--endpoint is missing, and there are %d hosts of type %s.", len(ofType),
			options.provider).
			WithHint("Give the URL that the URLs of the repositories begin with, such as " +
				"--endpoint https://git.example.com.")
	}
	if nameTaken {
		return "", nameTakenError(options.name)
	}

	created, err := remote.AWS.CreateHost(ctx, &codeconnections.CreateHostInput{
		Name:             aws.String(hostName(options.endpoint)),
		ProviderType:     types.ProviderType(options.provider),
		ProviderEndpoint: aws.String(options.endpoint),
	})
	if err != nil {
		return "", err
	}

	return aws.ToString(created.HostArn), nil
}

func sameEndpoint(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// hostName returns a name for a host with an endpoint.
func hostName(endpoint string) string {
	name := endpoint
	if parsed, err := url.Parse(endpoint); err == nil && parsed.Host != "" {
		name = parsed.Host
	}
	return output.Truncate(name, 64)
}

// nameTakenError returns the error for a second connection with one name. The API
// would accept it, but the name could then mean either, here and in manifests.
func nameTakenError(name string) error {
	return command.Errorf("Connection %s exists already, with another host or provider.", name).
		WithHint("Choose another name, or give the --provider and --endpoint of the existing one; " +
			"see `lockstep connect list`.")
}

// findOrCreateConnection returns the ARN of the connection with the name at the
// host, and whether it was created.
func findOrCreateConnection(
	ctx context.Context, remote *client.Client, options connectOptions, host string, sameName []types.Connection,
) (arn string, created bool, err error) {
	for _, connection := range sameName {
		if string(connection.ProviderType) != options.provider || aws.ToString(connection.HostArn) != host {
			continue
		}
		if arn != "" {
			return "", false, command.Errorf("There are two connections named %s to this host.", options.name).
				WithHint("Choose another name, or delete one with `lockstep connect delete ARN`.")
		}

		arn = aws.ToString(connection.ConnectionArn)
	}

	if arn != "" {
		return arn, false, nil
	}
	if len(sameName) > 0 {
		return "", false, nameTakenError(options.name)
	}

	request := &codeconnections.CreateConnectionInput{ConnectionName: aws.String(options.name)}
	if host != "" {
		request.HostArn = aws.String(host)
	} else {
		request.ProviderType = types.ProviderType(options.provider)
	}

	response, err := remote.AWS.CreateConnection(ctx, request)
	if err != nil {
		return "", false, err
	}

	return aws.ToString(response.ConnectionArn), true, nil
}
