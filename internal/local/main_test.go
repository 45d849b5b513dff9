package local_test

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }
