package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/wire"
)

// requireDeploymentFiles prints what is missing in the repositories that have nothing to sync. If
// that leaves nothing to do it is a usage error.
func (u *up) requireDeploymentFiles(ctx context.Context, found []discovered) error {
	var hints strings.Builder
	hasFiles, isWaiting := false, false
	for _, repository := range found {
		hasFiles = hasFiles || len(repository.files.Files) > 0
		isWaiting = isWaiting || repository.head == ""
		hints.WriteString(missingFilesHint(repository))
	}

	stored, err := u.client.resourceSyncs(ctx)
	if err != nil {
		return err
	}

	if hasFiles || len(stored) > 0 || isWaiting && !u.Once {
		fmt.Fprint(u.Out, hints.String())
		return nil
	}

	if len(found) == 0 {
		hints.WriteString("The data directory holds no repository with a deployment file.\n")
	}
	return usageErrorf("%s", strings.TrimRight(hints.String(), "\n"))
}

// missingFilesHint returns what a repository holds if it has no deployment file, and otherwise "".
func missingFilesHint(repository discovered) string {
	if repository.head == "" {
		return fmt.Sprintf("%s: branch %s has no commit yet.\n", repository.argument, repository.discovery.Branch)
	}
	if len(repository.files.Files) > 0 {
		return ""
	}

	var hint strings.Builder
	fmt.Fprintf(&hint, "%s: no deployment file at %s@%s: a YAML or JSON file with template-file-path.\n",
		repository.argument, repository.discovery.Branch, repository.head.Short())
	for _, name := range repository.files.Candidates {
		command := "lockstep init " + lockstep.ShellQuote(asOperand(name))
		if repository.work != "" {
			command = "cd " + lockstep.ShellQuote(repository.work) + " && " + command
		}
		fmt.Fprintf(&hint, "  %s is a template. To sync it: %s, then commit.\n",
			lockstep.SanitizeLine(name), lockstep.SanitizeLine(command))
	}

	return hint.String()
}

// asOperand returns a path that no command takes for an option.
func asOperand(path string) string {
	if strings.HasPrefix(path, "-") {
		return "./" + path
	}
	return path
}

// warnUncommitted names the files of a working copy that differ from its commit: only commits are
// synced.
func (u *up) warnUncommitted(
	ctx context.Context, driver target.Driver, discoverer target.Discoverer, repository discovered, committed lockstep.Tree,
) {
	if repository.work == "" {
		return
	}

	work := workTree{os.DirFS(repository.work)}
	inWork, err := discoverer.Discover(ctx, work, repository.discovery)
	if err != nil {
		return
	}

	names := map[string]bool{}
	addInputs := func(tree lockstep.Tree, files []target.DeploymentFile) {
		for _, file := range files {
			inputs, _ := driver.ReadInputs(ctx, lockstep.SyncConfiguration{ConfigFile: file.Path}, tree)
			for name := range inputs {
				names[name] = true
			}
		}
	}
	addInputs(committed, repository.files.Files)
	addInputs(work, inWork.Files)

	var changed []string
	for name := range names {
		before, beforeErr := committed.ObjectID(name)
		now, nowErr := work.ObjectID(name)
		if before != now && isReadOrMissing(beforeErr) && isReadOrMissing(nowErr) {
			changed = append(changed, name)
		}
	}

	slices.Sort(changed)
	for _, name := range changed {
		fmt.Fprintf(u.Out, "Not committed, and so not synced: %s\n", lockstep.SanitizeLine(name))
	}
}

func isReadOrMissing(err error) bool { return err == nil || errors.Is(err, fs.ErrNotExist) }

// printBanner prints how other programs reach the server.
func (u *up) printBanner() {
	fmt.Fprintf(u.Out, "\nThe API answers at %s. In another terminal:\n\n", u.server.URL())
	fmt.Fprintf(u.Out, "  export AWS_CONFIG_FILE=%s\n", lockstep.ShellQuote(u.dir.file("config")))
	fmt.Fprintf(u.Out, "  export AWS_SHARED_CREDENTIALS_FILE=%s\n\n", lockstep.ShellQuote(u.dir.file("credentials")))
}

// printNextSteps prints, when the first syncs have ended, their results and what to do next.
func (u *up) printNextSteps(ctx context.Context) error {
	resources, err := u.client.resourceSyncs(ctx)
	if err != nil || len(resources) == 0 {
		return err
	}
	printSummary(u.Out, resources)

	name := resources[0].ResourceName
	sample := u.sampleFolder()
	if sample != "" {
		name = "web"
	}

	fmt.Fprintf(u.Out, "\nAsk for the status of a stack:\n\n")
	fmt.Fprintf(
		u.Out,
		"  aws codeconnections get-resource-sync-status --resource-name %s --sync-type CFN_STACK_SYNC\n",
		name,
	)
	if u.usesSandbox() {
		fmt.Fprintf(u.Out, "  aws cloudformation describe-stacks --stack-name %s\n", name)
	}
	fmt.Fprintf(u.Out, "  python3 -c 'import boto3; print(boto3.client(\"codestar-connections\", endpoint_url=\"%s\", "+
		"region_name=\"%s\").get_resource_sync_status(ResourceName=\"%s\", SyncType=\"CFN_STACK_SYNC\"))'\n",
		u.server.URL(), u.region, name)

	if sample != "" {
		printSampleCommits(u.Out, sample)
	}

	fmt.Fprintf(u.Out, "\nNew commits are synced as they arrive. Ctrl-C stops.\n\n")
	return nil
}

// printSummary prints a line per stack.
func printSummary(out io.Writer, resources []wire.ResourceSyncSummary) {
	fmt.Fprintln(out)
	for _, resource := range resources {
		if resource.Status != "" {
			fmt.Fprintf(out, "%-24s %-10s %s@%s\n", resource.ResourceName, resource.Status, resource.Branch,
				lockstep.SHA(resource.TargetSha).Short())
		}
	}
}

// printSampleCommits prints two commits to try on the sample repository.
func printSampleCommits(out io.Writer, sample string) {
	git := "git -C " + lockstep.ShellQuote(sample)
	fmt.Fprintf(out, "\nChange a parameter and commit:\n\n")
	fmt.Fprintf(out, "  sed -i.bak 's/\"4\"/\"7\"/' %s && %s commit -qam 'Keep messages for a week'\n",
		lockstep.ShellQuote(sample+"/deployments/web.yaml"), git)
	fmt.Fprintf(out, "\nCommit a resource that fails, and see why:\n\n")
	fmt.Fprintf(out, "  printf '  Broken:\\n    Type: AWS::SQS::Queue\\n    Metadata: {\"Lockstep::Sandbox\": "+
		"{Fail: \"The queue is on strike\"}}\\n' >> %s && %s commit -qam 'Add a broken queue'\n",
		lockstep.ShellQuote(sample+"/templates/web.yaml"), git)
}

// sampleFolder returns the folder of the sample repository if that is what is synced, and otherwise
// "".
func (u *up) sampleFolder() string {
	folder, err := filepath.EvalSymlinks(u.dir.file("sample"))
	if err != nil {
		return ""
	}

	for _, s := range u.sources {
		if s.root == folder {
			return folder
		}
	}
	return ""
}
