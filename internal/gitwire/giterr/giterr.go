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

// What went wrong, by who has to act. Compare with errors.Is.
var (
	// ErrUnavailable heals with time: network, timeout, 5xx, 429. Error.RetryAfter
	// holds what the server asked for.
	ErrUnavailable = errors.New("not available")
	// ErrUnauthorized means that the server refuses the credential or wants one.
	ErrUnauthorized = errors.New("not authorized")
	// ErrNotFound means that the server knows no such repository, or does not
	// show it to this credential.
	ErrNotFound = errors.New("repository not found")
	// ErrMissing means that the server does not have a wanted object, as after a
	// force push and a collection of garbage.
	ErrMissing = errors.New("object not in the repository")
	// ErrLimit means that something is larger than Limits allow.
	ErrLimit = errors.New("limit exceeded")
	// ErrProtocol means that the server's answer makes no sense.
	ErrProtocol = errors.New("unexpected answer")
	// ErrVersion means that the server speaks no version of Git's smart protocol
	// that we do.
	ErrVersion = errors.New("the server does not speak Git's smart protocol")
	// ErrNoFilter means that the server cannot leave blobs out of its answer,
	// without which history is not read.
	ErrNoFilter = errors.New("the server supports no partial clone filter")
	// ErrSHA256 means that the repository's object ids are not SHA-1.
	ErrSHA256 = errors.New("repositories with SHA-256 object ids are not supported")
	// ErrAddress means that the host's address may not be dialled (Network).
	ErrAddress = errors.New("address not allowed")
	// ErrProxy means that the proxy refuses: us, or the host that is asked for.
	ErrProxy = errors.New("refused by the proxy")
	// ErrCertificate means that the server's TLS certificate was not accepted.
	ErrCertificate = errors.New("certificate not accepted")
	// ErrHostKey means that an SSH server's key is unknown or another than the
	// known one.
	ErrHostKey = errors.New("host key not accepted")
	// ErrRedirect means that the server points to another place, which is not
	// followed.
	ErrRedirect = errors.New("redirect not followed")
	// ErrURL means that a URL, or the credential for it, is not usable as it is.
	ErrURL = errors.New("bad repository URL")
	// ErrRef means that a name is no full ref name (refs/heads/…).
	ErrRef = errors.New("bad ref name")
	// ErrNotRepository means that a path holds no Git repository.
	ErrNotRepository = errors.New("not a Git repository")
	// ErrRoot means that a path, or something a repository refers to, lies
	// outside the allowed roots.
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

// An Error is what every method of a Remote returns when it fails. Its text is
// safe to show.
type Error struct {
	// Repository is the URL (never with a credential) or path that was asked.
	Repository string
	// RetryAfter is how long the server asked us to stay away; zero if it did not
	// say. At most an hour.
	RetryAfter time.Duration
	// Err wraps one of the sentinels, or a context's error if the caller gave up.
	Err error
}

func (e *Error) Error() string { return e.Repository + ": " + e.Err.Error() }

// Unwrap gives Err, for errors.Is.
func (e *Error) Unwrap() error { return e.Err }

// hidden is an error whose text held the credential.
type hidden struct {
	err  error
	text string
}

func (e *hidden) Error() string { return e.text }

// Unwrap is for errors.Is alone: the text of what it gives is not to be shown.
func (e *hidden) Unwrap() error { return e.err }

// MaxMessage is how much of a foreign message an error quotes.
const MaxMessage = 200

// Quote makes a server's words safe to show: one line, no control characters,
// not long.
func Quote(message []byte) string {
	text := strings.TrimSpace(string(message[:min(len(message), 4*MaxMessage)]))
	if len(text) > MaxMessage {
		text = strings.ToValidUTF8(text[:MaxMessage], "") + "…"
	}
	return strconv.Quote(text)
}

// Wrap makes an *Error of err, unless it is one, with a sentinel in it. An
// error without a sentinel comes from the network, and is ErrUnavailable. hide
// removes the credential from its text. It returns nil if err is nil.
func Wrap(ctx context.Context, err error, repository string, hide func(string) string) error {
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
	if text := hide(err.Error()); text != err.Error() {
		fault.Err = &hidden{err, text}
	}

	if delayed, ok := errors.AsType[*delayedError](err); ok {
		fault.RetryAfter = delayed.wait
	}

	return fault
}

// IsClassified says whether err is already told apart. What is not comes from the
// network.
func IsClassified(err error) bool {
	for _, sentinel := range []error{
		ErrUnavailable, ErrUnauthorized, ErrNotFound, ErrMissing, ErrLimit, ErrProtocol, ErrVersion, ErrNoFilter, ErrSHA256,
		ErrAddress, ErrProxy, ErrCertificate, ErrHostKey, ErrRedirect, ErrURL, ErrRef, ErrNotRepository, ErrRoot, ErrOwner, ErrGit,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// A delayedError carries how long to wait up to where the *Error is made.
type delayedError struct {
	error
	wait time.Duration
}

func (e *delayedError) Unwrap() error { return e.error }

// WithRetryAfter makes err carry how long the server asked to wait.
func WithRetryAfter(err error, wait time.Duration) error { return &delayedError{err, wait} }

// ErrTimeout is the cause of a request's end when the server took too long.
var ErrTimeout = errors.New("the server takes too long")

// UnexpectedEOF returns err, and io.ErrUnexpectedEOF for io.EOF.
func UnexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Excerpt keeps the beginning of what is written to it.
type Excerpt struct{ b []byte }

func (f *Excerpt) Write(b []byte) (int, error) {
	f.b = append(f.b, b[:min(len(b), 4*MaxMessage-len(f.b))]...)
	return len(b), nil
}

// String quotes it, safe to show.
func (f *Excerpt) String() string { return Quote(f.b) }
