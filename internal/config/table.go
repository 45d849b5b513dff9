package config

import (
	"net/url"
	"slices"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/httpserver"
)

// table returns the settings of s, in the order in which they are printed.
func (s *Settings) table() []setting {
	return slices.Concat(
		s.listenerTable(),
		s.stackTable(),
		s.callerTable(),
		s.gitTable(),
		s.workTable(),
	)
}

func (s *Settings) listenerTable() []setting {
	return []setting{
		{
			name:  "db",
			field: &s.DB,
			usage: "database: sqlite:PATH or postgres://…",
			details: "Required. Several servers can share a PostgreSQL database. Other users of the machine see a " +
				"password on the command line: put one into `LOCKSTEP_DB` or the settings file.",
			redact: db.Redact,
		},
		{
			name:      "listen",
			field:     &s.Listen,
			byDefault: "127.0.0.1:4747",
			usage:     "`ADDR` of the API",
		},
		{
			name:  "tls-cert",
			field: &s.TLSCert,
			usage: "PEM `FILE` with the API's certificate chain, read again when it changes",
			details: "Goes with `tls-key`. Without a certificate the API speaks plain HTTP, " +
				"and on a loopback address only.",
		},
		{
			name:  "tls-key",
			field: &s.TLSKey,
			usage: "PEM `FILE` with the certificate's private key",
		},
		{
			name:  "plain-http",
			field: &s.PlainHTTP,
			usage: "let the API speak plain HTTP on any address: a proxy in front of it terminates TLS",
		},
		{
			name:      "max-connections",
			field:     &s.MaxConnections,
			byDefault: httpserver.DefaultMaxConnections,
			usage:     "connections that the API holds at once",
			details:   "A further connection waits until one of them ends.",
		},
		{
			name:  "max-connections-per-address",
			field: &s.MaxPerAddress,
			usage: "connections that one client address holds at once (default: a quarter of max-connections, " +
				"or all with plain-http)",
			details: "An address is an IPv4 address or an IPv6 network of 64 bits. A further connection of it " +
				"replaces one that is idle or still sends its request, or is closed. With `plain-http` all connections are the proxy's: limit its clients there.",
		},
		{
			name:  "metrics-listen",
			field: &s.MetricsListen,
			usage: "`ADDR` of /metrics, /livez and /readyz (default: no metrics)",
			details: "Plain HTTP, for Prometheus and load balancers. No label has a name, an account " +
				"or an address: each is one of a fixed set.",
		},
		{
			name:  "webhook-listen",
			field: &s.WebhookListen,
			usage: "`ADDR` of /webhooks/ and /commits/ alone (default: at the API's address)",
			details: "For a server whose API the Git hosts cannot reach. The two paths are then not " +
				"served at the API's address. Speaks TLS if the API does.",
		},
		{
			name:  "public-url",
			field: &s.PublicURL,
			usage: "`URL` at which Git hosts reach this server's webhooks, and people its commit pages" +
				" (default: none)",
			details: "For example https://lockstep.example.com. Status reports link to the commit pages. " +
				"Without it there are no such pages, and a webhook is registered at a Git host only where a " +
				"caller gives its URL.",
		},
	}
}

func (s *Settings) stackTable() []setting {
	return []setting{
		{
			name:      "target",
			field:     &s.Target,
			byDefault: "aws",
			usage:     "CloudFormation: sandbox, aws or a URL",
		},
		{
			name:  "sandbox-file",
			field: &s.SandboxFile,
			usage: "`FILE` with the sandbox's stacks (default: next to the SQLite database)",
			details: "By default the path of the SQLite database and `.sandbox`. Required with PostgreSQL and " +
				"target sandbox.",
		},
		{
			name:  "seal-key-file",
			field: &s.SealKeyFile,
			usage: "`FILE` with the key that seals credentials, created if missing (default: next to the SQLite database)",
			details: "By default the path of the SQLite database and `.key`. Required with PostgreSQL: all " +
				"servers of one database need the same key. The key itself can be set in `LOCKSTEP_SEAL_KEY` instead.",
		},
		{
			name:  "seal-key-kms",
			field: &s.SealKeyKMS,
			usage: "`ARN` of the AWS KMS key that the seal key file is encrypted under",
			details: "The file alone then decrypts nothing. The server needs kms:Decrypt to start, and kms:Encrypt " +
				"to create the file.",
		},
	}
}

func (s *Settings) callerTable() []setting {
	return []setting{
		{
			name:    "aws-quotas",
			field:   &s.AWSQuotas,
			usage:   "apply the quotas that AWS applies",
			details: "Without it the quotas are those that keep the server safe.",
		},
		{
			name:      "long-lived-keys",
			field:     &s.LongLivedKeys,
			byDefault: true,
			usage:     "accept calls signed with access keys, and not only with sessions of roles",
		},
		{
			name:      "web-identity-issuers",
			field:     &s.WebIdentityIssuers,
			byDefault: []string{"https://token.actions.githubusercontent.com", "https://gitlab.com"},
			usage:     "`URLS` of the token issuers that roles can trust",
			details:   "As the tokens name them. An issuer on this machine may have http://.",
		},
		{
			name:      "throttle-read",
			field:     &s.ThrottleRead,
			byDefault: 500.0,
			usage:     "calls per second and principal that read; 0 is no limit",
			details:   "Two seconds' worth of calls may arrive at once; this holds for all three limits.",
		},
		{
			name:      "throttle-write",
			field:     &s.ThrottleWrite,
			byDefault: 50.0,
			usage:     "calls per second and principal that change something; 0 is no limit",
		},
		{
			name:      "throttle-host",
			field:     &s.ThrottleHost,
			byDefault: 10.0,
			usage:     "calls per second and principal that call a Git host; 0 is no limit",
		},
	}
}

func (s *Settings) gitTable() []setting {
	return []setting{
		{
			name:      "git-roots",
			field:     &s.GitRoots,
			byDefault: []string{},
			usage:     "`FOLDERS` below which local repositories may be read",
			details:   "Absolute paths. Hosts can have file:// endpoints below them.",
		},
		{
			name:  "git-private",
			field: &s.GitPrivate,
			usage: "let Git hosts have private addresses",
		},
		{
			name:  "git-loopback",
			field: &s.GitLoopback,
			usage: "let Git hosts be on this machine",
		},
		{
			name:  "git-proxy",
			field: &s.GitProxy,
			usage: "`URL` of the proxy for HTTP to Git hosts: http://[USER:PASSWORD@]HOST:PORT",
			details: "The URL may have https://. The proxy resolves the names of the hosts, so it must check " +
				"their addresses; an address that a URL contains literally is refused as without a proxy. SSH, and " +
				"what `git-loopback` allows, do not use the proxy. HTTP_PROXY and similar variables are ignored. " +
				"Put a password into `LOCKSTEP_GIT_PROXY` or the settings file: other users of the machine see " +
				"the command line.",
			redact: redactURL,
		},
		{
			name:  "known-hosts",
			field: &s.KnownHosts,
			usage: "`FILE` in the format of known_hosts with the SSH keys of Git hosts" +
				" (default: those that the large hosts publish)",
			details: "The server reads it for each connection. By default it accepts the " +
				"keys that github.com, gitlab.com, bitbucket.org and ssh.dev.azure.com publish.",
		},
	}
}

func (s *Settings) workTable() []setting {
	return []setting{
		{
			name:      "poll-interval",
			field:     &s.PollInterval,
			byDefault: 30 * time.Second,
			usage:     "time between two probes of a repository that has just changed",
			details:   "Grows to ten times that while nothing changes.",
		},
		{
			name:  "preview-forks",
			field: &s.PreviewForks,
			usage: "comment on pull requests from forks too: anyone can have change sets planned",
			details: "For sync configurations with PullRequestComment. Anyone who can open a pull request then has " +
				"change sets planned from their own templates, with the configuration's role.",
		},
		{
			name:  "allow-rewinds",
			field: &s.AllowRewinds,
			usage: "sync a head that does not descend from the last applied commit, also where signers are named",
			details: "Without it such a head blocks a resource that has allowed signers: everyone who can push could " +
				"otherwise return to any commit that was ever signed. A commit that is requested by its id " +
				"(`lockstep retry --sha`) is always synced.",
		},
		{
			name:      "keep-for",
			field:     &s.KeepFor,
			byDefault: 90 * 24 * time.Hour,
			usage:     "time for which ended syncs are kept in the history; 0 is no limit",
			details: "Older ones are deleted with their events and plans, once an hour. The latest sync of a resource and " +
				"of a branch, and the latest one that succeeded, are always kept.",
		},
		{
			name:      "keep-attempts",
			field:     &s.KeepAttempts,
			byDefault: 500,
			usage:     "ended syncs of a resource or branch that are kept in the history; 0 is no limit",
		},
		{
			name:      "workers",
			field:     &s.Workers,
			byDefault: 100,
			usage:     "jobs that run at once",
			details:   "At most a quarter of them use one Git host at a time, so that a slow one does not delay the others.",
		},
		{
			name:      "log-format",
			field:     &s.LogFormat,
			byDefault: "json",
			usage:     "format of the log: json or text",
		},
	}
}

// redactURL hides the password of a URL.
func redactURL(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.User != nil {
		return u.Redacted()
	}
	return raw
}
