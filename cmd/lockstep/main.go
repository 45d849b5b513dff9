// Command lockstep keeps CloudFormation stacks in sync with Git. Package cli implements it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lockstephq/lockstep/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills the program
	os.Exit(cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
