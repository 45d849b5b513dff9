package dbtest

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockstephq/lockstep/internal/db"
)

// SchemaBefore returns the schema as it was before the migration with a number.
func SchemaBefore(t testing.TB, number string) db.Migrations {
	t.Helper()
	schema := db.Schema()
	files := fstest.MapFS{}
	err := fs.WalkDir(schema.FS, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.SplitN(e.Name(), "_", 2)[0] >= number {
			return err
		}

		data, err := fs.ReadFile(schema.FS, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	schema.FS = files
	return schema
}
