package server

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// envPrefix begins the variables: LOCKSTEP_SEAL_KEY_FILE is --seal-key-file.
const envPrefix = "LOCKSTEP_"

// fillFrom sets the flags that were not given from variables and the file. The
// error names everything that is wrong with either.
func fillFrom(fs *pflag.FlagSet, getenv func(string) string) error {
	given := map[string]bool{}
	fs.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	name, _ := fs.GetString("config")
	if name == "" {
		name = getenv(envPrefix + "CONFIG")
	}

	var errs []error
	if name != "" {
		errs = append(errs, fillFromFile(fs, name, given))
	}

	fs.VisitAll(func(f *pflag.Flag) {
		variable := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v := getenv(variable); v != "" && !given[f.Name] && setting(f.Name) {
			if err := setText(f, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", variable, err))
			}
		}
	})

	return errors.Join(errs...)
}

// setText gives a flag a value in place of the one it has. To a list that was
// set before, its Set would add.
func setText(f *pflag.Flag, text string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		if err := list.Replace(nil); err != nil {
			return err
		}
	}
	if err := f.Value.Set(text); err != nil {
		return fmt.Errorf("%q is no %s for %s: %w", text, f.Value.Type(), f.Name, err)
	}
	return nil
}

// setting says whether a flag is one of the settings; a command may have
// others.
func setting(name string) bool {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(fs)
	return fs.Lookup(name) != nil && name != "config"
}

func fillFromFile(fs *pflag.FlagSet, name string, given map[string]bool) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}

	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}

	if doc.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: the file is not a mapping of settings", name, doc.Content[0].Line)
	}

	var errs []error
	lines := map[string]int{}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		f := fs.Lookup(key.Value)
		switch {
		case f == nil || !setting(key.Value):
			errs = append(errs, fmt.Errorf("%s:%d: there is no setting %q", name, key.Line, key.Value))
			continue
		case lines[key.Value] > 0:
			errs = append(errs, fmt.Errorf("%s:%d: %s: was set in line %d already", name, key.Line, key.Value, lines[key.Value]))
			continue
		}

		lines[key.Value] = key.Line
		if given[key.Value] {
			continue
		}

		if err := setNode(f, value); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s: %w", name, value.Line, key.Value, err))
		}
	}

	return errors.Join(errs...)
}

// setNode gives a flag a value of the file.
func setNode(f *pflag.Flag, n *yaml.Node) error {
	list, isList := f.Value.(pflag.SliceValue)
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null":
		return setText(f, n.Value)
	case n.Kind == yaml.SequenceNode && isList:
		var values []string
		if err := n.Decode(&values); err != nil {
			return err
		}
		return list.Replace(values)

	case isList:
		return errors.New("neither a value nor a list of values")
	}

	return errors.New("not a value")
}
