package store

import (
	"errors"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// What is said of a thing that is not there stands here alone: whoever may not
// see a thing gets the very same words.

// NoHost says that there is no such host.
func NoHost(arn lockstep.ARN) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find host: %s", arn)
}

// NoConnection says that there is no such connection.
func NoConnection(arn lockstep.ARN) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find connection: %s", arn)
}

// NoLink says that there is no such repository link.
func NoLink(id string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find repository link:%s", id)
}

// NoConfiguration says that a resource has no sync configuration.
func NoConfiguration(resource string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find a sync configuration for resource: %s", resource)
}

func noConfigurationID(id int64) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find sync configuration %d", id)
}

// notFoundAs turns a missing row into the error that says so.
func notFoundAs(err, missing error) error {
	if errors.Is(err, db.ErrNoRows) {
		return missing
	}
	return err
}
