package gitwire

import (
	"errors"
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

// maxMessage is how much of a foreign message an error quotes.
const maxMessage = 200

// quote makes a server's words safe to show: one line, no control characters,
// not long.
func quote(message []byte) string {
	s := strings.TrimSpace(string(message[:min(len(message), 4*maxMessage)]))
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return strconv.Quote(s)
}
