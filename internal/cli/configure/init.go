package configure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
)

// Sizes of templates in bytes: the largest that is read, and the largest that
// can be synced, since a template is sent in a request.
const (
	maxTemplate       = 1 << 20
	maxSyncedTemplate = 51_200
)

// NewInitCommand returns the command init.
func NewInitCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init TEMPLATE [NAME]",
		Short: "Write a deployment file for a template",
		Long: "Write a deployment file, which names a CloudFormation template, its parameters and tags.\n" +
			"The file is " + command.DeploymentDir + "/NAME.yaml in the template's repository. " +
			"NAME is the stack's name, by\n" +
			"default the template's. An existing file is not changed.",
		Example: "  lockstep init templates/web.yaml",
		Args:    command.Args("TEMPLATE", "[NAME]"),
	}

	file := cmd.Flags().String("file", "", "path of the deployment file")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		scaffold, err := newScaffold(args, *file)
		if err != nil {
			return err
		}
		return scaffold.write(env)
	}

	return cmd
}

// A scaffold is a deployment file to write.
type scaffold struct {
	name     string // of the stack
	root     string // absolute path of the repository
	template string // slash-separated path from the root
	file     string // slash-separated path from the root
}

func newScaffold(args []string, file string) (scaffold, error) {
	var result scaffold
	template, err := filepath.Abs(args[0])
	if err != nil {
		return result, err
	}

	if result.root, err = findRepository(filepath.Dir(template)); err != nil {
		return result, err
	}
	if result.template, err = relativePath(result.root, template); err != nil {
		return result, err
	}

	result.name = stackNameFor(result.template)
	if len(args) == 2 {
		result.name = args[1]
	}

	if !command.IsStackName(result.name) {
		return result, command.Usagef("%q is not a valid stack name.", result.name).
			WithHint("A name begins with a letter and has letters, digits and hyphens, at most 100. " +
				"Give one after the template.")
	}

	result.file = path.Join(command.DeploymentDir, result.name+".yaml")
	if file == "" {
		return result, nil
	}

	absolute, err := filepath.Abs(file)
	if err != nil {
		return result, err
	}
	if result.file, err = relativePath(result.root, absolute); err != nil {
		return result, err
	}

	if ext := path.Ext(result.file); ext != ".yaml" && ext != ".yml" {
		return result, command.Usagef("--file %s must end in .yaml.", file)
	}
	return result, nil
}

// findRepository returns the closest parent directory that contains .git, which is
// a file in a worktree.
func findRepository(directory string) (string, error) {
	for parent := directory; ; parent = filepath.Dir(parent) {
		if _, err := os.Lstat(filepath.Join(parent, ".git")); err == nil {
			return parent, nil
		}
		if parent == filepath.Dir(parent) {
			return "", command.Errorf("%s is not in a Git repository.", directory).
				WithHint("Only committed files are synced: run `git init`, or change to a clone.")
		}
	}
}

// relativePath returns a path from the repository's root.
func relativePath(root, absolute string) (string, error) {
	relative, err := filepath.Rel(root, absolute)
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return "", command.Errorf("%s is not in the repository %s.", absolute, root)
	}
	return filepath.ToSlash(relative), nil
}

var notInStackName = regexp.MustCompile(`[^-A-Za-z0-9]+`)

// stackNameFor returns a stack name for a template: its file name or, if that is a
// name that any template may have, the name of its directory.
func stackNameFor(template string) string {
	base := strings.TrimSuffix(path.Base(template), path.Ext(template))
	switch strings.ToLower(base) {
	case "template", "cloudformation", "stack", "main", "index":
		if directory := path.Dir(template); directory != "." {
			base = path.Base(directory)
		}
	}

	name := strings.Trim(notInStackName.ReplaceAllString(base, "-"), "-")
	if name == "" || !command.IsStackName(name[:1]) {
		name = strings.TrimRight("stack-"+name, "-")
	}

	return strings.TrimRight(name[:min(len(name), 100)], "-")
}

func (s scaffold) write(env *command.Env) error {
	text, err := readTemplate(s.path(s.template))
	if err != nil {
		return err
	}

	parameters, err := templateParameters(s.template, text)
	if err != nil {
		return err
	}

	file := s.path(s.file)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	if err := writeNew(file, deploymentFile(s.template, s.nameInFile(), parameters)); err != nil {
		return err
	}

	if len(text) > maxSyncedTemplate {
		problem := fmt.Sprintf("%s has %d bytes; only templates of at most %d bytes can be synced.",
			s.template, len(text), maxSyncedTemplate)
		env.PrintError(problem, "Make the template smaller, or its sync will fail.")
	}

	return s.printNextSteps(env, parameters)
}

// nameInFile returns the stack's name if the deployment file has to state it: discovery
// would name the stack after the file, or after the directory of a file with a name that
// any may have.
func (s scaffold) nameInFile() string {
	base := strings.TrimSuffix(path.Base(s.file), path.Ext(s.file))
	switch base {
	case "deployment", "deployment-file", "stack-deployment":
		return s.name
	case s.name:
		return ""
	}
	return s.name
}

// path returns the path of a file of the repository for the operating system.
func (s scaffold) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

func readTemplate(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, command.Usagef("There is no template %s.", file).WithHint("Usage: lockstep init TEMPLATE [NAME]")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxTemplate {
		return nil, command.Usagef("%s is not a template: it must be a file of at most 1 MB.", file)
	}
	return os.ReadFile(file)
}

// writeNew writes a file, and returns an error if it exists.
func writeNew(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return command.Errorf("%s exists and was not changed.", name).
			WithHint("Edit it, give another NAME, or use --file.")
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

func (s scaffold) printNextSteps(env *command.Env, parameters []parameter) error {
	var required []string
	for _, parameter := range parameters {
		if !parameter.hasDefault {
			required = append(required, parameter.name)
		}
	}

	file := s.path(s.file)
	if workingDirectory, err := filepath.Abs("."); err == nil {
		if relative, err := filepath.Rel(workingDirectory, file); err == nil && !strings.HasPrefix(relative, "..") {
			file = relative
		}
	}

	_ = env.Printf("Wrote %s: stack %s from %s.\n", file, s.name, s.template)
	if len(required) > 0 {
		_ = env.Printf("Fill in: %s.\n", strings.Join(required, ", "))
	}

	return env.Printf("Next: git add %s && git commit, and `lockstep up %s` unless a server is running.\n",
		output.QuotePath(file), output.QuotePath(s.root))
}
