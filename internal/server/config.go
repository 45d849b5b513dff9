package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/db"
)

// A Config is everything an administrator can say. Its fields are set, weakest
// first, by defaults, a YAML file, LOCKSTEP_* variables and flags; a key of the
// file and the name of a flag are the same word.
type Config struct {
	// DB is sqlite:PATH or postgres://…. There is no default.
	DB string
	// Listen is the address of the API. Defaults to 127.0.0.1:4747.
	Listen string
	// Target is the CloudFormation that stacks are in: aws, sandbox or a URL.
	// Defaults to aws.
	Target string
	// SandboxFile holds the books of target sandbox. Defaults to the SQLite
	// database's path with .sandbox behind it; with PostgreSQL it must be given.
	SandboxFile string
	// SealKeyFile holds the key that credentials are sealed with, made on the
	// first start. Defaults to the SQLite database's path with .key behind it;
	// with PostgreSQL it must be given.
	SealKeyFile string
	// GitRoots are folders below which hosts may have file:// endpoints. Defaults
	// to none.
	GitRoots []string
	// GitPrivate lets Git hosts have private addresses, GitLoopback this
	// machine's. Default to no.
	GitPrivate  bool
	GitLoopback bool
	// PollInterval is the time between two looks at a repository that has just
	// moved; it grows to ten times that while nothing moves. Defaults to 30 s.
	PollInterval time.Duration
	// Workers is how many jobs run at once. Defaults to 100.
	Workers int
	// LogFormat is json or text. Defaults to json.
	LogFormat string
}

// envPrefix begins the variables: LOCKSTEP_SEAL_KEY_FILE is --seal-key-file.
const envPrefix = "LOCKSTEP_"

// Flags declares a flag per setting. What they are set to is read by Load.
func Flags(fs *pflag.FlagSet) {
	fs.String("config", "", "YAML `FILE` with the same settings")
	fs.String("db", "", "database: sqlite:PATH or postgres://…")
	fs.String("listen", "127.0.0.1:4747", "`ADDR` of the API")
	fs.String("target", "aws", "CloudFormation: sandbox, aws or a URL")
	fs.String("sandbox-file", "", "`FILE` with the sandbox's books (default: beside the SQLite database)")
	fs.String("seal-key-file", "", "`FILE` with the key that seals credentials, made if missing (default: beside the SQLite database)")
	fs.StringSlice("git-roots", nil, "`FOLDERS` below which local repositories may be read")
	fs.Bool("git-private", false, "let Git hosts have private addresses")
	fs.Bool("git-loopback", false, "let Git hosts be on this machine")
	fs.Duration("poll-interval", 30*time.Second, "time between two looks at a repository that has just moved")
	fs.Int("workers", 100, "jobs that run at once")
	fs.String("log-format", "json", "json or text")
}

// Load reads the settings: flags that were given, else variables, else the
// file, else defaults. The error names the setting and where it was made.
func Load(fs *pflag.FlagSet, getenv func(string) string) (Config, error) {
	if err := fillFrom(fs, getenv); err != nil {
		return Config{}, err
	}
	var c Config
	var errs []error
	text := func(dst *string, name string) { v, err := fs.GetString(name); *dst = v; errs = append(errs, err) }
	text(&c.DB, "db")
	text(&c.Listen, "listen")
	text(&c.Target, "target")
	text(&c.SandboxFile, "sandbox-file")
	text(&c.SealKeyFile, "seal-key-file")
	text(&c.LogFormat, "log-format")
	var err error
	c.GitRoots, err = fs.GetStringSlice("git-roots")
	errs = append(errs, err)
	c.GitPrivate, err = fs.GetBool("git-private")
	errs = append(errs, err)
	c.GitLoopback, err = fs.GetBool("git-loopback")
	errs = append(errs, err)
	c.PollInterval, err = fs.GetDuration("poll-interval")
	errs = append(errs, err)
	c.Workers, err = fs.GetInt("workers")
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return Config{}, err
	}
	return c.complete()
}

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

// complete checks every setting and fills those that follow from others.
func (c Config) complete() (Config, error) {
	sqlite, isSQLite := strings.CutPrefix(c.DB, "sqlite:")
	var errs []error
	wrong := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--"+name+": "+format, args...))
	}
	switch {
	case c.DB == "":
		wrong("db", "a database is needed: sqlite:PATH or postgres://…")
	case isSQLite && sqlite == "":
		wrong("db", "sqlite: wants a path behind it")
	case !isSQLite && !strings.HasPrefix(c.DB, "postgres://") && !strings.HasPrefix(c.DB, "postgresql://"):
		wrong("db", "%s begins with neither sqlite: nor postgres://", db.Redact(c.DB))
	}
	if c.SealKeyFile == "" {
		c.SealKeyFile = defaultSealKeyFile(c.DB)
	}
	if isSQLite && c.SandboxFile == "" {
		c.SandboxFile = sqlite + ".sandbox"
	}
	if c.SealKeyFile == "" {
		wrong("seal-key-file", "with PostgreSQL the file must be named; all nodes need the same")
	}
	if endpoint, err := parseTarget(c.Target); err != nil {
		wrong("target", "%s", err)
	} else if endpoint != "" {
		c.Target = endpoint // the database is bound to it, not to how it was written
	} else if c.Target == "sandbox" && c.SandboxFile == "" {
		wrong("sandbox-file", "with PostgreSQL and target sandbox the file must be named")
	}
	if err := checkListen(c.Listen); err != nil {
		wrong("listen", "%s", err)
	}
	for _, root := range c.GitRoots {
		if !filepath.IsAbs(root) {
			wrong("git-roots", "%s is not an absolute path", root)
		}
	}
	if c.PollInterval < time.Second {
		wrong("poll-interval", "%s is less than a second", c.PollInterval)
	}
	if c.Workers < 1 || c.Workers > 10000 {
		wrong("workers", "%d is not between 1 and 10000", c.Workers)
	}
	if !slices.Contains([]string{"json", "text"}, c.LogFormat) {
		wrong("log-format", "%q is neither json nor text", c.LogFormat)
	}
	return c, errors.Join(errs...)
}

func checkListen(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port", port)
	}
	return nil
}

// parseTarget gives the endpoint that a target names, "" for aws and sandbox.
func parseTarget(target string) (endpoint string, err error) {
	if target == "aws" || target == "sandbox" {
		return "", nil
	}
	if strings.Contains(target, "@") { // and it is not shown
		return "", errors.New("a target's URL has no user name or password; use AWS credentials")
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is none of sandbox, aws, http(s)://…", target)
	}
	return strings.TrimRight(target, "/"), nil
}

// Print writes the settings as they are in effect, in the form of the file,
// with passwords hidden.
func (c Config) Print(w io.Writer) error {
	return yaml.NewEncoder(w).Encode(yamlConfig{
		DB: db.Redact(c.DB), Listen: c.Listen, Target: c.Target, SandboxFile: c.SandboxFile, SealKeyFile: c.SealKeyFile,
		GitRoots: c.GitRoots, GitPrivate: c.GitPrivate, GitLoopback: c.GitLoopback,
		PollInterval: c.PollInterval.String(), Workers: c.Workers, LogFormat: c.LogFormat,
	})
}

// yamlConfig is the file's form, in the order in which it is printed.
type yamlConfig struct {
	DB           string   `yaml:"db"`
	Listen       string   `yaml:"listen"`
	Target       string   `yaml:"target"`
	SandboxFile  string   `yaml:"sandbox-file"`
	SealKeyFile  string   `yaml:"seal-key-file"`
	GitRoots     []string `yaml:"git-roots"`
	GitPrivate   bool     `yaml:"git-private"`
	GitLoopback  bool     `yaml:"git-loopback"`
	PollInterval string   `yaml:"poll-interval"`
	Workers      int      `yaml:"workers"`
	LogFormat    string   `yaml:"log-format"`
}
