package api_test

import (
	"os"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

func TestCompatibilityHasARowForEachOperation(t *testing.T) {
	page, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}

	rows := map[string]int{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			rows[strings.TrimSpace(cells[1])]++
		}
	}

	for _, op := range wire.CodeConnections().Operations {
		if rows[op.Name] != 1 {
			t.Errorf("docs/compatibility.md has %d rows for %s, want one", rows[op.Name], op.Name)
		}
	}
}
