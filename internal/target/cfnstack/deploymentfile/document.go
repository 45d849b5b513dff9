package deploymentfile

import (
	"context"
	"path"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A Document is what a commit asks of a stack.
type Document struct {
	File     File
	Template Template
	Declared map[string]Declaration
	// Warnings are sentences about what was read and is probably not meant.
	Warnings []string
}

// Read reads the deployment file of cfg and the template it names. It returns the
// inputs, after an error those read before it. The kinds of its errors are Invalid,
// NotFound, Limit and those of the tree.
func Read(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (*Document, target.Inputs, error) {
	inputs := target.Inputs{}
	doc, err := readDocument(ctx, cfg, files, inputs)
	if err == nil {
		err = ValidateStackName(cfg.ResourceName)
	}
	return doc, inputs, err
}

func readDocument(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree,
	inputs target.Inputs) (*Document, error) {
	name, problem := cleanPath(cfg.ConfigFile)
	if problem != "" {
		return nil, lockstep.Errorf(lockstep.Invalid, "Deployment file %q: %s.", cfg.ConfigFile, problem)
	}

	data, err := readInput(files, inputs, deploymentFile, name, ".", maxDeploymentFile)
	if err != nil {
		return nil, err
	}

	doc := &Document{}
	if doc.File, err = parseDeploymentFile(name, data); err != nil {
		return nil, err
	}
	if err := prefetch(ctx, files, doc.File.Template); err != nil {
		return nil, err
	}

	data, err = readInput(files, inputs, "Template", doc.File.Template, path.Dir(name), maxTemplate)
	if err != nil {
		return nil, err
	}
	if doc.Template, err = parseTemplate(doc.File.Template, data); err != nil {
		return nil, err
	}

	doc.Warnings = doc.Template.warnings
	return doc, doc.matchParameters()
}

// readInput reads a file and adds it to inputs, even if it is missing. Folder is where
// the path may have been meant to begin.
func readInput(
	files lockstep.Tree, inputs target.Inputs, what, name, folder string, limit int64,
) ([]byte, error) {
	id, err := objectID(files, name)
	if err != nil {
		return nil, readError(what, name, err)
	}

	inputs[name] = id
	if id == lockstep.NoObject {
		return nil, missingError(files, what, name, folder)
	}

	data, large, err := readFile(files, name, limit)
	if err != nil {
		return nil, readError(what, name, err)
	}
	if large {
		return nil, lockstep.Errorf(lockstep.Limit, "%s %q is larger than the limit of %d bytes.", what, name, limit)
	}

	return data, nil
}

// matchParameters checks the file's parameters against the template's.
func (d *Document) matchParameters() error {
	d.Declared = make(map[string]Declaration, len(d.Template.Parameters))
	for _, declaration := range d.Template.Parameters {
		d.Declared[declaration.Name] = declaration
	}

	for _, declaration := range d.File.Parameters {
		declared, ok := d.Declared[declaration.Name]
		if !ok {
			return d.File.source.errorf(declaration.Line, "parameters."+declaration.Name,
				"template %q has no such parameter", d.File.Template)
		}
		if declaration.IsList && !declared.isList() {
			return d.File.source.errorf(declaration.Line, "parameters."+declaration.Name,
				"the value is a list, but template %q declares the parameter as %s", d.File.Template, declared.Type)
		}
	}

	return nil
}

// Secrets returns the values that the file has for NoEcho parameters. They must not
// be shown.
func (d *Document) Secrets() []string {
	var values []string
	for _, p := range d.File.Parameters {
		if d.Declared[p.Name].NoEcho && p.Value != "" {
			values = append(values, p.Value)
		}
	}
	return values
}

// MissingParameterError is the error of a parameter that the deployment file has
// to give: it has neither a default nor a value in the stack.
func (d *Document) MissingParameterError(name string) error {
	return d.File.source.errorf(0, "parameters."+name,
		"the key is missing; template %q has the parameter without a default, and the stack has no value to "+
			"keep", d.File.Template)
}
