package deploymentfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// Limits of one discovery.
const (
	maxEntries    = 200_000  // files and folders
	maxClassified = 5_000    // YAML and JSON files
	maxCached     = 50_000   // cached files
	maxRead       = 64 << 20 // bytes read
)

// A classification is what discovery knows of a file.
type classification struct {
	isDeploymentFile bool
	isTemplate       bool
	namedTemplate    string // the template that a deployment file names, if its path is valid
	name             string // the stack name that a deployment file asks for, if it is valid
}

// A cache keeps classifications by object id, so that only the changed files of a
// new head are read.
type cache struct {
	mu    sync.Mutex
	known map[string]classification
}

func (m *cache) get(id string) (classification, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.known[id]
	return f, ok
}

func (m *cache) put(id string, class classification) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxCached {
		m.known = make(map[string]classification)
	}
	m.known[id] = class
}

// A Discoverer finds deployment files. It remembers what it has classified, and
// is safe for concurrent use. The zero value is ready to use.
type Discoverer struct {
	cache cache
}

// Discover finds deployment files, and the templates that none of them names. It
// finds invalid files that have template-file-path too: their syncs report what is
// wrong.
func (d *Discoverer) Discover(ctx context.Context, files lockstep.Tree, want lockstep.Discovery) (target.Discovered,
	error) {
	var found target.Discovered
	if _, err := path.Match(want.Only, ""); err != nil {
		return found, lockstep.Errorf(lockstep.Invalid, "%q is not a valid pattern of file names.", want.Only)
	}

	paths, err := listFiles(ctx, files, want)
	if err != nil {
		return found, err
	}

	findings, err := d.classifyFiles(ctx, files, paths)
	if err != nil {
		return found, err
	}

	named := map[string]bool{}
	for _, class := range findings {
		named[class.namedTemplate] = true
	}

	for i, filePath := range paths {
		switch class := findings[i]; {
		case class.isDeploymentFile && matchesOnly(want, filePath):
			name, err := stackName(want, filePath, class.name)
			if err != nil {
				return target.Discovered{}, err
			}

			found.Files = append(found.Files, target.DeploymentFile{Path: filePath, Name: name})

		case class.isTemplate && !named[filePath]:
			found.Candidates = append(found.Candidates, filePath)
		}
	}

	return found, nil
}

// matchesOnly reports whether the whole path or the file's name matches the Only
// pattern.
func matchesOnly(want lockstep.Discovery, name string) bool {
	if want.Only == "" {
		return true
	}
	whole, _ := path.Match(want.Only, name)
	base, _ := path.Match(want.Only, path.Base(name))
	return whole || base
}

// listFiles returns the files that may be deployment files or templates. If there
// are too many, it returns those that match the Only pattern.
func listFiles(ctx context.Context, files lockstep.Tree, want lockstep.Discovery) ([]string, error) {
	folder := "."
	if want.Folder != "" && want.Folder != "." {
		clean, problem := cleanPath(strings.TrimSuffix(want.Folder, "/"))
		if problem != "" {
			return nil, lockstep.Errorf(lockstep.Invalid, "Folder %q: %s.", want.Folder, problem)
		}

		folder = clean
	}

	var paths []string
	entries := 0
	err := fs.WalkDir(files, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return lockstep.Errorf(lockstep.Limit,
				"The repository has more than %d files; name a folder to search.", maxEntries)
		}

		if entry.IsDir() {
			if name != folder && isSkippedFolder(entry.Name()) {
				return fs.SkipDir
			}
			return ctx.Err()
		}

		if strings.ContainsFunc(name, lockstep.IsUnsafe) {
			return nil // the API does not accept such a path
		}

		if entry.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
			paths = append(paths, name)
		}

		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	if err != nil {
		return nil, err
	}

	if len(paths) > maxClassified {
		paths = slices.DeleteFunc(paths, func(name string) bool { return want.Only == "" || !matchesOnly(want, name) })
		if len(paths) == 0 || len(paths) > maxClassified {
			return nil, lockstep.Errorf(lockstep.Limit,
				"The repository has more than %d YAML and JSON files; name a folder or a pattern.", maxClassified)
		}
	}

	slices.Sort(paths)
	return paths, nil
}

func isSkippedFolder(folder string) bool {
	return strings.HasPrefix(folder, ".") || folder == "node_modules" || folder == "vendor" || folder == "testdata"
}

// classifyFiles classifies files, reading those that are not cached.
func (d *Discoverer) classifyFiles(ctx context.Context, files lockstep.Tree, paths []string) ([]classification, error) {
	findings := make([]classification, len(paths))
	ids := make([]string, len(paths))
	var unknown []int
	var fetch []string
	for i, name := range paths {
		id, err := files.ObjectID(name)
		if err != nil {
			return nil, readError("File", name, err)
		}

		known, ok := d.cache.get(id)
		if ids[i], findings[i] = id, known; !ok {
			unknown, fetch = append(unknown, i), append(fetch, name)
		}
	}

	if err := prefetch(ctx, files, fetch...); err != nil {
		return nil, err
	}

	read := 0
	for _, i := range unknown {
		if err := ctx.Err(); err != nil {
			return nil, err
		}

		data, large, err := readFile(files, paths[i], maxDeploymentFile)
		if kind := lockstep.KindOf(err); err != nil && kind != lockstep.Limit && kind != lockstep.Invalid {
			return nil, readError("File", paths[i], err)
		}
		if read += len(data); read > maxRead {
			return nil, lockstep.Errorf(lockstep.Limit,
				"The repository has more than %d MB of YAML and JSON; name a folder to search.", maxRead>>20)
		}

		if err == nil && !large {
			findings[i] = classify(data)
		}

		d.cache.put(ids[i], findings[i])
	}

	return findings, nil
}

var (
	resourceType  = regexp.MustCompile(`[A-Za-z0-9]::[A-Za-z0-9]`)
	deploymentKey = regexp.MustCompile(`(?m)^[\s{]*["']?template-file-path["']?[ \t]*:`)
)

// classify classifies a file. It parses only files that contain one of the keywords,
// since most files of a repository are neither deployment files nor templates.
func classify(data []byte) classification {
	names := bytes.Contains(data, []byte("template-file-path"))
	if !names && !bytes.Contains(data, []byte("Resources")) {
		return classification{}
	}

	root, err := source{}.root(data)
	if err != nil {
		return classification{isDeploymentFile: names && deploymentKey.Match(data)}
	}

	if n := lookup(root, "template-file-path"); n != nil {
		clean, _ := cleanPath(n.Value)
		return classification{isDeploymentFile: true, namedTemplate: clean, name: askedName(root)}
	}

	return classification{isTemplate: isTemplate(root)}
}

// isTemplate reports whether a file is a CloudFormation template. Other files have a
// key Resources too.
func isTemplate(root *yaml.Node) bool {
	resources := lookup(root, "Resources")
	if resources == nil || resources.Kind != yaml.MappingNode {
		return false
	}
	if lookup(root, "AWSTemplateFormatVersion") != nil {
		return true
	}

	for i := 1; i < len(resources.Content); i += 2 {
		if n := lookup(resources.Content[i], "Type"); n != nil && resourceType.MatchString(n.Value) {
			return true
		}
	}

	return false
}

// askedName returns the valid stack name that a deployment file asks for, or "".
func askedName(root *yaml.Node) string {
	name := lookup(lookup(root, extensionKey), "name")
	if name == nil || ValidateStackName(name.Value) != nil {
		return ""
	}
	return name.Value
}

// stackName returns the stack name of a deployment file: the one in want, the one that
// the file asks for, or one made of the file's name. A file with a generic name has the
// name of its folder. It depends on nothing but the commit and want.
func stackName(want lockstep.Discovery, filePath, asked string) (string, error) {
	if name, ok := want.Names[filePath]; ok {
		return name, ValidateStackName(name)
	}
	if asked != "" {
		return asked, nil
	}
	base := strings.TrimSuffix(path.Base(filePath), path.Ext(filePath))
	switch folder := path.Dir(filePath); base {
	case "deployment", "deployment-file", "stack-deployment":
		if folder != "." {
			base = path.Base(folder)
		}
	}
	return makeStackName(base), nil
}
