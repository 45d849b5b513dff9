package pktline

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// known reports whether an error is one that a parser may return.
func known(err error) bool {
	return err == nil || giterr.IsClassified(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("000eversion 2\n0015agent=git/2.39.5\n0013ls-refs=unborn\n0027fetch=shallow wait-for-done " +
		"filter\n0017object-format=sha1\n0000"))
	f.Add([]byte("001e# service=git-upload-pack\n0000000eversion 2\n0000"))
	f.Add([]byte("0032ERR upload-pack: not our ref 0123456789abcdef\n"))
	f.Add([]byte("0003"))
	f.Add([]byte("fffffff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		p := NewReader(bytes.NewReader(b), limit)
		total := 0
		for {
			_, line, err := p.Next()
			if !known(err) {
				t.Fatal(err)
			}

			if err != nil {
				break
			}

			if total += len(line); total > limit {
				t.Fatalf("%d bytes of lines", total)
			}
		}

		_, err := io.Copy(io.Discard, NewSideband(NewReader(bytes.NewReader(b), limit)))
		if !known(err) {
			t.Fatal(err)
		}
	})
}
