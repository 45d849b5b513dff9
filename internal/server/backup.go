package server

import (
	"context"

	"github.com/lockstephq/lockstep/internal/db"
)

// Backup copies the SQLite database at path to the new file at name. The server may run meanwhile.
// The error is [fs.ErrExist] if there is a file at name.
func Backup(ctx context.Context, path, name string) error {
	return db.BackupSQLite(ctx, path, name, db.Schema())
}
