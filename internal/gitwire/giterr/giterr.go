package giterr

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The classes of errors, by who has to act. Compare with errors.Is.
var (
	// ErrUnavailable heals with time: network, timeout, 5xx, 429. Error.RetryAfter
	// holds what the server asked for.
	ErrUnavailable = errors.New("not available")
	// ErrUnauthorized means that the server refuses the credential, or requires one.
	ErrUnauthorized = errors.New("not authorized")
	// ErrNotFound means that the repository does not exist, or is not visible to this
	// credential.
	ErrNotFound = errors.New("repository not found")
	// ErrMissing means that the server does not have a wanted object, as after a force push and
	// a garbage collection.
	ErrMissing = errors.New("object not in the repository")
	// ErrLimit means that something is larger than the limits allow.
	ErrLimit = errors.New("limit exceeded")
	// ErrProtocol means that the server's answer is malformed.
	ErrProtocol = errors.New("unexpected answer")
	// ErrVersion means that the server speaks no supported version of Git's smart protocol.
	ErrVersion = errors.New("the server does not speak Git's smart protocol")
	// ErrNoFilter means that the server cannot omit blobs from its answer, without which
	// history is not read.
	ErrNoFilter = errors.New("the server supports no partial clone filter")
	// ErrSHA256 means that the repository's object ids are not SHA-1.
	ErrSHA256 = errors.New("repositories with SHA-256 object ids are not supported")
	// ErrAddress means that the host's address may not be dialled.
	ErrAddress = errors.New("address not allowed")
	// ErrProxy means that the proxy refuses this client, or the host.
	ErrProxy = errors.New("refused by the proxy")
	// ErrCertificate means that the server's TLS certificate was not accepted.
	ErrCertificate = errors.New("certificate not accepted")
	// ErrHostKey means that an SSH server's key is unknown, or differs from the known one.
	ErrHostKey = errors.New("host key not accepted")
	// ErrRedirect means that the server redirects to a place that is not followed.
	ErrRedirect = errors.New("redirect not followed")
	// ErrURL means that a URL, or the credential for it, cannot be used.
	ErrURL = errors.New("bad repository URL")
	// ErrRef means that a name is not a full ref name (refs/heads/…).
	ErrRef = errors.New("bad ref name")
	// ErrNotRepository means that there is no Git repository at a path.
	ErrNotRepository = errors.New("not a Git repository")
	// ErrRoot means that a path, or something a repository refers to, is outside the allowed
	// roots.
	ErrRoot = errors.New("outside the allowed folders")
	// ErrOwner means that a local repository belongs to another user.
	ErrOwner = errors.New("repository belongs to another user")
	// ErrGit means that the git program is missing or failed.
	ErrGit = errors.New("git failed")
	// ErrSymlink means that a path is, or leads through, a symbolic link.
	ErrSymlink = errors.New("symbolic links are not followed")
	// ErrSubmodule means that a path is, or leads through, a submodule.
	ErrSubmodule = errors.New("submodules are not followed")
)

// An Error is the error of every operation on a repository. Its text is safe to show.
type Error struct {
	// Repository is the URL, without a credential, or the path.
	Repository string
	// RetryAfter is how long the server wants no requests; zero if it did not say. At most an
	// hour.
	RetryAfter time.Duration
	// Err wraps one of the sentinels, or a context's error if the caller gave up.
	Err error
}

func (e *Error) Error() string { return e.Repository + ": " + e.Err.Error() }

// Unwrap returns Err, for errors.Is.
func (e *Error) Unwrap() error { return e.Err }

// redactedError is an error whose text contained the credential.
type redactedError struct {
	err  error
	text string
}

func (e *redactedError) Error() string { return e.text }

// Unwrap is for errors.Is. The text of the result must not be shown.
func (e *redactedError) Unwrap() error { return e.err }

// MaxMessage is how much of a server's message an error quotes, in bytes.
const MaxMessage = 200

// Quote returns a server's message safe to show: quoted on one line, without control
// characters, and truncated.
func Quote(message []byte) string {
	text := strings.TrimSpace(string(message[:min(len(message), 4*MaxMessage)]))
	if len(text) > MaxMessage {
		text = strings.ToValidUTF8(text[:MaxMessage], "") + "…"
	}
	return strconv.Quote(text)
}

// Wrap returns err as an *Error with a sentinel in it. An error without a sentinel comes from
// the network and becomes ErrUnavailable. redact removes the credential from its text. Wrap
// returns nil if err is nil.
func Wrap(ctx context.Context, err error, repository string, redact func(string) string) error {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault
	}

	var certificate *tls.CertificateVerificationError
	switch wire, isURL := errors.AsType[*url.Error](err); {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case IsClassified(err):
		if isURL { // its text repeats the request
			err = wire.Err
		}
	case errors.As(err, &certificate):
		err = fmt.Errorf("%w: %w", ErrCertificate, certificate)
	case isURL:
		err = fmt.Errorf("%w: %w", ErrUnavailable, wire.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%w: the answer was cut off", ErrUnavailable)
	default:
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}

	fault := &Error{Repository: repository, Err: err}
	if text := redact(err.Error()); text != err.Error() {
		fault.Err = &redactedError{err, text}
	}

	if delayed, ok := errors.AsType[*delayedError](err); ok {
		fault.RetryAfter = delayed.wait
	}

	return fault
}

// IsClassified reports whether err wraps a sentinel.
func IsClassified(err error) bool {
	for _, sentinel := range []error{
		ErrUnavailable, ErrUnauthorized, ErrNotFound, ErrMissing, ErrLimit, ErrProtocol, ErrVersion,
		ErrNoFilter, ErrSHA256,
		ErrAddress, ErrProxy, ErrCertificate, ErrHostKey, ErrRedirect, ErrURL, ErrRef, ErrNotRepository,
		ErrRoot, ErrOwner, ErrGit,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// A delayedError carries how long to wait to where the *Error is made.
type delayedError struct {
	error
	wait time.Duration
}

func (e *delayedError) Unwrap() error { return e.error }

// WithRetryAfter returns err with how long the server asked to wait.
func WithRetryAfter(err error, wait time.Duration) error { return &delayedError{err, wait} }

// ErrTimeout is the cause with which a request ends that takes too long. It always comes with
// ErrUnavailable.
var ErrTimeout = errors.New("the server takes too long")

// UnexpectedEOF returns err, or io.ErrUnexpectedEOF for io.EOF.
func UnexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// An Excerpt keeps the beginning of what is written to it, to be quoted.
type Excerpt struct{ b []byte }

func (f *Excerpt) Write(b []byte) (int, error) {
	f.b = append(f.b, b[:min(len(b), 4*MaxMessage-len(f.b))]...)
	return len(b), nil
}

// String returns it quoted, safe to show.
func (f *Excerpt) String() string { return Quote(f.b) }
