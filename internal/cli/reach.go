package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/server"
)

// A reach holds the flags by which a command finds its server.
type reach struct {
	p       *program
	options client.Options
}

// reaches gives a command the flags that name a server.
func reaches(p *program, c *cobra.Command) *reach {
	// Without a home there is no default, which matters only to who needs it.
	data, _ := server.DefaultDataDir(p.getenv)
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
