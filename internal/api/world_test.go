package api_test

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
)

const (
	account = apitest.Account
	other   = "444455556666"
	region  = apitest.Region
	issuer  = apitest.Issuer
	role    = "arn:aws:iam::111122223333:role/sync"
	noLink  = "00000000-0000-4000-8000-000000000000"
)

type (
	options = apitest.Options
	request = apitest.Request
)

// A world is an apitest.World with the steps of this package's tests.
type world struct{ *apitest.World }

// each runs f with a world per database engine.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, database *db.DB) { f(t, newWorld(t, database)) })
}

func newWorld(t testing.TB, database *db.DB, changes ...func(*options)) *world {
	t.Helper()
	return &world{apitest.New(t, database, changes...)}
}

// as returns the world with another key.
func (w *world) as(key identity.AccessKey) *world { return &world{w.As(key)} }
