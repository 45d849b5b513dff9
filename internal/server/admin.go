package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

// KeyOptions locate the access keys: in a database that a server may be using at the same time.
type KeyOptions struct {
	// DB is sqlite:PATH or postgres://….
	DB string
	// SealKeyFile, SealKeyKMS and SealKey are the settings of the server of the same names.
	SealKeyFile string
	SealKeyKMS  string
	SealKey     seal.Secret
}

// NewKey is an access key to create.
type NewKey = identity.CreateKeyInput

// AccessKey is an access key as it may be listed.
type AccessKey = identity.AccessKey

// The roles of a key.
const (
	Admin  = identity.Admin
	Reader = identity.Reader
)

// CreateKey creates an access key, and the database and the seal key if they are missing. Only the
// returned key has the secret.
func CreateKey(ctx context.Context, o KeyOptions, wanted NewKey) (key AccessKey, err error) {
	err = o.withDatabase(ctx, func(database *db.DB) error {
		sealKey, err := o.openSealKey(ctx, database)
		if err != nil {
			return err
		}
		return database.Update(ctx, func(tx *db.Tx) error {
			key, err = identity.CreateKey(tx, sealKey, wanted)
			return err
		})
	})
	return key, err
}

// ListKeys returns all keys, oldest first, including disabled ones, without secrets.
func ListKeys(ctx context.Context, o KeyOptions) (keys []AccessKey, err error) {
	err = o.withDatabase(ctx, func(d *db.DB) error {
		return d.View(ctx, func(tx *db.Tx) error {
			keys, err = identity.AllKeys(tx)
			return err
		})
	})
	return keys, err
}

// DisableKey disables a key for good. Servers notice within seconds. The error is NotFound if there
// is no such key.
func DisableKey(ctx context.Context, o KeyOptions, id string) error {
	return o.update(ctx, func(tx *db.Tx) error { return identity.DisableKey(tx, id) })
}

// DeletePolicy deletes a policy of an account. Servers notice within seconds. It is the way out for
// an account whose policies forbid everything to everyone. The error is NotFound if there is no such
// policy.
func DeletePolicy(ctx context.Context, o KeyOptions, account, name string) error {
	return o.update(ctx, func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, name) })
}

func (o KeyOptions) update(ctx context.Context, f func(tx *db.Tx) error) error {
	return o.withDatabase(ctx, func(d *db.DB) error { return d.Update(ctx, f) })
}

func (o KeyOptions) withDatabase(ctx context.Context, call func(database *db.DB) error) error {
	database, err := db.Open(ctx, o.DB, db.Schema())
	if err != nil {
		return err
	}
	return errors.Join(call(database), database.Close())
}

// openSealKey opens the seal key of the options' source.
func (o KeyOptions) openSealKey(ctx context.Context, database *db.DB) (*seal.Key, error) {
	source := config.SealKeySource{DB: o.DB, File: o.SealKeyFile, KMS: o.SealKeyKMS, Text: o.SealKey}
	if err := source.Complete(); err != nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "%s", err)
	}
	return OpenSealKey(ctx, database, &source)
}

// OpenSealKey opens the seal key of a database. It creates one only for a database without access
// keys, because a new key could not open what another has sealed. It refuses a key that the
// database's secrets were not sealed with, because the server could neither open those nor use what
// it seals.
func OpenSealKey(ctx context.Context, database *db.DB, source *config.SealKeySource) (*seal.Key, error) {
	var keys []AccessKey
	err := database.View(ctx, func(tx *db.Tx) (err error) {
		keys, err = identity.AllKeys(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return source.OpenOrCreate(ctx)
	}

	sealKey, err := source.Open(ctx)
	if err != nil {
		return nil, err
	}

	err = checkSealKey(ctx, database, sealKey, keys)
	if errors.Is(err, seal.ErrWrongKey) || errors.Is(err, seal.ErrCorrupted) {
		return nil, lockstep.Wrapf(lockstep.Invalid, err,
			"%s is not the one that this database's secrets were sealed with. Restore it from the backup of the database.",
			source)
	}
	if err != nil {
		return nil, fmt.Errorf("check the seal key: %w", err)
	}

	return sealKey, nil
}

// checkSealKey opens the secret of an active key with sealKey. Disabled and expired keys cannot be
// looked up.
func checkSealKey(ctx context.Context, d *db.DB, sealKey *seal.Key, keys []AccessKey) error {
	directory, err := identity.NewDirectory(identity.Options{DB: d, Key: sealKey})
	if err != nil {
		return err
	}

	for _, key := range keys {
		if key.Disabled || !key.ExpiresAt.IsZero() {
			continue
		}
		_, _, err := directory.Lookup(ctx, key.AccessKeyID, "")
		return err
	}

	return nil
}
