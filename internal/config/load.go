package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/seal"
)

// prefix begins each variable: LOCKSTEP_SEAL_KEY_FILE is --seal-key-file.
const prefix = "LOCKSTEP_"

// variable returns the environment variable of a setting.
func variable(name string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// SealKey returns the seal key in the environment, or "" if there is none.
func SealKey(getenv func(string) string) seal.Secret {
	return seal.NewSecret(getenv(sealKeyVariable))
}

// Flags adds a flag per setting to fs, and --config. [Load] reads their values.
func Flags(fs *pflag.FlagSet) {
	fs.String("config", "", "YAML `FILE` with the same settings")
	new(Settings).bind(fs)
}

// Load reads the settings: for each its flag if it was given, else its variable, else the file,
// else the default. fs are the flags of a command to which Flags has added its own. The error names
// each setting that is wrong and where it was set.
func Load(fs *pflag.FlagSet, getenv func(string) string) (Settings, error) {
	var settings Settings
	loaded := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	settings.bind(loaded)

	file, _ := fs.GetString("config")
	if file == "" {
		file = getenv(variable("config"))
	}

	var errs []error
	if file != "" {
		errs = append(errs, setFromFile(loaded, fs, file))
	}

	loaded.VisitAll(func(flag *pflag.Flag) {
		given := fs.Lookup(flag.Name)
		switch text := getenv(variable(flag.Name)); {
		case given.Changed:
			errs = append(errs, copyValue(flag, given))
		case text != "":
			if err := setText(flag, text); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", variable(flag.Name), err))
			}
		}
	})
	if err := errors.Join(errs...); err != nil {
		return Settings{}, err
	}

	settings.SealKey = SealKey(getenv)
	return settings.complete()
}

// copyValue sets a flag to the value of another of the same type.
func copyValue(target, from *pflag.Flag) error {
	if list, ok := from.Value.(pflag.SliceValue); ok {
		return target.Value.(pflag.SliceValue).Replace(list.GetSlice())
	}
	return target.Value.Set(from.Value.String())
}

// setText replaces the value of a flag. Without Replace, Set would append to a list that was set
// before.
func setText(flag *pflag.Flag, text string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		if err := list.Replace(nil); err != nil {
			return err
		}
	}

	if err := flag.Value.Set(text); err != nil {
		return fmt.Errorf("%q is not a valid %s for %s: %w", text, flag.Value.Type(), flag.Name, err)
	}

	return nil
}

// setFromFile sets flags from a YAML file. It skips those that were given on the command line.
func setFromFile(loaded, given *pflag.FlagSet, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}

	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(document.Content) == 0 {
		return nil
	}

	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: the file is not a mapping of settings", name, root.Line)
	}

	var errs []error
	lines := map[string]int{}
	for pair := range slices.Chunk(root.Content, 2) {
		key, value := pair[0], pair[1]
		flag := loaded.Lookup(key.Value)
		switch {
		case flag == nil:
			errs = append(errs, fmt.Errorf("%s:%d: there is no setting %q", name, key.Line, key.Value))
			continue
		case lines[key.Value] > 0:
			errs = append(errs, fmt.Errorf("%s:%d: %s is already set in line %d",
				name, key.Line, key.Value, lines[key.Value]))
			continue
		}

		lines[key.Value] = key.Line
		if given.Changed(key.Value) {
			continue
		}

		if err := setNode(flag, value); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s: %w", name, value.Line, key.Value, err))
		}
	}

	return errors.Join(errs...)
}

// setNode sets a flag to a value in the file.
func setNode(flag *pflag.Flag, node *yaml.Node) error {
	list, isList := flag.Value.(pflag.SliceValue)
	switch {
	case node.Kind == yaml.ScalarNode && node.ShortTag() != "!!null":
		return setText(flag, node.Value)
	case node.Kind == yaml.SequenceNode && isList:
		var values []string
		if err := node.Decode(&values); err != nil {
			return err
		}
		return list.Replace(values)

	case isList:
		return errors.New("neither a value nor a list of values")
	}

	return errors.New("not a value")
}
