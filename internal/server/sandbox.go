package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// SandboxOptions are what `lockstep sandbox` was asked for.
type SandboxOptions struct {
	Listen string // address of the endpoint
	Data   string // file with the books
	Out    io.Writer
	Err    io.Writer
}

// Sandbox serves a sandbox CloudFormation alone until ctx ends. Several servers
// may share it by its URL.
func Sandbox(ctx context.Context, o SandboxOptions) (err error) {
	lock, err := lockDatabase(o.Data, o.Data)
	if err != nil {
		return usage("--data: %s", err)
	}
	defer unlock(lock)

	listener, err := listen("listen", o.Listen)
	if err != nil {
		return usage("%s", err)
	}
	defer listener.Close()

	log := slog.New(slog.NewTextHandler(o.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	books, err := sandbox.Open(ctx, o.Data, sandbox.Options{Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, books.Close()) }()

	d := newDoor(listener, books, defaultConnections, nil, log)
	ctx, cancel := context.WithCancel(ctx)
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)

		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()

		_ = d.http.Shutdown(ctx) // a request that outlasts the drain is cut by Close
		_ = d.http.Close()
	})

	fmt.Fprintf(o.Out, "ready http://%s\n", reachable(listener.Addr()))
	err = d.serve()
	cancel()
	<-drained // Serve returns when shutting down begins: requests still use the books

	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}

	return nil
}
