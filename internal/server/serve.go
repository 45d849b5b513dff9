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
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// Serve runs the server until ctx ends. On out it writes the line that says it
// is ready, on errs the log.
func Serve(ctx context.Context, c Config, out, errs io.Writer) (err error) {
	log := newLogger(c.LogFormat, errs)
	listener, err := listen(c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	sqlite, exclusive := strings.CutPrefix(c.DB, "sqlite:")
	if exclusive {
		lock, err := lockDatabase(sqlite, sqlite)
		if err != nil {
			return fmt.Errorf("--db: %w", err)
		}
		defer unlock(lock)
	}
	d, err := db.Open(ctx, c.DB, db.Schema())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	key, err := c.sealSource().open(ctx, true)
	if err != nil {
		return err
	}
	p := plan{
		db: d, key: key, listener: listener, gitRoots: c.GitRoots, workers: c.Workers, exclusive: exclusive, log: log,
		network: gitwire.NetworkOptions{AllowPrivate: c.GitPrivate, AllowLoopback: c.GitLoopback},
		poll:    trigger.Options{Interval: c.PollInterval},
	}
	if err := p.aim(ctx, c); err != nil {
		return err
	}
	s, err := assemble(ctx, p)
	if err != nil {
		return err
	}
	return s.run(ctx, func() error {
		if err := adviseFirstKey(ctx, d, c, out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "ready http://%s\n", listener.Addr())
		return err
	})
}

// adviseFirstKey says how to make an access key, on a database that has none
// but the server's own.
func adviseFirstKey(ctx context.Context, d *db.DB, c Config, out io.Writer) error {
	var keys []identity.AccessKey
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		keys, err = identity.Keys(tx)
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

// loopback gives the URL at which this machine reaches a listener.
func loopback(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + addr.String()
}
