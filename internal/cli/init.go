package cli

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
)

// deployments is the folder where init puts deployment files, unless told
// otherwise.
const deployments = "deployments"

// Sizes of templates in bytes: the largest that is read, and the largest that is
// synced, since a template is sent in a request.
const (
	maxTemplate = 1 << 20
	maxSynced   = 51_200
)

// A stack's name: the resource name may have 100 characters at most.
var stackName = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9]{0,99}$`)

func newInitCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "init TEMPLATE [NAME]",
		Short: "Write a deployment file for a template",
		Long: "Write a deployment file, by which a CloudFormation template becomes a stack that is kept in sync.\n" +
			"It is " + deployments + "/NAME.yaml in the template's repository; NAME is the stack's name, by default the template's.\n" +
			"A file that is there already is left alone.",
		Args: arguments("TEMPLATE", "[NAME]"),
	}

	file := c.Flags().String("file", "", "where to write it instead")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := newScaffold(args, *file)
		if err != nil {
			return err
		}
		return s.run(p)
	}

	return c
}

// A scaffold is a deployment file to be written.
type scaffold struct {
	name     string
	root     string // of the repository, absolute
	template string // path from the root, with slashes
	file     string // likewise
}

func newScaffold(args []string, file string) (scaffold, error) {
	var s scaffold
	template, err := filepath.Abs(args[0])
	if err != nil {
		return s, err
	}

	if s.root, err = repositoryOf(filepath.Dir(template)); err != nil {
		return s, err
	}
	if s.template, err = within(s.root, template); err != nil {
		return s, err
	}

	s.name = nameOf(s.template)
	if len(args) == 2 {
		s.name = args[1]
	}

	if !stackName.MatchString(s.name) {
		return s, usagef("%q cannot be a stack's name.", s.name).
			try("A name begins with a letter, then come letters, digits and hyphens, 100 characters at most. Name it after the template.")
	}

	s.file = path.Join(deployments, s.name+".yaml")
	if file != "" {
		absolute, err := filepath.Abs(file)
		if err != nil {
			return s, err
		}
		if s.file, err = within(s.root, absolute); err != nil {
			return s, err
		}

		if ext := path.Ext(s.file); ext != ".yaml" && ext != ".yml" {
			return s, usagef("--file %s does not end in .yaml.", file)
		}
	}

	return s, nil
}

// repositoryOf walks up to the folder that holds .git, which is a file in a
// worktree.
func repositoryOf(folder string) (string, error) {
	for dir := folder; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", &failure{
				problem: fmt.Sprintf("%s is in no Git repository.", folder),
				remedy:  "Only committed files are synced: make it one with `git init`, or go to the working copy.",
			}
		}
	}
}

// within gives a path from the repository's root.
func within(root, absolute string) (string, error) {
	relative, err := filepath.Rel(root, absolute)
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return "", &failure{problem: fmt.Sprintf("%s is not in the repository %s.", absolute, root)}
	}
	return filepath.ToSlash(relative), nil
}

// nameOf makes a stack's name of a template's path. A name that every template
// could have is no name: the folder's is.
func nameOf(template string) string {
	base := strings.TrimSuffix(path.Base(template), path.Ext(template))
	switch strings.ToLower(base) {
	case "template", "cloudformation", "stack", "main", "index":
		if folder := path.Dir(template); folder != "." {
			base = path.Base(folder)
		}
	}

	name := strings.Trim(regexp.MustCompile(`[^-A-Za-z0-9]+`).ReplaceAllString(base, "-"), "-")
	if name == "" || !stackName.MatchString(name[:1]) {
		name = strings.TrimRight("stack-"+name, "-")
	}

	return strings.TrimRight(name[:min(len(name), 100)], "-")
}

func (s scaffold) run(p *program) error {
	absolute := filepath.Join(s.root, filepath.FromSlash(s.template))
	text, err := readTemplate(absolute)
	if err != nil {
		return err
	}

	parameters, err := templateParameters(s.template, text)
	if err != nil {
		return err
	}

	file := filepath.Join(s.root, filepath.FromSlash(s.file))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	if err := writeNew(file, deploymentFile(s.template, parameters)); err != nil {
		return err
	}

	if len(text) > maxSynced {
		p.complain(fmt.Sprintf("%s has %d bytes.", s.template, len(text)),
			fmt.Sprintf("Its sync will fail: a template can have %d bytes at most.", maxSynced))
	}

	return s.tell(p, parameters)
}

func readTemplate(absolute string) ([]byte, error) {
	info, err := os.Stat(absolute)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("There is no template %s.", absolute).try("Usage: lockstep init TEMPLATE [NAME]")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxTemplate {
		return nil, usagef("%s is no template: a template is a file of at most 1 MB.", absolute)
	}
	return os.ReadFile(absolute)
}

// writeNew writes a file that is not there yet.
func writeNew(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return &failure{problem: fmt.Sprintf("%s is there already and was left alone.", file),
			remedy: "Change it by hand, give another NAME, or say --file."}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (s scaffold) tell(p *program, parameters []parameter) error {
	var empty []string
	for _, d := range parameters {
		if !d.hasDefault {
			empty = append(empty, d.name)
		}
	}

	file := filepath.Join(s.root, filepath.FromSlash(s.file))
	if here, err := filepath.Abs("."); err == nil {
		if relative, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(relative, "..") {
			file = relative
		}
	}

	fmt.Fprintf(p.stdout, "Wrote %s: stack %s from %s.\n", plain(file), s.name, plain(s.template))
	if len(empty) > 0 {
		fmt.Fprintf(p.stdout, "Fill in: %s.\n", strings.Join(empty, ", "))
	}

	_, err := fmt.Fprintf(p.stdout, "Then: git add %s && git commit, and `lockstep up %s` if none is running.\n",
		shellQuote(file), shellQuote(s.root))
	return err
}

// shellQuote writes a path so that it can be pasted, and is no option.
func shellQuote(text string) string {
	if strings.HasPrefix(text, "-") {
		text = "./" + text
	}
	return shellWord(text)
}

// shellWord writes a name so that it can be pasted behind a flag, or behind --:
// there it is no option, whatever it begins with.
func shellWord(text string) string {
	if regexp.MustCompile(`^[\w@%+=:,./-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
