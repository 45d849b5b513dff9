package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/manifest"
)

// An applying holds the flags of `apply`.
type applying struct {
	file          string
	prune, dryRun bool
}

func newApplyCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "apply -f FILE [--prune] [--dry-run]",
		Short: "Make everything as a file has it",
		Long: "Make hosts, connections, repository links, sync configurations with who may sign for them, policies and roles as\n" +
			"a file has them. Applying twice changes nothing. What the file does not have stays, unless it is pruned, and then only\n" +
			"in lists that the file has; stacks are never touched. `lockstep export` writes such a file, docs/manifest.md explains it.",
		Args:                  arguments(),
		DisableFlagsInUseLine: true,
	}

	reach, a := reaches(p, c), &applying{}
	f := c.Flags()
	f.StringVarP(&a.file, "file", "f", "", "the file, - for standard input")
	f.BoolVar(&a.prune, "prune", false, "delete what the lists of the file do not have")
	f.BoolVar(&a.dryRun, "dry-run", false, "say what would be done, and do nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := require(c, "file"); err != nil {
			return err
		}

		file, err := p.readFleet(a.file)
		if err != nil {
			return err
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		return p.apply(c.Context(), remote, file, a)
	}

	return c
}

func (p *program) readFleet(name string) (manifest.File, error) {
	var text []byte
	var err error
	if name == "-" {
		name = "standard input"
		text, err = io.ReadAll(io.LimitReader(p.stdin, manifest.MaxFile+1))
	} else {
		text, err = readAtMost(name, manifest.MaxFile+1)
	}

	if err != nil {
		return manifest.File{}, err
	}

	f, err := manifest.Parse(name, text)
	return f, wrongFile(err)
}

func readAtMost(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// wrongFile puts a line before what is wrong, so that each problem has one that
// begins with its place.
func wrongFile(err error) error {
	if err == nil {
		return nil
	}
	return &failure{problem: "This cannot be applied, and nothing was changed:\n" + err.Error()}
}

func (p *program) apply(ctx context.Context, remote *client.Client, file manifest.File, a *applying) error {
	have, err := manifest.Read(ctx, remote, file.ReadOptions(a.prune))
	if err != nil {
		return err
	}

	steps, err := manifest.Plan(file, have, a.prune)
	if err != nil {
		return wrongFile(err)
	}
	if a.dryRun {
		return p.foretell(file, steps)
	}

	outcome := manifest.Apply(ctx, remote, have, steps, func(s manifest.Step) {
		// Whatever becomes of the output, what is begun must be finished.
		_, _ = fmt.Fprintf(p.stdout, "%sd %s\n", s.Verb, told(s))
	})
	for _, f := range outcome.Failed {
		problem, remedy := p.server.Explain(f.Err)
		p.complain(fmt.Sprintf("%s %s %s: %s", f.Step.Verb, f.Step.Kind, f.Step.ID(), problem), remedy)
	}

	if len(outcome.Failed) > 0 || outcome.Left > 0 {
		p.complain(fmt.Sprintf("%d done, %d failed, %d not tried.", outcome.Done, len(outcome.Failed), outcome.Left),
			"What was done stays. Applying again goes on from here.")
		return exit(exitFailed)
	}

	if _, err := fmt.Fprintln(p.stdout, summary(file, steps, "%d created, %d changed, %d deleted, %d as they were.")); err != nil {
		return err
	}

	return p.awaited(ctx, remote, file)
}

// told is what a step is about.
func told(s manifest.Step) string {
	text := fmt.Sprintf("%s %s", s.Kind, plain(s.ID()))
	if len(s.Details) > 0 {
		text += ": " + plain(strings.Join(s.Details, ", "))
	}
	return text
}

func (p *program) foretell(file manifest.File, steps []manifest.Step) error {
	for _, s := range steps {
		if _, err := fmt.Fprintf(p.stdout, "would %s %s\n", s.Verb, told(s)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(p.stdout, summary(file, steps, "%d to create, %d to change, %d to delete, %d as they are. Nothing was done."))
	return err
}

func summary(file manifest.File, steps []manifest.Step, format string) string {
	counts := map[manifest.Verb]int{}
	for _, s := range steps {
		counts[s.Verb]++
	}
	all := len(file.Hosts) + len(file.Connections) + len(file.Links) + len(file.Configurations) + len(file.Policies) + len(file.Roles)
	return fmt.Sprintf(format, counts[manifest.Create], counts[manifest.Change], counts[manifest.Delete], all-counts[manifest.Create]-counts[manifest.Change])
}

// awaited names the file's connections that still need a credential, which no
// file holds.
func (p *program) awaited(ctx context.Context, remote *client.Client, file manifest.File) error {
	waiting, err := manifest.PendingConnections(ctx, remote, file)
	if err != nil || len(waiting) == 0 {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, "These connections wait for a credential (--none, --basic-stdin, --token-stdin or --ssh-key FILE):")
	for _, w := range waiting {
		if err == nil {
			_, err = fmt.Fprintf(p.stdout, "  lockstep connect %s\n", connecting(w))
		}
	}
	return err
}

// connecting gives the arguments that let Lockstep in over a connection.
func connecting(w manifest.PendingConnection) string {
	name, flags := shellWord(plain(w.Name)), "--provider "+shellQuote(w.Provider)
	if w.Endpoint != "" {
		flags += " --endpoint " + shellQuote(plain(w.Endpoint))
	}
	flags += " " + usualCredential(w.Endpoint)
	if strings.HasPrefix(w.Name, "-") {
		return flags + " -- " + name
	}
	return name + " " + flags
}
