package sshpool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A conn is a connection of the pool, in use or idle.
type conn struct {
	pool   *Pool
	peer   Peer
	client *ssh.Client
	dead   atomic.Bool
	expiry *time.Timer // while it is idle; guarded by the pool's lock
}

// endTimeout is how long a session may take to end after its last output. A connection whose
// session takes longer is not kept.
const endTimeout = 2 * time.Second

// A Session is a running command. Reading returns its output; Close releases the connection.
type Session struct {
	conn     *conn
	session  *ssh.Session
	stdin    io.WriteCloser
	stdout   *bufio.Reader
	stderr   giterr.Excerpt
	unwatch  func() bool
	hasRead  bool // something was read
	ended    bool
	reusable bool // the session has ended, and the connection can be used again
}

// start runs a command and waits for its first output. If there is none, the connection is
// released, and the error is an *ssh.ExitError if the command ran. The connection ends with ctx
// at the latest.
func (c *conn) start(ctx context.Context, run string) (*Session, error) {
	var slow atomic.Bool
	timer := time.AfterFunc(answerTimeout, func() { slow.Store(true); c.client.Close() })
	defer timer.Stop()

	session := &Session{conn: c, unwatch: context.AfterFunc(ctx, func() { c.client.Close() })}
	err := session.begin(run)
	if err == nil {
		return session, nil
	}

	session.Close()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case slow.Load():
		return nil, fmt.Errorf("%w: %w", giterr.ErrUnavailable, giterr.ErrTimeout)
	case giterr.IsClassified(err):
		return nil, err
	}

	return nil, fmt.Errorf("%w: %s", giterr.ErrUnavailable, giterr.Quote([]byte(err.Error())))
}

func (a *Session) begin(run string) error {
	var err error
	if a.session, err = a.conn.client.NewSession(); err != nil {
		return err
	}

	a.session.Stderr = &a.stderr
	if a.stdin, err = a.session.StdinPipe(); err != nil {
		return err
	}

	stdout, err := a.session.StdoutPipe()
	if err != nil {
		return err
	}

	a.stdout = bufio.NewReaderSize(stdout, 8<<10)
	// The reply is not awaited: the version that the server advertises shows whether it
	// accepted. git does the same.
	_, err = a.session.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{"GIT_PROTOCOL", "version=2"}))
	if err != nil {
		return err
	}

	if err := a.session.Start(run); err != nil {
		return err
	}

	if _, err = a.stdout.Peek(1); err == io.EOF {
		err = a.end()
	}

	return err
}

// Send writes a request, after which the server expects no more. If it is not accepted, the
// answer shows it.
func (a *Session) Send(request []byte) {
	if _, err := a.stdin.Write(request); err == nil {
		_ = a.stdin.Close()
	}
}

// Read returns the output. It ends when the command does, so that a truncated answer is
// recognized.
func (a *Session) Read(b []byte) (int, error) {
	n, err := a.stdout.Read(b)
	a.hasRead = a.hasRead || n > 0
	if err == io.EOF {
		err = a.end()
	}
	return n, err
}

// end waits for the command, whose output has ended.
func (a *Session) end() error {
	if a.ended {
		return io.EOF
	}

	a.ended = true
	err := a.session.Wait()
	exit, ran := errors.AsType[*ssh.ExitError](err)
	a.reusable = err == nil || ran

	switch {
	case err == nil && a.hasRead:
		return io.EOF
	case err == nil:
		return fmt.Errorf("%w: the server sent nothing", giterr.ErrProtocol)
	case !ran:
		return io.ErrUnexpectedEOF // the connection broke, or the server does not report the status
	}

	return a.failure(exit)
}

// failure returns what a failed command means. Only the status is reliable: git and the hosts' own
// programs exit with 128 and 1 if the repository does not exist, or not for this key.
func (a *Session) failure(exit *ssh.ExitError) error {
	message := fmt.Sprintf("the server says %s (status %d)", &a.stderr, exit.ExitStatus())
	kind := giterr.ErrUnavailable
	switch status := exit.ExitStatus(); {
	case a.hasRead || exit.Signal() != "":
	case status == 1 || status == 128:
		kind = giterr.ErrNotFound
	case status == 126 || status == 127:
		kind = giterr.ErrVersion
		message = "it has no git-upload-pack; " + message
	}
	return &exitError{kind, message, exit}
}

// An exitError is a command that ran and failed.
type exitError struct {
	kind    error
	message string
	exit    *ssh.ExitError
}

func (e *exitError) Error() string   { return e.kind.Error() + ": " + e.message }
func (e *exitError) Unwrap() []error { return []error{e.kind, e.exit} }

// Close releases the connection, which is kept if the session ends within endTimeout.
func (a *Session) Close() error {
	if a.session != nil && a.stdout != nil && !a.ended {
		timer := time.AfterFunc(endTimeout, func() { a.conn.client.Close() })
		_, _ = io.CopyN(io.Discard, a, 64<<10)
		timer.Stop()
	}
	inTime := a.unwatch()
	a.conn.pool.release(a.conn, a.reusable && inTime)
	return nil
}
