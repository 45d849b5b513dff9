package lockstep

import (
	"errors"
	"fmt"
)

// A Kind classifies an error by who has to act on it.
type Kind int

// The kinds of errors. An error that is not an *Error is Internal, so that a
// missing classification is noticed and shows nothing to the caller.
const (
	Internal    Kind = iota // the operator: a bug or a broken dependency
	Invalid                 // the caller: the request can never succeed
	NotFound                // the caller: the request names something that does not exist
	Exists                  // the caller: it exists already
	InUse                   // the caller: something else still needs it
	Denied                  // the caller: not authorized
	Limit                   // the caller: a quota is reached
	Stale                   // the caller: the data has changed; read it again and retry
	Unavailable             // time: retry later; nothing has to be changed
	Blocked                 // a person: a retry fails until the cause is removed
)

var kindNames = [...]string{
	"internal", "invalid", "not-found", "exists", "in-use", "denied", "limit", "stale", "unavailable", "blocked",
}

// String returns the name of the kind, as it is used in logs and in the database.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// An Error is an error with a kind and with a message that is safe to show to the
// caller. Err, if set, is the cause; it is logged and never shown.
type Error struct {
	Kind    Kind
	Message string
	Err     error
	// Contexts identify what the error is about, such as StackName or
	// LogicalResourceId. A blocker that is created for the error keeps them.
	Contexts []Context
}

// A Context is one fact about an error or a blocker.
type Context struct {
	Key   string
	Value string
}

// Error returns the message and, for the log, the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error of a kind. The formatted message is shown to the caller
// and must not contain secrets.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrapf is [Errorf] with a cause, which is logged and not shown.
func Wrapf(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: cause}
}

// KindOf returns the kind of the first *Error in err's chain, or Internal if there
// is none.
func KindOf(err error) Kind {
	if classified, ok := errors.AsType[*Error](err); ok {
		return classified.Kind
	}
	return Internal
}

// Shown returns the part of err that is safe to show: the message of the first
// *Error in its chain, or "Internal error." if that is Internal or missing.
func Shown(err error) string {
	classified, ok := errors.AsType[*Error](err)
	if !ok || classified.Kind == Internal {
		return "Internal error."
	}
	return classified.Message
}
