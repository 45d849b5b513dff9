package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/server"
)

// SandboxOptions are the arguments of `lockstep sandbox`.
type SandboxOptions struct {
	Listen string // address of the endpoint
	Data   string // file with the stacks
	Out    io.Writer
	Err    io.Writer
}

// sandboxDrainTimeout is how long the requests under way may take to end.
const sandboxDrainTimeout = 15 * time.Second

// Sandbox serves a sandbox CloudFormation alone until ctx ends. Several servers can share it by its
// URL. Its error may be an [Exit].
func Sandbox(ctx context.Context, options SandboxOptions) (err error) {
	lock, err := server.LockDatabase(options.Data, options.Data)
	if err != nil {
		return usageErrorf("--data: %s", err)
	}
	defer lock.Unlock()

	listener, err := httpserver.Listen("listen", options.Listen)
	if err != nil {
		return usageErrorf("%s", err)
	}
	defer listener.Close()

	log := slog.New(slog.NewTextHandler(options.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	stacks, err := sandbox.Open(ctx, options.Data, sandbox.Options{Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stacks.Close()) }()

	front := httpserver.New(httpserver.Options{Listener: listener, Handler: stacks, Log: log})
	ctx, cancel := context.WithCancel(ctx)
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)

		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sandboxDrainTimeout)
		defer cancel()
		_ = front.Shutdown(ctx) // the process ends anyway
	})

	fmt.Fprintf(options.Out, "ready http://%s\n", httpserver.LocalAddress(listener.Addr()))
	err = front.Serve()
	cancel()
	<-drained // Serve returns when the shutdown begins: requests still use the sandbox

	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}

	return nil
}
