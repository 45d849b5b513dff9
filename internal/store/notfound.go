package store

import (
	"errors"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// The errors below are also what a caller gets who may not read a resource, so that
// its existence is not disclosed. Each is defined once.

// NoHost is the error for a host that does not exist.
func NoHost(arn lockstep.ARN) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find host: %s", arn)
}

// NoConnection is the error for a connection that does not exist.
func NoConnection(arn lockstep.ARN) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find connection: %s", arn)
}

// NoLink is the error for a repository link that does not exist.
func NoLink(id string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find repository link:%s", id)
}

// NoConfiguration is the error for a resource without a sync configuration.
func NoConfiguration(resource string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find a sync configuration for resource: %s", resource)
}

func noConfigurationID(id int64) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find sync configuration %d", id)
}

// notFoundAs returns missing in place of [db.ErrNoRows].
func notFoundAs(err, missing error) error {
	if errors.Is(err, db.ErrNoRows) {
		return missing
	}
	return err
}
