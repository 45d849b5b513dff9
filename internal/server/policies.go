package server

import (
	"context"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
)

// DeletePolicy removes a policy of an account, in the database that a server may
// be using at the same time; it takes notice within seconds. It is the way out
// for an account whose policies forbid everybody everything. The error is NotFound
// where there is none.
func DeletePolicy(ctx context.Context, o KeyOptions, account, name string) error {
	return o.open(ctx, func(d *db.DB) error {
		return d.Update(ctx, func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, name) })
	})
}
