package lockstep

import (
	"errors"
	"fmt"
)

// A Kind says who has to act on an error.
type Kind int

// The kinds. Anything that is not an *Error is Internal, so that forgetting a
// kind is loud and safe.
const (
	Internal    Kind = iota // us: a bug or a broken dependency
	Invalid                 // the caller: can never succeed as it is
	NotFound                // the caller: names something that is not there
	Exists                  // the caller: already there
	InUse                   // the caller: something else still needs it
	Denied                  // the caller: not allowed
	Limit                   // the caller: a quota is used up
	Stale                   // the caller: read again, then retry
	Unavailable             // time: retry later, nothing needs changing
	Blocked                 // a person: retrying is pointless until the cause is gone
)

var kindNames = [...]string{
	"internal", "invalid", "not-found", "exists", "in-use", "denied", "limit", "stale", "unavailable", "blocked",
}

// String gives the kind as it stands in logs and in the database.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Error carries a Kind and a message that is safe to show to whoever caused
// it. Err, where there is one, is for the log only and is never shown.
type Error struct {
	Kind    Kind
	Message string
	Err     error
	// Contexts tell more about what is meant, such as StackName or
	// LogicalResourceId; a blocker made of the error keeps them.
	Contexts []Context
}

// A Context is one fact about an error or a blocker.
type Context struct {
	Key   string
	Value string
}

// Error gives the message and, for the log, the cause behind it.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind. The formatted message is shown to whoever
// caused it, so it holds no secret.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrapf is Errorf with a cause behind it that only the log sees.
func Wrapf(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: cause}
}

// KindOf gives the kind of the first *Error in err's chain, else Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Shown gives what a person may read of err: the message of the first *Error
// of its chain, or "Internal error." where there is none.
func Shown(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind == Internal {
		return "Internal error."
	}
	return e.Message
}
