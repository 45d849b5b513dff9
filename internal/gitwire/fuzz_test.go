package gitwire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
)

// The parsers are fuzzed where they are, below the exported methods, since a
// server in between would make a thousand runs of one.

// Known reports whether an error is one that parsers may return.
func Known(err error) bool {
	return err == nil || giterr.IsClassified(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

func FuzzAdvertisement(f *testing.F) {
	f.Add([]byte("000eversion 2\n0015agent=git/2.39.5\n0013ls-refs=unborn\n0027fetch=shallow wait-for-done " +
		"filter\n0017object-format=sha1\n0000"))
	f.Add([]byte("001e# service=git-upload-pack\n0000000eversion 2\n0000"))
	f.Add([]byte("0032ERR upload-pack: not our ref 0123456789abcdef\n"))
	f.Add([]byte("0003"))
	f.Add([]byte("fffffff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		if _, _, err := readCapabilities(pktline.NewReader(bytes.NewReader(b), limit)); !Known(err) {
			t.Fatal(err)
		}

		if _, err := skipToPack(pktline.NewReader(bytes.NewReader(b), limit)); !Known(err) {
			t.Fatal(err)
		}
	})
}

func FuzzOldRefs(f *testing.F) {
	const one = "1111111111111111111111111111111111111111"
	f.Add([]byte("001e# service=git-upload-pack\n0000008b" + one +
		" HEAD\x00multi_ack thin-pack side-band-64k shallow filter symref=HEAD:refs/heads/main " +
		"object-format=sha1\n003d" + one + " refs/heads/main\n0000"))
	f.Add([]byte("000eversion 1\n0050" + one + " capabilities^{}\x00side-band shallow \n0035shallow " + one + "0000"))
	f.Add([]byte("0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		packets := pktline.NewReader(bytes.NewReader(b), limit)
		offered, line, err := readCapabilities(packets)
		if !Known(err) {
			t.Fatal(err)
		}

		if _, err := skipToOldPack(pktline.NewReader(bytes.NewReader(b), limit)); !Known(err) {
			t.Fatal(err)
		}

		if err != nil || !offered.isOld || line == "" {
			return
		}

		refs := 0
		err = readOldRefs(packets, offered, line, func(ref refLine) {
			if refs++; ref.name == "" || ref.target != "" && !object.ValidRef(ref.target) {
				t.Fatalf("ref %+v", ref)
			}
		})
		if !Known(err) || refs > limit/len(one) {
			t.Fatalf("%d refs, %v", refs, err)
		}

		request, err := fetchRequest{want: []object.ID{{1}}, depth: 1}.encode(offered, "a")
		if !Known(err) || len(request) > 1<<10 {
			t.Fatalf("%d bytes, %v", len(request), err)
		}
	})
}

func FuzzRefs(f *testing.F) {
	const one = "1111111111111111111111111111111111111111"
	f.Add(one + " refs/heads/main")
	f.Add(one + " HEAD symref-target:refs/heads/main peeled:" + one)
	f.Add("unborn HEAD symref-target:refs/heads/main")
	f.Add("refs/heads/a..b")
	f.Fuzz(func(t *testing.T, line string) {
		ref, err := parseRef(line)
		if !Known(err) || err == nil && ref.name == "" {
			t.Fatalf("%+v, %v", ref, err)
		}
	})
}
