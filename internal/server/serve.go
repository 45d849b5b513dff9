package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/gitwire/sshpool"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// Serve runs the server until ctx ends. It writes to out the line that it is ready, and the log to
// errs.
func Serve(ctx context.Context, settings config.Settings, out, errs io.Writer) (err error) {
	log := newLogger(settings.LogFormat, errs)
	if err := checkKnownHosts(ctx, settings.KnownHosts, log); err != nil {
		return err
	}

	proxy, err := settings.Proxy()
	if err != nil {
		return fmt.Errorf("--git-proxy: %w", err)
	}

	options := optionsOf(settings, proxy, log)
	defer func() { err = errors.Join(err, options.Listeners.close()) }()

	if err := options.Listeners.open(settings, options.Log); err != nil {
		return err
	}

	if path, isSQLite := strings.CutPrefix(settings.DB, "sqlite:"); isSQLite {
		lock, err := LockDatabase(path, path)
		if err != nil {
			return fmt.Errorf("--db: %w", err)
		}
		defer lock.Unlock()
	}

	if options.DB, err = db.Open(ctx, settings.DB, db.Schema()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, options.DB.Close()) }()

	source := settings.SealKeySource()
	if options.SealKey, err = OpenSealKey(ctx, options.DB, &source); err != nil {
		return err
	}
	if err := options.resolveTarget(ctx, settings); err != nil {
		return err
	}

	server, err := New(ctx, options)
	if err != nil {
		return err
	}

	return server.Run(ctx, func() error { return server.announce(ctx, settings, out) })
}

// optionsOf returns the options that follow from the settings alone.
func optionsOf(settings config.Settings, proxy *url.URL, log *slog.Logger) Options {
	return Options{
		GitRoots: settings.GitRoots,
		Network: transport.NetworkOptions{
			AllowPrivate:  settings.GitPrivate,
			AllowLoopback: settings.GitLoopback,
			Proxy:         proxy,
			KnownHosts:    settings.KnownHosts,
		},
		Polling:      trigger.PollerOptions{Interval: settings.PollInterval},
		PublicURL:    settings.PublicURL,
		PreviewForks: settings.PreviewForks,
		AllowRewinds: settings.AllowRewinds,
		Retention:    engine.Retention{MaxAge: settings.KeepFor, MaxAttempts: settings.KeepAttempts},
		Workers:      settings.Workers,
		Exclusive:    strings.HasPrefix(settings.DB, "sqlite:"),
		Callers:      callersOf(settings),
		Log:          log,
	}
}

// checkKnownHosts reports at the start, and not at the first connection to a host, that the file
// cannot be read. It logs a warning about the lines that cannot.
func checkKnownHosts(ctx context.Context, file string, log *slog.Logger) error {
	if file == "" {
		return nil
	}

	skipped, err := sshpool.CheckKnownHosts(file)
	if err != nil {
		return fmt.Errorf("--known-hosts: %w", err)
	}

	if len(skipped) > 0 {
		log.LogAttrs(ctx, slog.LevelWarn, "known_hosts lines skipped", slog.String("file", file),
			slog.Any("lines", skipped[:min(len(skipped), 20)]), slog.Int("count", len(skipped)))
	}

	return nil
}

// open listens on the addresses in the settings. It reads the certificate before that.
func (l *Listeners) open(settings config.Settings, log *slog.Logger) (err error) {
	l.MaxConnections, l.MaxPerAddress = settings.MaxConnections, settings.MaxPerAddress
	if settings.PlainHTTP && l.MaxPerAddress == 0 {
		l.MaxPerAddress = l.MaxConnections // all clients have the address of the proxy
	}
	if settings.TLSCert != "" {
		if l.Certificate, err = httpserver.LoadCertificate(settings.TLSCert, settings.TLSKey, log); err != nil {
			return err
		}
	}

	if l.API, err = httpserver.Listen("listen", settings.Listen); err != nil {
		return err
	}
	plain := l.Certificate == nil && !settings.PlainHTTP
	if plain && !httpserver.IsLoopback(l.API.Addr()) {
		return fmt.Errorf("%w: use a certificate with --tls-cert and --tls-key, or, if a proxy in front of it "+
			"terminates TLS, --plain-http", PlainHTTPError(settings.Listen))
	}

	if settings.MetricsListen != "" {
		if l.Metrics, err = httpserver.Listen("metrics-listen", settings.MetricsListen); err != nil {
			return err
		}
	}

	if settings.WebhookListen != "" {
		if l.Webhooks, err = httpserver.Listen("webhook-listen", settings.WebhookListen); err != nil {
			return err
		}
		if plain && !httpserver.IsLoopback(l.Webhooks.Addr()) {
			return fmt.Errorf("--webhook-listen: other machines can reach %s, and webhooks would send their secrets "+
				"in plain HTTP: use a certificate, or, if a proxy in front of it terminates TLS, --plain-http",
				settings.WebhookListen)
		}
	}

	if settings.Target == "sandbox" {
		// For our own calls to the sandbox, which need not trust our certificate and do not share the
		// connections of callers.
		l.Sandbox, err = httpserver.Listen("listen", "127.0.0.1:0")
	}

	return err
}

// PlainHTTPError returns the reason why plain HTTP is refused on an address that other machines can
// reach.
func PlainHTTPError(addr string) error {
	return fmt.Errorf("--listen: other machines can reach %s, and callers' secrets would be sent in plain HTTP", addr)
}

// announce writes where the server can be reached.
func (s *Server) announce(ctx context.Context, settings config.Settings, out io.Writer) error {
	if err := adviseFirstKey(ctx, s.options.DB, settings, out); err != nil {
		return err
	}

	listeners := &s.options.Listeners
	if listeners.Metrics != nil {
		fmt.Fprintf(out, "metrics http://%s/metrics\n", httpserver.LocalAddress(listeners.Metrics.Addr()))
	}
	if listeners.Webhooks != nil {
		fmt.Fprintf(out, "webhooks %s/webhooks/\n", listeners.urlOf(listeners.Webhooks))
	}

	_, err := fmt.Fprintf(out, "ready %s\n", s.URL())
	return err
}

// adviseFirstKey prints how to create an access key, if the database has none but the server's own.
func adviseFirstKey(ctx context.Context, d *db.DB, settings config.Settings, out io.Writer) error {
	var keys []identity.AccessKey
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		keys, err = identity.AllKeys(tx)
		return err
	})
	keys = slices.DeleteFunc(keys, func(key identity.AccessKey) bool { return key.Name == sandboxPrincipal })
	if err != nil || len(keys) > 0 {
		return err
	}

	advice := "Make the first one"
	if settings.SealKey.Reveal() != "" {
		advice += ", with the same LOCKSTEP_SEAL_KEY"
	}

	source := settings.SealKeySource()
	_, err = fmt.Fprintf(out, "No access key exists yet. %s:\n  lockstep key create --db %s%s --admin\n",
		advice, lockstep.ShellQuote(db.Redact(settings.DB)), source.Flags())
	return err
}
