package object

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// known reports whether an error is one that a parser may return.
func known(err error) bool {
	return err == nil || giterr.IsClassified(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

func FuzzNames(f *testing.F) {
	f.Add("1111111111111111111111111111111111111111")
	f.Add("refs/heads/main")
	f.Add("refs/heads/a..b")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Fatalf("%q became %s", s, id)
		}

		if ValidRef(s) {
			for _, bad := range []string{"..", "//", "\n", " ", "\x00", "\\"} {
				if strings.Contains(s, bad) {
					t.Fatalf("%q is valid", s)
				}
			}
		}
	})
}

func FuzzTree(f *testing.F) {
	id := make([]byte, 20)
	f.Add(append([]byte("100644 a\x00"), id...))
	f.Add(append([]byte("40000 dir\x00"), id...))
	f.Add(append([]byte("160000 .git\x00"), id...))
	f.Add(append(append([]byte("100664 a\x00"), id...), append([]byte("0100755 a.b\x00"), id...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var order OrderChecker
		for rest := b; len(rest) > 0; {
			entry, next, err := NextEntry(rest)
			if err == nil {
				err = order.Check(entry)
			}

			if !known(err) {
				t.Fatal(err)
			}

			if err != nil {
				return
			}

			if len(next) >= len(rest) || bytes.ContainsAny(entry.Name, "/\x00") {
				t.Fatalf("entry %q", entry.Name)
			}

			rest = next
		}
	})
}

func FuzzCommit(f *testing.F) {
	f.Add([]byte("tree 1111111111111111111111111111111111111111\nparent " +
		"2222222222222222222222222222222222222222\nauthor a <a> 0 +0000\n\nx"))
	f.Add([]byte("tree 1111111111111111111111111111111111111111"))
	f.Add([]byte("tree 11\nparent "))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, parents, err := ParseCommit(b)
		if !known(err) || len(parents)*48 > len(b) {
			t.Fatalf("%d parents, %v", len(parents), err)
		}
	})
}
