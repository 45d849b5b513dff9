package gitwire

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// The parsers are fuzzed where they are, below the exported methods, since a
// server in between would make a thousand runs of one.

// known says whether an error is one that parsers may return.
func known(err error) bool {
	return err == nil || isSentinel(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("000eversion 2\n0015agent=git/2.39.5\n0013ls-refs=unborn\n0027fetch=shallow wait-for-done filter\n0017object-format=sha1\n0000"))
	f.Add([]byte("001e# service=git-upload-pack\n0000000eversion 2\n0000"))
	f.Add([]byte("0032ERR upload-pack: not our ref 0123456789abcdef\n"))
	f.Add([]byte("0003"))
	f.Add([]byte("fffffff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		p := newPacketReader(bytes.NewReader(b), limit)
		total := 0
		for {
			_, line, err := p.next()
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

		if _, _, err := readCapabilities(newPacketReader(bytes.NewReader(b), limit)); !known(err) {
			t.Fatal(err)
		}

		if _, err := skipToPack(newPacketReader(bytes.NewReader(b), limit)); !known(err) {
			t.Fatal(err)
		}

		_, err := io.Copy(io.Discard, &sideband{p: newPacketReader(bytes.NewReader(b), limit)})
		if !known(err) {
			t.Fatal(err)
		}
	})
}

func FuzzOldRefs(f *testing.F) {
	const one = "1111111111111111111111111111111111111111"
	f.Add([]byte("001e# service=git-upload-pack\n0000008b" + one + " HEAD\x00multi_ack thin-pack side-band-64k shallow filter symref=HEAD:refs/heads/main object-format=sha1\n003d" + one + " refs/heads/main\n0000"))
	f.Add([]byte("000eversion 1\n0050" + one + " capabilities^{}\x00side-band shallow \n0035shallow " + one + "0000"))
	f.Add([]byte("0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		p := newPacketReader(bytes.NewReader(b), limit)
		c, line, err := readCapabilities(p)
		if !known(err) {
			t.Fatal(err)
		}

		if _, err := skipToOldPack(newPacketReader(bytes.NewReader(b), limit)); !known(err) {
			t.Fatal(err)
		}

		if err != nil || !c.old || line == "" {
			return
		}

		refs := 0
		err = readOldRefs(p, c, line, func(ref refLine) {
			if refs++; ref.name == "" || ref.target != "" && !ValidRef(ref.target) {
				t.Fatalf("ref %+v", ref)
			}
		})
		if !known(err) || refs > limit/len(one) {
			t.Fatalf("%d refs, %v", refs, err)
		}

		request, err := fetchRequest{want: []ID{{1}}, depth: 1}.encode(c, "a")
		if !known(err) || len(request) > 1<<10 {
			t.Fatalf("%d bytes, %v", len(request), err)
		}
	})
}

func FuzzRefs(f *testing.F) {
	const one = "1111111111111111111111111111111111111111"
	f.Add(one + " refs/heads/main")
	f.Add(one + " HEAD symref-target:refs/heads/main peeled:" + one)
	f.Add("unborn HEAD symref-target:refs/heads/main")
	f.Add("# pack-refs with: peeled fully-peeled sorted \n" + one + " refs/tags/v1\n^" + one + "\n")
	f.Add("refs/heads/a..b")
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := parseRef(s)
		if !known(err) || err == nil && ref.name == "" {
			t.Fatalf("%+v, %v", ref, err)
		}

		if _, err := parsePacked([]byte(s)); !known(err) {
			t.Fatal(err)
		}

		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Fatalf("%q became %s", s, id)
		}

		if ValidRef(s) {
			for _, bad := range []string{"..", "//", "\n", " ", "\x00", "\\"} {
				if bytes.Contains([]byte(s), []byte(bad)) {
					t.Fatalf("%q is valid", s)
				}
			}
		}

		if message := quote([]byte(s)); len(message) > 4*maxMessage+8 || bytes.ContainsAny([]byte(message), "\n\x1b\x00") {
			t.Fatalf("quoted as %s", message)
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
		var order orderCheck
		for rest := b; len(rest) > 0; {
			e, next, err := nextEntry(rest)
			if err == nil {
				err = order.next(e)
			}

			if !known(err) {
				t.Fatal(err)
			}

			if err != nil {
				return
			}

			if len(next) >= len(rest) || bytes.ContainsAny(e.name, "/\x00") {
				t.Fatalf("entry %q", e.name)
			}

			rest = next
		}
	})
}

func FuzzCommit(f *testing.F) {
	f.Add([]byte("tree 1111111111111111111111111111111111111111\nparent 2222222222222222222222222222222222222222\nauthor a <a> 0 +0000\n\nx"))
	f.Add([]byte("tree 1111111111111111111111111111111111111111"))
	f.Add([]byte("tree 11\nparent "))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, parents, err := parseCommit(b)
		if !known(err) || len(parents)*48 > len(b) {
			t.Fatalf("%d parents, %v", len(parents), err)
		}
	})
}

// seedPack is a pack with a tree, a blob and a delta of each kind.
func seedPack() []byte {
	var b bytes.Buffer
	object := func(head []byte, data []byte) {
		b.Write(head)
		z := zlib.NewWriter(&b)
		_, _ = z.Write(data)
		z.Close()
	}

	tree := append([]byte("100644 a\x00"), make([]byte, 20)...)
	b.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x04")
	start := b.Len()
	object([]byte{2<<4 | 0x80 | 13, 1}, tree)
	back := b.Len() - start
	delta := []byte{29, 58, 0x90, 29, 0x90, 29}
	object([]byte{6<<4 | 6, byte(back)}, delta)
	id := sha1.Sum(append([]byte("tree 29\x00"), tree...))
	object(append([]byte{7<<4 | 6}, id[:]...), delta)
	object([]byte{3<<4 | 1}, []byte("x"))
	sum := sha1.Sum(b.Bytes())

	return append(b.Bytes(), sum[:]...)
}

func TestSeedPackIsGood(t *testing.T) {
	got, err := readPack(bytes.NewReader(seedPack()), fuzzPolicy(nil))
	if err != nil || len(got.objects) != 3 {
		t.Errorf("%d objects, %v", len(got.objects), err)
	}
}

func fuzzPolicy(base func(ID) (object, bool)) packPolicy {
	return packPolicy{objects: 100, inflated: 1 << 18, kept: 1 << 17, blobs: 1 << 17, object: 1 << 16, blob: 1 << 10, base: base}
}

func FuzzPack(f *testing.F) {
	f.Add(seedPack())
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"))
	f.Add(binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > sha1.Size { // so that more than the checksum is tried
			sum := sha1.Sum(b[:len(b)-sha1.Size])
			b = append(bytes.Clone(b[:len(b)-sha1.Size]), sum[:]...)
		}

		for _, blob := range []int64{-1, 1 << 10} {
			policy := fuzzPolicy(func(id ID) (object, bool) { return object{treeObject, b}, id[0] == 'b' })
			policy.blob = blob
			got, err := readPack(bytes.NewReader(b), policy)
			if !known(err) {
				t.Fatal(err)
			}

			kept := 0
			for _, o := range got.objects {
				kept += len(o.data)
			}

			if int64(kept) > policy.kept+policy.blobs || len(got.objects) > policy.objects {
				t.Fatalf("%d bytes in %d objects", kept, len(got.objects))
			}
		}
	})
}

func FuzzDelta(f *testing.F) {
	f.Add([]byte("0123456789"), []byte{10, 12, 0x90, 10, 2, 'a', 'b'})
	f.Add([]byte("x"), []byte{1, 0x80, 0x80, 0x80, 0x80, 1})
	f.Add([]byte{}, []byte{0, 0})
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		out, err := applyDelta(base, delta, 1<<16)
		if !known(err) || len(out) > 1<<16 {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
	})
}
