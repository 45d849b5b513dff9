package store

import (
	"context"
	"embed"
	"io/fs"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep/internal/db"
)

//go:embed schema
var schema embed.FS

// Open opens the database at path, creating it (0600) if it is missing.
func Open(ctx context.Context, path string) (*db.DB, error) {
	migrations, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	return db.Open(ctx, "sqlite:"+path, db.Migrations{FS: migrations, Table: "sandbox_migration"})
}

// A Scope is an account and region within a transaction. Its methods see and
// change nothing outside of it.
type Scope struct {
	Tx        *db.Tx
	Account   string
	Region    string
	Partition string
}

// NewARN returns the ARN of a new stack or change set.
func (scope *Scope) NewARN(resourceType, name string) string {
	return "arn:" + scope.Partition + ":cloudformation:" + scope.Region + ":" + scope.Account +
		":" + resourceType + "/" + name + "/" + uuid.NewString()
}

// Now returns the time of the transaction, in milliseconds since 1970.
func (scope *Scope) Now() int64 { return db.Millis(scope.Tx.Now) }
