package syntax_test

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

func TestOfDuplicateKeysTheLastCounts(t *testing.T) {
	for name, text := range map[string]string{
		"JSON": `{"A": "1", "B": "x", "A": "2"}`,
		"YAML": "A: 1\nB: x\nA: 2\n",
	} {
		node, err := syntax.Decode(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := node.Canonical(), `{"A":"2","B":"x"}`; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if got := len(node.Fields); got != 2 {
			t.Errorf("%s: %d fields, want 2", name, got)
		}
	}
}
