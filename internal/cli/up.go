package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/local"
)

func newUpCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "up [REPO…]",
		Short: "Run everything in one process and sync repositories",
		Long: "Run everything in one process on a data directory: the server, SQLite and a sandbox CloudFormation.\n" +
			"REPO is a URL or a folder of a working copy, a worktree or a bare repository. Each deployment file found\n" +
			"in it becomes a stack that follows the branch. Without REPO the repositories of the data directory go on;\n" +
			"on a new one a sample repository is made.",
		DisableFlagsInUseLine: true,
	}

	f := c.Flags()
	o := local.UpOptions{In: p.stdin, Out: p.stdout, Err: p.stderr}
	f.BoolVar(&o.Once, "once", false, "end after every stack's first sync: 0 when all succeeded, 1 otherwise")
	f.StringVar(&o.Data, "data", "", "`DIR` that keeps everything (default lockstep in the user's data directory)")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:4747", "`ADDR` of the API")
	f.BoolVar(&o.PlainHTTP, "plain-http", false, "let the API speak plain HTTP on any address")
	f.StringVar(&o.Branch, "branch", "", "branch to follow (default each repository's HEAD)")
	f.DurationVar(&o.PollInterval, "poll-interval", 0, "time between two looks at a repository (default 5s on this machine, 60s elsewhere)")
	f.StringVar(&o.Target, "target", "sandbox", "CloudFormation: sandbox, aws or a `URL`")
	f.StringVar(&o.Only, "only", "", "`GLOB` of the deployment files to sync")
	names := f.StringArray("name", nil, "`PATH=NAME`: call the stack of a deployment file NAME")
	f.BoolVar(&o.Yes, "yes", false, "do not ask before AWS is touched")
	f.BoolVar(&o.Log, "log", false, "write the server's own log to standard error")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		o.Repositories = args
		if o.Names, err = namesOf(*names); err != nil {
			return err
		}
		if o.PollInterval < 0 {
			return usagef("--poll-interval is negative.")
		}

		if o.Data == "" {
			if o.Data, err = local.DefaultDataDir(p.getenv); err != nil {
				return usagef("%s.", err)
			}
		}

		return ended(local.Up(c.Context(), o))
	}

	return c
}

// namesOf takes PATH=NAME apart.
func namesOf(pairs []string) (map[string]string, error) {
	names := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		path, name, ok := strings.Cut(pair, "=")
		if !ok || path == "" || !stackName.MatchString(name) {
			return nil, usagef("--name %s is not PATH=NAME with a name that a stack can have.", pair)
		}
		names[strings.TrimPrefix(path, "./")] = name
	}
	return names, nil
}

// ended gives a server's error as ours.
func ended(err error) error {
	var e *local.Exit
	if !errors.As(err, &e) {
		return err
	}
	if e.Code == exitUsage {
		return &usageError{problem: e.Message}
	}
	return &failure{problem: e.Message}
}
