package configure

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/manifest"
)

// NewApplyCommand returns the command apply.
func NewApplyCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply -f FILE [--prune] [--dry-run]",
		Short: "Make everything match a manifest",
		Long: "Create and change hosts, connections, repository links, sync configurations with their signers,\n" +
			"policies and roles to match a manifest. What the manifest does not mention stays as it is. With\n" +
			"--prune, the lists of the manifest are complete: what is missing from them is deleted. Stacks\n" +
			"are never touched.\n\n" +
			"`lockstep export` writes a manifest; docs/manifest.md describes it.",
		Example: "  lockstep apply -f lockstep.yaml --dry-run\n" +
			"  lockstep apply -f lockstep.yaml",
		Args:                  command.Args(),
		DisableFlagsInUseLine: true,
	}

	server := command.AddServerFlags(env, cmd)
	name := cmd.Flags().StringP("file", "f", "", "the manifest, - for standard input")
	prune := cmd.Flags().Bool("prune", false, "delete what the lists of the manifest do not contain")
	dryRun := cmd.Flags().Bool("dry-run", false, "print what would be done, and do nothing")
	var file manifest.File
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := command.RequireFlags(cmd, "file"); err != nil {
			return err
		}
		file, err = readManifest(env, *name)
		return err
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		existing, err := manifest.Read(ctx, remote, file.ReadOptions(*prune))
		if err != nil {
			return err
		}

		steps, err := manifest.Plan(file, existing, *prune)
		if err != nil {
			return manifestError(err)
		}
		if *dryRun {
			return printPlan(env, file, steps)
		}

		return apply(ctx, env, remote, file, existing, steps)
	})

	return cmd
}

func readManifest(env *command.Env, name string) (manifest.File, error) {
	text, err := env.ReadFile("manifest", name, manifest.MaxFile)
	if err != nil {
		return manifest.File{}, err
	}

	if name == "-" {
		name = "standard input"
	}
	file, err := manifest.Parse(name, []byte(text))
	return file, manifestError(err)
}

// manifestError puts a line before the problems, each of which is a line that
// begins with its position.
func manifestError(err error) error {
	if err == nil {
		return nil
	}
	return command.Errorf("Cannot apply the manifest; nothing was changed:\n%s", err)
}

func apply(
	ctx context.Context, env *command.Env, remote *client.Client,
	file manifest.File, existing manifest.Resources, steps []manifest.Step,
) error {
	result := manifest.Apply(ctx, remote, existing, steps, func(step manifest.Step) {
		// An error of the output must not stop what has begun.
		_ = env.Printf("%sd %s\n", string(step.Verb), describeStep(step))
	})
	for _, failure := range result.Failed {
		problem, hint := remote.Settings().Explain(failure.Err)
		step := failure.Step
		env.PrintError(fmt.Sprintf("%s %s %s: %s", step.Verb, step.Kind, step.ID(), problem), hint)
	}

	if len(result.Failed) > 0 || result.Left > 0 {
		env.PrintError(
			fmt.Sprintf("%d done, %d failed, %d not started.", result.Done, len(result.Failed), result.Left),
			"Correct the cause and apply again: completed steps are kept.")
		return command.Exit(command.ExitFailed)
	}

	if err := printCounts(env, file, steps, "%d created, %d changed, %d deleted, %d unchanged.\n"); err != nil {
		return err
	}

	return printPending(ctx, env, remote, file)
}

// describeStep returns what a step is about.
func describeStep(step manifest.Step) string {
	text := fmt.Sprintf("%s %s", step.Kind, step.ID())
	if len(step.Details) > 0 {
		text += ": " + strings.Join(step.Details, ", ")
	}
	return text
}

func printPlan(env *command.Env, file manifest.File, steps []manifest.Step) error {
	for _, step := range steps {
		if err := env.Printf("would %s %s\n", string(step.Verb), describeStep(step)); err != nil {
			return err
		}
	}
	return printCounts(env, file, steps, "%d to create, %d to change, %d to delete, %d unchanged. Nothing was done.\n")
}

// printCounts prints the numbers of created, changed, deleted and unchanged
// resources.
func printCounts(env *command.Env, file manifest.File, steps []manifest.Step, format string) error {
	counts := map[manifest.Verb]int{}
	for _, step := range steps {
		counts[step.Verb]++
	}

	unchanged := file.Len() - counts[manifest.Create] - counts[manifest.Change]
	return output.Fprintf(env.Stdout, format,
		counts[manifest.Create], counts[manifest.Change], counts[manifest.Delete], unchanged)
}

// printPending prints how to give a credential to the connections that have none,
// since a manifest has no secrets.
func printPending(ctx context.Context, env *command.Env, remote *client.Client, file manifest.File) error {
	pending, err := manifest.PendingConnections(ctx, remote, file)
	if err != nil || len(pending) == 0 {
		return err
	}

	err = env.Printf("These connections need a credential (--none, --basic-stdin, --token-stdin or --ssh-key FILE):\n")
	for _, connection := range pending {
		if err == nil {
			err = env.Printf("  lockstep connect %s\n", connectArguments(connection))
		}
	}
	return err
}

// connectArguments returns the arguments of `lockstep connect` for a connection.
func connectArguments(connection manifest.PendingConnection) string {
	name, flags := output.QuoteWord(connection.Name), "--provider "+output.QuotePath(connection.Provider)
	if connection.Endpoint != "" {
		flags += " --endpoint " + output.QuotePath(connection.Endpoint)
	}

	flags += " " + command.UsualCredentialFlag(connection.Endpoint)
	if strings.HasPrefix(connection.Name, "-") {
		return flags + " -- " + name
	}
	return name + " " + flags
}
