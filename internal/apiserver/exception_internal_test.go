package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/wire"
)

// common are the exceptions that AWS's protocol allows every operation.
var common = []string{"AccessDeniedException", "ValidationException", "ThrottlingException", "InternalFailure"}

func TestOperationsReturnDeclaredExceptionsOnly(t *testing.T) {
	services := wire.Services()
	table := newExceptions(services)
	for _, service := range services {
		for _, operation := range service.Operations {
			for _, kind := range kinds {
				code, status, _ := table.respond(operation.Name, &lockstep.Error{Kind: kind, Message: "m"})
				if !slices.Contains(operation.Errors, code) && !slices.Contains(common, code) {
					t.Errorf("%s.%s answers %v with %s, which its model does not declare", service.Name, operation.Name,
						kind, code)
				}

				if internal := strings.HasPrefix(code, "Internal"); internal != (kind == lockstep.Internal) ||
					internal != (status == 500) {
					t.Errorf("%s.%s answers %v with %s and status %d", service.Name, operation.Name, kind, code, status)
				}
			}
		}
	}
}

// The engine's own words, too, become what is declared, wherever they come from.
func TestErrorsOfTheEngineAreDeclaredExceptions(t *testing.T) {
	services := wire.Services()
	table := newExceptions(services)
	for _, service := range services {
		for _, operation := range service.Operations {
			for _, cause := range []error{engine.ErrNoBlocker, engine.ErrNotRetried} {
				for _, kind := range kinds {
					code, status, _ := table.respond(operation.Name,
						fmt.Errorf("wrapped: %w", lockstep.Wrapf(kind, cause, "m")))
					if !slices.Contains(operation.Errors, code) && !slices.Contains(common, code) ||
						(status == 500) != strings.HasPrefix(code, "Internal") {
						t.Errorf("%s.%s answers %v of kind %v with %s and status %d", service.Name, operation.Name,
							cause, kind, code, status)
					}
				}
			}
		}
	}

	for cause, want := range map[error]string{
		engine.ErrNoBlocker:  "SyncBlockerDoesNotExistException",
		engine.ErrNotRetried: "RetryLatestCommitFailedException",
	} {
		if got, _, says := table.respond("UpdateSyncBlocker",
			lockstep.Wrapf(lockstep.NotFound, cause, "m")); got != want || says != "m" {
			t.Errorf("UpdateSyncBlocker answers %v with %s, %q", cause, got, says)
		}
	}
}

// Every SDK tries again after a ThrottlingException, more slowly each time.
func TestConflictsAreThrottlingExceptions(t *testing.T) {
	table := newExceptions(wire.Services())
	d := dbtest.OpenOn(t, db.Postgres, db.Migrations{FS: fstest.MapFS{}, Table: "m"})
	for state, want := range map[string]string{"40001": "ThrottlingException", "40P01": "ThrottlingException",
		"42601": "InternalFailure"} {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'as it was told' USING ERRCODE = '" + state + "'; END $$")
			return err
		})
		code, status, says := table.respond("TagResource", fmt.Errorf("wrapped: %w", err))
		if code != want || (status == 500) != (want == "InternalFailure") || strings.Contains(says, "told") {
			t.Errorf("%s is answered with %s, %d: %s", state, code, status, says)
		}
	}
}

func TestErrorsBecomeTheMostSpecificException(t *testing.T) {
	table := newExceptions(wire.Services())
	for _, tc := range []struct {
		operation string
		kind      lockstep.Kind
		want      string
	}{
		{"DeleteHost", lockstep.InUse, "ResourceUnavailableException"},
		{"DeleteRepositoryLink", lockstep.InUse, "SyncConfigurationStillExistsException"},
		{"DeleteConnection", lockstep.InUse, "ValidationException"},
		{"CreateRepositoryLink", lockstep.NotFound, "InvalidInputException"},
		{"GetRepositoryLink", lockstep.NotFound, "ResourceNotFoundException"},
		{"CreateHost", lockstep.Exists, "ValidationException"},
		{"CreateSyncConfiguration", lockstep.Exists, "ResourceAlreadyExistsException"},
		{"CreateHost", lockstep.Limit, "LimitExceededException"},
		{"UpdateSyncConfiguration", lockstep.Stale, "ConcurrentModificationException"},
		{"UpdateRepositoryLink", lockstep.Stale, "UpdateOutOfSyncException"},
		{"ListHosts", lockstep.Stale, "ThrottlingException"},
		{"ListHosts", lockstep.Denied, "AccessDeniedException"},
		{"GetRevisionSync", lockstep.Unavailable, "ResourceUnavailableException"},
		{"GetResourceSyncStatus", lockstep.Unavailable, "ThrottlingException"},
		{"UpdateRepositoryLink", lockstep.Exists, "ConditionalCheckFailedException"},
		{"UpdateHost", lockstep.Stale, "ConflictException"},
		{"UpdateHost", lockstep.Unavailable, "ResourceUnavailableException"},
		{"TagResource", lockstep.Limit, "LimitExceededException"},
		{"UpdateSyncBlocker", lockstep.NotFound, "ResourceNotFoundException"},
		{"StartResourceSync", lockstep.Blocked, "RetryLatestCommitFailedException"},
		{"ListHosts", lockstep.Internal, "InternalFailure"},
		{"GetResourceSyncStatus", lockstep.Internal, "InternalServerException"},
	} {
		if got, _, _ := table.respond(tc.operation,
			fmt.Errorf("wrapped: %w", &lockstep.Error{Kind: tc.kind})); got != tc.want {
			t.Errorf("%s answers %v with %s, want %s", tc.operation, tc.kind, got, tc.want)
		}
	}
}

func TestCausesAreNotShown(t *testing.T) {
	table := newExceptions(wire.Services())
	cause := errors.New("hunter2")
	for _, tc := range []struct {
		err  error
		want string
	}{
		{lockstep.Wrapf(lockstep.NotFound, cause, "Could not find it."), "Could not find it."},
		{lockstep.Wrapf(lockstep.Internal, cause, "hunter2 too"), "Internal error."},
		{cause, "Internal error."},
		{fmt.Errorf("read: %w", context.Canceled), "The request was not answered in time."},
	} {
		for _, operation := range []string{"GetHost", "GetResourceSyncStatus"} {
			if _, _, got := table.respond(operation, tc.err); got != tc.want {
				t.Errorf("%s shows %q of %v, want %q", operation, got, tc.err, tc.want)
			}
		}
	}
}
