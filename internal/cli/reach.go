package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/local"
)

// A reach holds the flags by which a command finds its server.
type reach struct {
	p       *program
	options client.Options
}

// reaches gives a command the flags that name a server.
func reaches(p *program, c *cobra.Command) *reach {
	// Without a home there is no default, which matters only to who needs it.
	data, _ := local.DefaultDataDir(p.getenv)
	r := &reach{p: p, options: client.Options{Getenv: p.getenv, DefaultData: data}}
	f := c.Flags()
	f.StringVar(&r.options.EndpointURL, "endpoint-url", "", "URL of the server (or LOCKSTEP_ENDPOINT_URL)")
	f.StringVar(&r.options.Profile, "profile", "", "profile of your AWS files that names server and key (default lockstep)")
	f.StringVar(&r.options.Data, "data", "", "data directory of a running up (default "+data+")")
	f.StringVar(&r.options.Region, "region", "", "region to ask for (or LOCKSTEP_REGION)")
	f.BoolVar(&r.options.AllowHTTP, "allow-http", false, "permit plain http to another machine")
	return r
}

// connect finds the server. Nothing is sent yet.
func (r *reach) connect(ctx context.Context) (*client.Client, error) {
	if r.options.Profile != "" && r.options.Data != "" {
		return nil, usagef("--profile and --data name two servers.").try("Give one of them.")
	}
	s, err := client.Find(ctx, r.options)
	if err != nil {
		return nil, err
	}
	r.p.server = s
	return client.New(s), nil
}

// An action is what a command does at a server.
type action func(ctx context.Context, remote *client.Client, args []string) error

// then makes an action what a command runs. What is wrong with its flags is said
// before, by PreRunE.
func (r *reach) then(do action) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		remote, err := r.connect(c.Context())
		if err != nil {
			return err
		}
		return do(c.Context(), remote, args)
	}
}

// needs says before a command runs which of its flags are missing.
func needs(flags ...string) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error { return require(c, slices.Clone(flags)...) }
}
