package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/gitwire/sshpool"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// checkKnownHosts sees at the start that the file can be read, and not when a
// host is first reached.
func checkKnownHosts(file string) error {
	if file == "" {
		return nil
	}
	if err := sshpool.CheckKnownHosts(file); err != nil {
		return fmt.Errorf("--known-hosts: %w", err)
	}
	return nil
}

// Serve runs the server until ctx ends. On out it writes the line that says it
// is ready, on errs the log.
func Serve(ctx context.Context, c Config, out, errs io.Writer) (err error) {
	if err := checkKnownHosts(c.KnownHosts); err != nil {
		return err
	}

	proxy, err := parseProxy(c.GitProxy)
	if err != nil {
		return fmt.Errorf("--git-proxy: %w", err)
	}

	log := newLogger(c.LogFormat, errs)
	p := plan{
		connections: c.MaxConnections, gitRoots: c.GitRoots, workers: c.Workers, callers: callersOf(c), log: log,
		publicURL: c.PublicURL, previewForks: c.PreviewForks,
		network: transport.NetworkOptions{AllowPrivate: c.GitPrivate, AllowLoopback: c.GitLoopback, Proxy: proxy, KnownHosts: c.KnownHosts},
		poll:    trigger.PollerOptions{Interval: c.PollInterval},
	}

	defer func() { err = errors.Join(err, p.closeListeners()) }()

	if err := p.listen(c); err != nil {
		return err
	}

	sqlite, exclusive := strings.CutPrefix(c.DB, "sqlite:")
	if exclusive {
		lock, err := lockDatabase(sqlite, sqlite)
		if err != nil {
			return fmt.Errorf("--db: %w", err)
		}
		defer unlock(lock)
	}

	p.exclusive = exclusive
	if p.db, err = db.Open(ctx, c.DB, db.Schema()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.db.Close()) }()

	if p.key, err = c.sealSource().open(ctx, true); err != nil {
		return err
	}
	if err := p.aim(ctx, c); err != nil {
		return err
	}

	s, err := assemble(ctx, p)
	if err != nil {
		return err
	}

	return s.run(ctx, func() error {
		if err := adviseFirstKey(ctx, p.db, c, out); err != nil {
			return err
		}

		if p.metricsListener != nil {
			fmt.Fprintf(out, "metrics http://%s/metrics\n", reachable(p.metricsListener.Addr()))
		}

		if p.webhookListener != nil {
			fmt.Fprintf(out, "webhooks %s/webhooks/\n", p.urlOf(p.webhookListener))
		}

		_, err := fmt.Fprintf(out, "ready %s\n", p.url())
		return err
	})
}

// listen takes the addresses of a server's ways in. What is wrong with the
// certificate is known before that.
func (p *plan) listen(c Config) (err error) {
	if c.TLSCert != "" {
		if p.certificate, err = loadCertificate(c.TLSCert, c.TLSKey, p.log); err != nil {
			return err
		}
	}

	if p.listener, err = listen("listen", c.Listen); err != nil {
		return err
	}
	if p.certificate == nil && !c.PlainHTTP && !onThisMachine(p.listener.Addr()) {
		return plainElsewhere(c.Listen, "give it a certificate with --tls-cert and --tls-key, or, where something before it ends TLS, say --plain-http")
	}

	if c.MetricsListen != "" {
		if p.metricsListener, err = listen("metrics-listen", c.MetricsListen); err != nil {
			return err
		}
	}

	if c.WebhookListen != "" {
		if p.webhookListener, err = listen("webhook-listen", c.WebhookListen); err != nil {
			return err
		}
		if p.certificate == nil && !c.PlainHTTP && !onThisMachine(p.webhookListener.Addr()) {
			return fmt.Errorf("--webhook-listen: other machines can reach %s, and webhooks' secrets would pass in plain HTTP: "+
				"give the server a certificate, or, where something before it ends TLS, say --plain-http", c.WebhookListen)
		}
	}

	if c.Target == "sandbox" && p.certificate != nil {
		// Our own calls to the sandbox: we need not trust our certificate, nor
		// bear its name.
		p.sandboxListener, err = listen("listen", "127.0.0.1:0")
	}

	return err
}

// plainElsewhere is the refusal to speak plain HTTP to other machines.
func plainElsewhere(addr, instead string) error {
	return fmt.Errorf("--listen: other machines can reach %s, and callers' secrets and answers would pass in plain HTTP: %s", addr, instead)
}

// closeListeners closes what listen opened; a server that ran has done so
// already.
func (p *plan) closeListeners() error {
	var errs []error
	for _, l := range []net.Listener{p.listener, p.metricsListener, p.webhookListener, p.sandboxListener} {
		if l == nil {
			continue
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// adviseFirstKey says how to make an access key, on a database that has none
// but the server's own.
func adviseFirstKey(ctx context.Context, d *db.DB, c Config, out io.Writer) error {
	var keys []identity.AccessKey
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		keys, err = identity.AllKeys(tx)
		return err
	})
	keys = slices.DeleteFunc(keys, func(k identity.AccessKey) bool { return k.Name == sandboxPrincipal })
	if err != nil || len(keys) > 0 {
		return err
	}

	first := "Make the first one"
	if c.SealKey.Reveal() != "" {
		first += ", with " + sealVariable + " as it is here"
	}

	_, err = fmt.Fprintf(out, "No access key exists yet. %s:\n  lockstep key create --db %s%s --admin\n",
		first, quote(db.Redact(c.DB)), c.sealSource().flags())
	return err
}

func newLogger(format string, w io.Writer) *slog.Logger {
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// url is where this machine reaches the API.
func (p *plan) url() string { return p.urlOf(p.listener) }

func (p *plan) urlOf(l net.Listener) string {
	if p.certificate != nil {
		return "https://" + reachable(l.Addr())
	}
	return "http://" + reachable(l.Addr())
}

// sandboxURL is where we reach the sandbox that we serve.
func (p *plan) sandboxURL() string {
	if p.sandboxListener != nil {
		return "http://" + reachable(p.sandboxListener.Addr()) + "/sandbox"
	}
	return p.url() + "/sandbox"
}
