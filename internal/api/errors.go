package api

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

// An exception is how an error looks on the wire.
type exception struct {
	code   string
	status int
}

// exceptions is the table of what an operation answers with for each kind of
// error.
type exceptions map[string]map[lockstep.Kind]exception

// kinds are all there are, in no order that matters.
var kinds = [...]lockstep.Kind{
	lockstep.Internal, lockstep.Invalid, lockstep.NotFound, lockstep.Exists, lockstep.InUse,
	lockstep.Denied, lockstep.Limit, lockstep.Stale, lockstep.Unavailable, lockstep.Blocked,
}

// newExceptions works the table out: of the exceptions that fit a kind, an
// operation gets the first that its model declares.
func newExceptions(services []wire.Service) exceptions {
	table := exceptions{}
	for _, s := range services {
		for _, operation := range s.Operations {
			row := map[lockstep.Kind]exception{}
			for _, k := range kinds {
				row[k] = choose(operation, k)
			}
			table[operation.Name] = row
		}
	}
	return table
}

func choose(op wire.Operation, k lockstep.Kind) exception {
	fitting, common := candidates(op.Name, k)
	for _, code := range fitting {
		if slices.Contains(op.Errors, code) {
			return exception{code, status(code)}
		}
	}
	return exception{common, status(common)}
}

// candidates gives the exceptions that fit a kind, best first, and the one of
// those common to all operations that is left where none is declared.
func candidates(operation string, kind lockstep.Kind) (fitting []string, common string) {
	switch kind {
	case lockstep.Invalid, lockstep.Limit, lockstep.Exists, lockstep.NotFound, lockstep.InUse:
		fitting, common = requestExceptions(kind), "ValidationException"
	case lockstep.Denied:
		common = "AccessDeniedException"
	case lockstep.Stale:
		fitting, common = []string{"ConcurrentModificationException", "UpdateOutOfSyncException"}, "ThrottlingException"
	case lockstep.Unavailable:
		fitting, common = []string{"ResourceUnavailableException"}, "ThrottlingException"
	case lockstep.Blocked:
		fitting, common = []string{"InvalidInputException"}, "ValidationException"
	default:
		fitting, common = []string{"InternalServerException"}, "InternalFailure"
	}

	if better := operationException(operation, kind); better != "" {
		fitting = append([]string{better}, fitting...)
	}

	return fitting, common
}

// operationException gives the exception that a model declares for one operation and
// that fits a kind there better than what fits it everywhere.
func operationException(operation string, kind lockstep.Kind) string {
	retried := kind == lockstep.Unavailable || kind == lockstep.Blocked
	switch {
	case operation == "StartResourceSync" && retried:
		return "RetryLatestCommitFailedException"
	case operation == "UpdateRepositoryLink" && kind == lockstep.Exists:
		return "ConditionalCheckFailedException"
	case operation == "UpdateHost" && kind == lockstep.Stale:
		return "ConflictException"
	}
	return ""
}

// requestExceptions gives what fits where the request can never succeed as it is.
// Where the exception made for it is not declared it is a wrong input.
func requestExceptions(kind lockstep.Kind) []string {
	special := map[lockstep.Kind][]string{
		lockstep.NotFound: {"ResourceNotFoundException"},
		lockstep.Exists:   {"ResourceAlreadyExistsException"},
		lockstep.InUse:    {"SyncConfigurationStillExistsException", "ResourceUnavailableException"},
		lockstep.Limit:    {"LimitExceededException"},
	}
	return append(special[kind], "InvalidInputException")
}

// asHostFailure is for the answer of a Git host. That it denies us, or that a connection
// has no credential, is not to be denied by the policies: who calls may do what
// they ask, and somebody has to see to the connection.
func asHostFailure(err error) error {
	if lockstep.KindOf(err) != lockstep.Denied {
		return err
	}
	return lockstep.Wrapf(lockstep.Blocked, err, "%s", lockstep.Shown(err))
}

func status(code string) int {
	if code == "InternalServerException" || code == "InternalFailure" {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// respond turns an error into an exception. That the caller has gone away, or
// took too long, is nobody's bug.
func (t exceptions) respond(operation string, err error) (code string, status int, message string) {
	kind, message := lockstep.KindOf(err), lockstep.Shown(err)
	if kind == lockstep.Internal && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		kind, message = lockstep.Unavailable, "The request was not answered in time."
	}

	if kind == lockstep.Internal && db.IsConflict(err) { // tried more than once already
		return "ThrottlingException", http.StatusBadRequest, "Others are changing the same: try again later."
	}

	answer, ok := t[operation][kind]
	switch {
	case operation != "UpdateSyncBlocker":
	case errors.Is(err, engine.ErrNoBlocker):
		answer = exception{"SyncBlockerDoesNotExistException", http.StatusBadRequest}
	case errors.Is(err, engine.ErrNotRetried):
		answer = exception{"RetryLatestCommitFailedException", http.StatusBadRequest}
	}

	if !ok {
		answer, message = exception{"InternalFailure", http.StatusInternalServerError}, "Internal error."
	}

	return answer.code, answer.status, message
}
