package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/seal"
)

// A Config is everything an administrator can say. Its fields are set, weakest
// first, by defaults, a YAML file, LOCKSTEP_* variables and flags; a key of the
// file and the name of a flag are the same word. The seal key itself is the one
// exception: it is a variable and nothing else.
type Config struct {
	// DB is sqlite:PATH or postgres://…. There is no default.
	DB string
	// Listen is the address of the API. Defaults to 127.0.0.1:4747.
	Listen string
	// TLSCert and TLSKey are PEM files with the certificate chain of the API and
	// its private key, both or neither. They are read again when they change.
	// Default to none: the API speaks plain HTTP, and that on loopback only.
	TLSCert string
	TLSKey  string
	// PlainHTTP lets the API speak plain HTTP on any address, for whoever has TLS
	// ended before it. Defaults to no.
	PlainHTTP bool
	// MaxConnections is how many connections the API holds at once; a further one
	// waits for one of them to end. Defaults to 1024.
	MaxConnections int
	// MetricsListen is the address of /metrics, /livez and /readyz in plain HTTP,
	// for Prometheus and load balancers. What is told there names nobody and
	// nothing: every label is one of a fixed set. Defaults to none: metrics are
	// served nowhere.
	MetricsListen string
	// WebhookListen is an address for the webhooks of Git hosts, and for the pages of
	// commits, alone, which then are not answered at the API's: for a server whose API
	// the hosts are not to reach. It speaks TLS where the API does. Defaults to none:
	// they are answered at the API's address.
	WebhookListen string
	// PublicURL is where Git hosts reach the webhooks of this server, and people the
	// pages that statuses of commits link to, such as https://lockstep.example.com.
	// Defaults to none: then there are no such pages, and webhooks are registered at
	// Git hosts only where a caller says it.
	PublicURL string
	// Target is the CloudFormation that stacks are in: aws, sandbox or a URL.
	// Defaults to aws.
	Target string
	// SandboxFile holds the books of target sandbox. Defaults to the SQLite
	// database's path with .sandbox behind it; with PostgreSQL it must be given.
	SandboxFile string
	// SealKeyFile holds the key that credentials are sealed with, made on the
	// first start. Defaults to the SQLite database's path with .key behind it;
	// with PostgreSQL it must be given. All nodes need the same.
	SealKeyFile string
	// SealKeyKMS is the ARN of a key of AWS KMS that SealKeyFile is encrypted
	// under, so that the file alone opens nothing. The server needs kms:Decrypt
	// to start, and kms:Encrypt to make the file. Defaults to none: the file is
	// the key.
	SealKeyKMS string
	// SealKey is the key itself, in place of the file and in the file's form. It
	// comes from the variable LOCKSTEP_SEAL_KEY alone: a flag would be seen in the
	// list of processes, and the file of settings is no place for a secret. All
	// nodes need the same. Defaults to none.
	SealKey seal.Secret
	// AWSQuotas holds callers to the numbers of AWS's quotas rather than to those
	// that keep this server safe. Defaults to no.
	AWSQuotas bool
	// LongLivedKeys lets access keys sign calls. Without them only sessions of
	// roles are answered. Defaults to yes.
	LongLivedKeys bool
	// WebIdentityIssuers are the issuers, as their tokens name them, that roles
	// may trust. One on this machine may have http://. Defaults to those of GitHub
	// Actions and gitlab.com.
	WebIdentityIssuers []string
	// ThrottleRead, ThrottleWrite and ThrottleHost are how many calls a second a
	// principal may make that read, that change something, and that ask a Git
	// host. Two seconds' worth may come at once. 0 is no limit. Default to 500, 50
	// and 10.
	ThrottleRead  float64
	ThrottleWrite float64
	ThrottleHost  float64
	// GitRoots are folders below which hosts may have file:// endpoints. Defaults
	// to none.
	GitRoots []string
	// GitPrivate lets Git hosts have private addresses, GitLoopback this
	// machine's. Default to no.
	GitPrivate  bool
	GitLoopback bool
	// GitProxy is http://[USER:PASSWORD@]HOST:PORT, or https://: the proxy that all
	// HTTP to Git hosts goes through. It resolves their names, so that their addresses
	// are for it to check; those that a URL says itself are refused as ever. SSH, and
	// what GitLoopback allows, go directly. HTTP_PROXY and the like are never looked
	// at. Defaults to none.
	GitProxy string
	// KnownHosts is a file in the form of OpenSSH's known_hosts with the keys of
	// Git hosts that are reached over SSH. What is added to it holds from the next
	// connection on. Defaults to none: then only the keys that github.com,
	// gitlab.com, bitbucket.org and ssh.dev.azure.com publish are accepted.
	KnownHosts string
	// PollInterval is the time between two looks at a repository that has just
	// moved; it grows to ten times that while nothing moves. Defaults to 30 s.
	PollInterval time.Duration
	// PreviewForks lets pull requests from forks be previewed where a configuration
	// has PullRequestComment. Whoever can open one then has change sets planned of
	// templates of theirs, with the configuration's role. Defaults to no.
	PreviewForks bool
	// Workers is how many jobs run at once. Defaults to 100.
	Workers int
	// LogFormat is json or text. Defaults to json.
	LogFormat string
}

// Flags declares a flag per setting. What they are set to is read by Load.
func Flags(fs *pflag.FlagSet) {
	fs.String("config", "", "YAML `FILE` with the same settings")
	fs.String("db", "", "database: sqlite:PATH or postgres://…")
	fs.String("listen", "127.0.0.1:4747", "`ADDR` of the API")
	fs.String("tls-cert", "", "PEM `FILE` with the API's certificate chain, read again when it changes")
	fs.String("tls-key", "", "PEM `FILE` with the certificate's private key")
	fs.Bool("plain-http", false, "let the API speak plain HTTP on any address: TLS is ended before it")
	fs.Int("max-connections", defaultConnections, "connections that the API holds at once")
	fs.String("metrics-listen", "", "`ADDR` of /metrics, /livez and /readyz (default: no metrics)")
	fs.String("webhook-listen", "", "`ADDR` of /webhooks/ and /commits/ alone (default: at the API's address)")
	fs.String("public-url", "", "`URL` at which Git hosts reach this server's webhooks, and people its pages of commits (default: callers say it, no pages)")
	fs.String("target", "aws", "CloudFormation: sandbox, aws or a URL")
	fs.String("sandbox-file", "", "`FILE` with the sandbox's books (default: beside the SQLite database)")
	fs.String("seal-key-file", "", "`FILE` with the key that seals credentials, made if missing (default: beside the SQLite database)")
	fs.String("seal-key-kms", "", "`ARN` of the AWS KMS key that the seal key file is encrypted under")
	fs.Bool("aws-quotas", false, "hold callers to the numbers of AWS's quotas")
	fs.Bool("long-lived-keys", true, "let access keys sign calls, and not only sessions of roles")
	fs.StringSlice("web-identity-issuers", []string{"https://token.actions.githubusercontent.com", "https://gitlab.com"},
		"`URLS` of the token issuers that roles may trust")
	fs.Float64("throttle-read", 500, "calls a second of a principal that read; 0 is no limit")
	fs.Float64("throttle-write", 50, "calls a second of a principal that change something")
	fs.Float64("throttle-host", 10, "calls a second of a principal that ask a Git host")
	fs.StringSlice("git-roots", nil, "`FOLDERS` below which local repositories may be read")
	fs.Bool("git-private", false, "let Git hosts have private addresses")
	fs.Bool("git-loopback", false, "let Git hosts be on this machine")
	fs.String("git-proxy", "", "`URL` of the proxy for HTTP to Git hosts: http://[USER:PASSWORD@]HOST:PORT")
	fs.String("known-hosts", "", "known_hosts `FILE` with the SSH keys of Git hosts (default: those that the large hosts publish)")
	fs.Duration("poll-interval", 30*time.Second, "time between two looks at a repository that has just moved")
	fs.Bool("preview-forks", false, "comment on pull requests from forks, too: strangers have change sets planned")
	fs.Int("workers", 100, "jobs that run at once")
	fs.String("log-format", "json", "json or text")
}

// Load reads the settings: flags that were given, else variables, else the
// file, else defaults. The error names the setting and where it was made.
func Load(fs *pflag.FlagSet, getenv func(string) string) (Config, error) {
	if err := fillFrom(fs, getenv); err != nil {
		return Config{}, err
	}

	var errs []error
	c := Config{
		DB:                 read(&errs, fs.GetString, "db"),
		Listen:             read(&errs, fs.GetString, "listen"),
		TLSCert:            read(&errs, fs.GetString, "tls-cert"),
		TLSKey:             read(&errs, fs.GetString, "tls-key"),
		PlainHTTP:          read(&errs, fs.GetBool, "plain-http"),
		MaxConnections:     read(&errs, fs.GetInt, "max-connections"),
		MetricsListen:      read(&errs, fs.GetString, "metrics-listen"),
		WebhookListen:      read(&errs, fs.GetString, "webhook-listen"),
		PublicURL:          read(&errs, fs.GetString, "public-url"),
		Target:             read(&errs, fs.GetString, "target"),
		SandboxFile:        read(&errs, fs.GetString, "sandbox-file"),
		SealKeyFile:        read(&errs, fs.GetString, "seal-key-file"),
		SealKeyKMS:         read(&errs, fs.GetString, "seal-key-kms"),
		SealKey:            SealKeyOf(getenv),
		AWSQuotas:          read(&errs, fs.GetBool, "aws-quotas"),
		LongLivedKeys:      read(&errs, fs.GetBool, "long-lived-keys"),
		WebIdentityIssuers: read(&errs, fs.GetStringSlice, "web-identity-issuers"),
		ThrottleRead:       read(&errs, fs.GetFloat64, "throttle-read"),
		ThrottleWrite:      read(&errs, fs.GetFloat64, "throttle-write"),
		ThrottleHost:       read(&errs, fs.GetFloat64, "throttle-host"),
		GitRoots:           read(&errs, fs.GetStringSlice, "git-roots"),
		GitPrivate:         read(&errs, fs.GetBool, "git-private"),
		GitLoopback:        read(&errs, fs.GetBool, "git-loopback"),
		GitProxy:           read(&errs, fs.GetString, "git-proxy"),
		KnownHosts:         read(&errs, fs.GetString, "known-hosts"),
		PollInterval:       read(&errs, fs.GetDuration, "poll-interval"),
		PreviewForks:       read(&errs, fs.GetBool, "preview-forks"),
		Workers:            read(&errs, fs.GetInt, "workers"),
		LogFormat:          read(&errs, fs.GetString, "log-format"),
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, err
	}

	return c.complete()
}

func read[T any](errs *[]error, get func(string) (T, error), name string) T {
	v, err := get(name)
	*errs = append(*errs, err)
	return v
}

// complaints are what is wrong with settings.
type complaints []error

func (e *complaints) wrong(name, format string, args ...any) {
	*e = append(*e, fmt.Errorf("--"+name+": "+format, args...))
}

// complete checks every setting and fills those that follow from others.
func (c Config) complete() (Config, error) {
	var e complaints
	c.completeDatabase(&e)
	c.checkWaysIn(&e)
	c.checkCallers(&e)

	if endpoint, err := parseTarget(c.Target); err != nil {
		e.wrong("target", "%s", err)
	} else if endpoint != "" {
		c.Target = endpoint // the database is bound to it, not to how it was written
	} else if c.Target == "sandbox" && c.SandboxFile == "" {
		e.wrong("sandbox-file", "with PostgreSQL and target sandbox the file must be named")
	}

	for _, root := range c.GitRoots {
		if !filepath.IsAbs(root) {
			e.wrong("git-roots", "%s is not an absolute path", root)
		}
	}

	if _, err := parseProxy(c.GitProxy); err != nil {
		e.wrong("git-proxy", "%s", err)
	}

	if c.PollInterval < time.Second {
		e.wrong("poll-interval", "%s is less than a second", c.PollInterval)
	}

	if c.Workers < 1 || c.Workers > 10000 {
		e.wrong("workers", "%d is not between 1 and 10000", c.Workers)
	}

	if !slices.Contains([]string{"json", "text"}, c.LogFormat) {
		e.wrong("log-format", "%q is neither json nor text", c.LogFormat)
	}

	return c, errors.Join(e...)
}

// completeDatabase sees to the database and the files that go with it.
func (c *Config) completeDatabase(e *complaints) {
	sqlite, isSQLite := strings.CutPrefix(c.DB, "sqlite:")
	switch {
	case c.DB == "":
		e.wrong("db", "a database is needed: sqlite:PATH or postgres://…")
	case isSQLite && sqlite == "":
		e.wrong("db", "sqlite: wants a path behind it")
	case !isSQLite && !strings.HasPrefix(c.DB, "postgres://") && !strings.HasPrefix(c.DB, "postgresql://"):
		e.wrong("db", "%s begins with neither sqlite: nor postgres://", db.Redact(c.DB))
	}

	if isSQLite && c.SandboxFile == "" {
		c.SandboxFile = sqlite + ".sandbox"
	}

	source, err := c.sealSource().complete()
	if err != nil {
		*e = append(*e, err)
	}

	c.SealKeyFile = source.file
}

func (c *Config) sealSource() sealSource {
	return sealSource{db: c.DB, file: c.SealKeyFile, kms: c.SealKeyKMS, text: c.SealKey}
}

// checkWaysIn looks at the listeners' settings.
func (c *Config) checkWaysIn(e *complaints) {
	if err := checkListen(c.Listen); err != nil {
		e.wrong("listen", "%s", err)
	}

	if err := checkListen(c.MetricsListen); c.MetricsListen != "" && err != nil {
		e.wrong("metrics-listen", "%s", err)
	}

	if err := checkListen(c.WebhookListen); c.WebhookListen != "" && err != nil {
		e.wrong("webhook-listen", "%s", err)
	}

	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		e.wrong("public-url", "it is not https://HOST or http://HOST, with a path perhaps and nothing more") // and it is not shown
	}

	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		e.wrong("tls-key", "the file with the private key of %s is missing", c.TLSCert)
	case c.TLSCert == "" && c.TLSKey != "":
		e.wrong("tls-cert", "the file with the certificate of %s is missing", c.TLSKey)
	case c.TLSCert != "" && c.PlainHTTP:
		e.wrong("plain-http", "with a certificate nothing is served in plain HTTP: leave one of the two out")
	}

	if c.MaxConnections < 1 || c.MaxConnections > 1_000_000 {
		e.wrong("max-connections", "%d is not between 1 and 1000000", c.MaxConnections)
	}
}

// checkCallers looks at what callers are held to.
func (c *Config) checkCallers(e *complaints) {
	for _, issuer := range c.WebIdentityIssuers {
		if err := checkIssuer(issuer); err != nil {
			e.wrong("web-identity-issuers", "%s", err)
		}
	}
	for name, rate := range map[string]float64{"throttle-read": c.ThrottleRead, "throttle-write": c.ThrottleWrite, "throttle-host": c.ThrottleHost} {
		if !(rate >= 0 && rate <= 1e6) { // NaN is neither
			e.wrong(name, "%v is not between 0 and 1000000", rate)
		}
	}
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

// checkIssuer wants what OpenID Connect demands of an issuer: https and nothing
// behind the path. Keys that came over plain HTTP could be anybody's.
func checkIssuer(issuer string) error {
	if strings.Contains(issuer, "@") { // and it is not shown
		return errors.New("an issuer's URL has no user name or password")
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(issuer, "?#") {
		return fmt.Errorf("%q is not https://HOST or https://HOST/PATH", issuer)
	}
	if u.Scheme == "http" && !netaddr.IsLoopbackURL(issuer) {
		return fmt.Errorf("%s: an issuer on another machine needs https://", issuer)
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
// with passwords hidden and without a seal key.
func (c Config) Print(w io.Writer) error {
	return yaml.NewEncoder(w).Encode(yamlConfig{
		DB: db.Redact(c.DB), Listen: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, PlainHTTP: c.PlainHTTP,
		MaxConnections: c.MaxConnections, MetricsListen: c.MetricsListen, WebhookListen: c.WebhookListen,
		PublicURL: c.PublicURL, Target: c.Target, SandboxFile: c.SandboxFile, SealKeyFile: c.SealKeyFile, SealKeyKMS: c.SealKeyKMS,
		AWSQuotas: c.AWSQuotas, LongLivedKeys: c.LongLivedKeys, WebIdentityIssuers: c.WebIdentityIssuers,
		ThrottleRead: c.ThrottleRead, ThrottleWrite: c.ThrottleWrite, ThrottleHost: c.ThrottleHost,
		GitRoots: c.GitRoots, GitPrivate: c.GitPrivate, GitLoopback: c.GitLoopback, GitProxy: hidePassword(c.GitProxy),
		KnownHosts:   c.KnownHosts,
		PollInterval: c.PollInterval.String(), PreviewForks: c.PreviewForks, Workers: c.Workers, LogFormat: c.LogFormat,
	})
}

// yamlConfig is the file's form, in the order in which it is printed.
type yamlConfig struct {
	DB                 string   `yaml:"db"`
	Listen             string   `yaml:"listen"`
	TLSCert            string   `yaml:"tls-cert"`
	TLSKey             string   `yaml:"tls-key"`
	PlainHTTP          bool     `yaml:"plain-http"`
	MaxConnections     int      `yaml:"max-connections"`
	MetricsListen      string   `yaml:"metrics-listen"`
	WebhookListen      string   `yaml:"webhook-listen"`
	PublicURL          string   `yaml:"public-url"`
	Target             string   `yaml:"target"`
	SandboxFile        string   `yaml:"sandbox-file"`
	SealKeyFile        string   `yaml:"seal-key-file"`
	SealKeyKMS         string   `yaml:"seal-key-kms"`
	AWSQuotas          bool     `yaml:"aws-quotas"`
	LongLivedKeys      bool     `yaml:"long-lived-keys"`
	WebIdentityIssuers []string `yaml:"web-identity-issuers"`
	ThrottleRead       float64  `yaml:"throttle-read"`
	ThrottleWrite      float64  `yaml:"throttle-write"`
	ThrottleHost       float64  `yaml:"throttle-host"`
	GitRoots           []string `yaml:"git-roots"`
	GitPrivate         bool     `yaml:"git-private"`
	GitLoopback        bool     `yaml:"git-loopback"`
	GitProxy           string   `yaml:"git-proxy"`
	KnownHosts         string   `yaml:"known-hosts"`
	PollInterval       string   `yaml:"poll-interval"`
	PreviewForks       bool     `yaml:"preview-forks"`
	Workers            int      `yaml:"workers"`
	LogFormat          string   `yaml:"log-format"`
}
