package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/local"
)

// ServerFlags are the flags by which a command finds its server.
type ServerFlags struct {
	env     *Env
	options client.Options
}

// AddServerFlags adds the flags that name a server to a command.
func AddServerFlags(env *Env, cmd *cobra.Command) *ServerFlags {
	// Without a home directory there is no default, which not every command needs.
	data, _ := local.DefaultDataDir(env.Getenv)
	server := &ServerFlags{env: env, options: client.Options{Getenv: env.Getenv, DefaultData: data}}
	flags := cmd.Flags()
	flags.StringVar(&server.options.EndpointURL, "endpoint-url", "", "URL of the server (or LOCKSTEP_ENDPOINT_URL)")
	flags.StringVar(&server.options.Profile, "profile", "",
		"profile of your AWS files that names server and key (default lockstep)")
	flags.StringVar(&server.options.Data, "data", "", "data directory of a running up (default "+data+")")
	flags.StringVar(&server.options.Region, "region", "", "region of the requests (or LOCKSTEP_REGION)")
	flags.BoolVar(&server.options.AllowHTTP, "allow-http", false, "allow plain HTTP to another machine")
	return server
}

// Connect finds the server. Nothing is sent yet.
func (s *ServerFlags) Connect(ctx context.Context) (*client.Client, error) {
	if s.options.Profile != "" && s.options.Data != "" {
		return nil, Usagef("--profile and --data name two servers.").WithHint("Give one of them.")
	}
	settings, err := client.Find(ctx, s.options)
	if err != nil {
		return nil, err
	}
	s.env.server = settings
	return client.New(settings), nil
}

// Run returns a cobra RunE that connects to the server and calls action. Checks
// of flags belong into PreRunE, which runs before.
func (s *ServerFlags) Run(
	action func(ctx context.Context, remote *client.Client, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		remote, err := s.Connect(cmd.Context())
		if err != nil {
			return err
		}
		return action(cmd.Context(), remote, args)
	}
}
