package apiserver

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/wire"
)

// An exception is an error of the AWS protocol.
type exception struct {
	code   string
	status int
}

// exceptions are the exceptions of an operation, by its name, for each kind of
// error.
type exceptions map[string]map[lockstep.Kind]exception

// kinds are all kinds of error.
var kinds = [...]lockstep.Kind{
	lockstep.Internal, lockstep.Invalid, lockstep.NotFound, lockstep.Exists, lockstep.InUse,
	lockstep.Denied, lockstep.Limit, lockstep.Stale, lockstep.Unavailable, lockstep.Blocked,
}

// newExceptions returns the table for the operations of services.
func newExceptions(services []wire.Service) exceptions {
	table := exceptions{}
	for _, service := range services {
		for _, operation := range service.Operations {
			row := map[lockstep.Kind]exception{}
			for _, kind := range kinds {
				row[kind] = exceptionFor(operation, kind)
			}
			table[operation.Name] = row
		}
	}
	return table
}

// exceptionFor returns the first exception for kind that the operation's model
// declares, or else the one that is common to all operations.
func exceptionFor(operation wire.Operation, kind lockstep.Kind) exception {
	specific, common := candidates(operation.Name, kind)
	for _, code := range specific {
		if slices.Contains(operation.Errors, code) {
			return exception{code, statusOf(code)}
		}
	}
	return exception{common, statusOf(common)}
}

// candidates returns the exceptions for a kind of error, the most specific first,
// and the exception common to all operations that is used if none is declared.
func candidates(operation string, kind lockstep.Kind) (specific []string, common string) {
	switch kind {
	case lockstep.Invalid, lockstep.Limit, lockstep.Exists, lockstep.NotFound, lockstep.InUse:
		specific, common = requestExceptions(kind), "ValidationException"
	case lockstep.Denied:
		common = "AccessDeniedException"
	case lockstep.Stale:
		specific = []string{"ConcurrentModificationException", "UpdateOutOfSyncException"}
		common = "ThrottlingException"
	case lockstep.Unavailable:
		specific, common = []string{"ResourceUnavailableException"}, "ThrottlingException"
	case lockstep.Blocked:
		specific, common = []string{"InvalidInputException"}, "ValidationException"
	default:
		specific, common = []string{"InternalServerException"}, "InternalFailure"
	}

	if code := operationException(operation, kind); code != "" {
		specific = append([]string{code}, specific...)
	}

	return specific, common
}

// operationException returns the exception for a kind of error that only one
// operation has, or "".
func operationException(operation string, kind lockstep.Kind) string {
	syncFailed := kind == lockstep.Unavailable || kind == lockstep.Blocked
	switch {
	case operation == "StartResourceSync" && syncFailed:
		return "RetryLatestCommitFailedException"
	case operation == "UpdateRepositoryLink" && kind == lockstep.Exists:
		return "ConditionalCheckFailedException"
	case operation == "UpdateHost" && kind == lockstep.Stale:
		return "ConflictException"
	}
	return ""
}

// requestExceptions returns the exceptions for a request that can never succeed
// unless it is changed.
func requestExceptions(kind lockstep.Kind) []string {
	specific := map[lockstep.Kind][]string{
		lockstep.NotFound: {"ResourceNotFoundException"},
		lockstep.Exists:   {"ResourceAlreadyExistsException"},
		lockstep.InUse:    {"SyncConfigurationStillExistsException", "ResourceUnavailableException"},
		lockstep.Limit:    {"LimitExceededException"},
	}
	return append(specific[kind], "InvalidInputException")
}

func statusOf(code string) int {
	if code == "InternalServerException" || code == "InternalFailure" {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// respond returns the exception and the message for an error of an operation. A
// request that was cancelled or took too long is unavailable, not an internal
// error.
func (t exceptions) respond(operation string, err error) (code string, status int, message string) {
	kind, message := lockstep.KindOf(err), lockstep.Shown(err)
	if kind == lockstep.Internal && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		kind, message = lockstep.Unavailable, "The request was not answered in time."
	}

	if kind == lockstep.Internal && db.IsConflict(err) { // after several tries
		return "ThrottlingException", http.StatusBadRequest,
			"The resource is being changed by other requests. Try again later."
	}

	answer, ok := t[operation][kind]
	if !ok {
		return "InternalFailure", http.StatusInternalServerError, "Internal error."
	}

	if operation == "UpdateSyncBlocker" {
		switch {
		case errors.Is(err, engine.ErrNoBlocker):
			answer = exception{"SyncBlockerDoesNotExistException", http.StatusBadRequest}
		case errors.Is(err, engine.ErrNotRetried):
			answer = exception{"RetryLatestCommitFailedException", http.StatusBadRequest}
		}
	}

	return answer.code, answer.status, message
}
