package cfnstack

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A document is what a commit asks of a stack.
type document struct {
	file     deploymentFile
	template template
	declared map[string]declared
}

// ReadInputs reads the deployment file and the template it names. The kinds of
// its errors are Invalid, NotFound, Limit and those of the tree.
func (d *Driver) ReadInputs(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (target.Inputs, error) {
	_, inputs, err := readDocument(ctx, cfg, files)
	return inputs, err
}

// readDocument returns what a commit asks of a stack, and the inputs it was read
// from. After an error the inputs are those read before it.
func readDocument(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (*document, target.Inputs, error) {
	inputs := target.Inputs{}
	doc, err := readFiles(ctx, cfg, files, inputs)
	if err == nil {
		err = ValidateStackName(cfg.ResourceName)
	}
	return doc, inputs, err
}

func readFiles(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree, inputs target.Inputs) (*document, error) {
	name, problem := cleanPath(cfg.ConfigFile)
	if problem != "" {
		return nil, lockstep.Errorf(lockstep.Invalid, "Deployment file %q: %s.", cfg.ConfigFile, problem)
	}

	data, err := readInput(files, inputs, "Deployment file", name, maxDeploymentFile)
	if err != nil {
		return nil, err
	}

	doc := &document{}
	if doc.file, err = parseDeploymentFile(name, data); err != nil {
		return nil, err
	}
	if err := prefetch(ctx, files, doc.file.Template); err != nil {
		return nil, err
	}

	data, err = readInput(files, inputs, "Template", doc.file.Template, maxTemplate)
	if err != nil {
		return nil, err
	}
	if doc.template, err = parseTemplate(doc.file.Template, data); err != nil {
		return nil, err
	}

	return doc, doc.match()
}

// readInput reads a file and notes its object id, a missing one's too.
func readInput(files lockstep.Tree, inputs target.Inputs, what, name string, limit int64) ([]byte, error) {
	id, err := objectID(files, name)
	if err != nil {
		return nil, unreadable(what, name, err)
	}

	inputs[name] = id
	if id == lockstep.NoObject {
		return nil, missing(files, what, name)
	}

	data, large, err := readFile(files, name, limit)
	if err != nil {
		return nil, unreadable(what, name, err)
	}
	if large {
		return nil, lockstep.Errorf(lockstep.Limit, "%s %q has more than %d bytes, the most that can be sent.", what, name, limit)
	}

	return data, nil
}

// missing names the file that was perhaps meant: .yml for .yaml is the usual
// mistake.
func missing(files lockstep.Tree, what, name string) error {
	base := strings.TrimSuffix(name, path.Ext(name))
	for _, ending := range []string{".yaml", ".yml", ".json", ".template"} {
		if _, err := files.ObjectID(base + ending); err == nil {
			return lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s %q is not in the commit, but %q is.", what, name, base+ending)
		}
	}
	return lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s %q is not in the commit.", what, name)
}

// match holds the file's parameters against the template's.
func (d *document) match() error {
	d.declared = make(map[string]declared, len(d.template.Parameters))
	for _, p := range d.template.Parameters {
		d.declared[p.Name] = p
	}

	for _, p := range d.file.Parameters {
		declared, ok := d.declared[p.Name]
		if !ok {
			return d.file.source.errorf(p.Line, "parameters."+p.Name, "template %q has no such parameter", d.file.Template)
		}
		if p.List && !declared.list() {
			return d.file.source.errorf(p.Line, "parameters."+p.Name,
				"the value is a list, but template %q declares the parameter as %s", d.file.Template, declared.Type)
		}
	}

	return nil
}

// secrets are the values that must not be shown: what the file gives for
// NoEcho parameters.
func (d *document) secrets() []string {
	var values []string
	for _, p := range d.file.Parameters {
		if d.declared[p.Name].NoEcho && p.Value != "" {
			values = append(values, p.Value)
		}
	}
	return values
}
