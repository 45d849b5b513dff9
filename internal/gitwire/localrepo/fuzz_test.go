package localrepo

import (
	"errors"
	"io"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// known reports whether an error is one that a parser may return.
func known(err error) bool {
	return err == nil || giterr.IsClassified(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

func FuzzPackedRefs(f *testing.F) {
	const one = "1111111111111111111111111111111111111111"
	f.Add("# pack-refs with: peeled fully-peeled sorted \n" + one + " refs/tags/v1\n^" + one + "\n")
	f.Add(one + " refs/heads/main")
	f.Fuzz(func(t *testing.T, file string) {
		if _, err := parsePacked([]byte(file)); !known(err) {
			t.Fatal(err)
		}
	})
}
