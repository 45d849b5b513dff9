package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

// KeyOptions say where the access keys are: in a database that a server may be
// using at the same time.
type KeyOptions struct {
	// DB is sqlite:PATH or postgres://….
	DB string
	// SealKeyFile, SealKeyKMS and SealKey say which key seals the secrets, as
	// Config has them: what the server was told.
	SealKeyFile string
	SealKeyKMS  string
	SealKey     seal.Secret
}

// NewKey is a key to be made.
type NewKey = identity.CreateKeyInput

// AccessKey is a key as it may be listed.
type AccessKey = identity.AccessKey

// The roles of a key.
const (
	Admin  = identity.Admin
	Reader = identity.Reader
)

// CreateKey makes an access key, and the database and the seal key where they
// are new. The secret is in the answer and can never be had again.
func CreateKey(ctx context.Context, o KeyOptions, n NewKey) (k AccessKey, err error) {
	err = o.open(ctx, func(d *db.DB) error {
		key, err := o.sealKey(ctx, d)
		if err != nil {
			return err
		}
		return d.Update(ctx, func(tx *db.Tx) error {
			k, err = identity.CreateKey(tx, key, n)
			return err
		})
	})
	return k, err
}

// ListKeys gives all keys, oldest first, disabled ones included, no secrets.
func ListKeys(ctx context.Context, o KeyOptions) (keys []AccessKey, err error) {
	err = o.open(ctx, func(d *db.DB) error {
		return d.View(ctx, func(tx *db.Tx) error {
			keys, err = identity.AllKeys(tx)
			return err
		})
	})
	return keys, err
}

// DisableKey ends a key for good; servers take notice within seconds. The error
// is NotFound where there is none.
func DisableKey(ctx context.Context, o KeyOptions, id string) error {
	return o.open(ctx, func(d *db.DB) error {
		return d.Update(ctx, func(tx *db.Tx) error { return identity.DisableKey(tx, id) })
	})
}

func (o KeyOptions) open(ctx context.Context, f func(d *db.DB) error) error {
	d, err := db.Open(ctx, o.DB, db.Schema())
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.Close())
}

// sealKey opens the seal key. It is made only for a database without keys, for
// what others have sealed a new one could not open; and a key that others were
// not sealed with is refused, for the server could not open what it seals.
func (o KeyOptions) sealKey(ctx context.Context, d *db.DB) (*seal.Key, error) {
	source, err := sealSource{db: o.DB, file: o.SealKeyFile, kms: o.SealKeyKMS, text: o.SealKey}.complete()
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "%s", err)
	}

	var keys []AccessKey
	err = d.View(ctx, func(tx *db.Tx) (err error) {
		keys, err = identity.AllKeys(tx)
		return err
	})
	if err != nil {
		return nil, err
	}

	if len(keys) == 0 {
		return source.open(ctx, true)
	}

	key, err := source.existing(ctx)
	if err != nil {
		return nil, err
	}

	return key, opens(ctx, d, key, keys, source)
}

// opens says whether key is the one that the keys of a database were sealed
// with. A disabled key cannot be looked up, nor one that has ended, so the first
// other one tells.
func opens(ctx context.Context, d *db.DB, key *seal.Key, keys []AccessKey, source sealSource) error {
	directory, err := identity.NewDirectory(identity.Options{DB: d, Key: key})
	if err != nil {
		return err
	}

	for _, k := range keys {
		if k.Disabled || !k.ExpiresAt.IsZero() {
			continue
		}

		_, _, err := directory.Lookup(ctx, k.AccessKeyID, "")
		if errors.Is(err, seal.ErrWrongKey) || errors.Is(err, seal.ErrCorrupted) {
			return lockstep.Wrapf(lockstep.Invalid, err, "%s is not the one that this database's secrets were sealed with.", source)
		}
		if err != nil {
			return fmt.Errorf("check the seal key: %w", err)
		}

		break
	}

	return nil
}
