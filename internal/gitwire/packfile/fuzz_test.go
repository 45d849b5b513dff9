package packfile

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// known reports whether an error is one that a parser may return.
func known(err error) bool {
	return err == nil || giterr.IsClassified(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

// seedPack is a pack with a tree, a blob and a delta of each kind.
func seedPack() []byte {
	var b bytes.Buffer
	writeObject := func(head []byte, data []byte) {
		b.Write(head)
		z := zlib.NewWriter(&b)
		_, _ = z.Write(data)
		z.Close()
	}

	tree := append([]byte("100644 a\x00"), make([]byte, 20)...)
	b.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x04")
	start := b.Len()
	writeObject([]byte{2<<4 | 0x80 | 13, 1}, tree)
	back := b.Len() - start
	delta := []byte{29, 58, 0x90, 29, 0x90, 29}
	writeObject([]byte{6<<4 | 6, byte(back)}, delta)
	id := sha1.Sum(append([]byte("tree 29\x00"), tree...))
	writeObject(append([]byte{7<<4 | 6}, id[:]...), delta)
	writeObject([]byte{3<<4 | 1}, []byte("x"))
	sum := sha1.Sum(b.Bytes())

	return append(b.Bytes(), sum[:]...)
}

func TestSeedPackIsGood(t *testing.T) {
	got, err := Read(bytes.NewReader(seedPack()), fuzzPolicy(nil))
	if err != nil || len(got.Objects) != 3 {
		t.Errorf("%d objects, %v", len(got.Objects), err)
	}
}

func fuzzPolicy(base func(object.ID) (object.Object, bool)) Policy {
	return Policy{
		Objects:       100,
		InflatedBytes: 1 << 18,
		KeptBytes:     1 << 17,
		BlobTotal:     1 << 17,
		ObjectBytes:   1 << 16,
		BlobBytes:     1 << 10,
		Base:          base,
	}
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
			policy := fuzzPolicy(func(id object.ID) (object.Object, bool) {
				return object.Object{Kind: object.Tree, Data: b}, id[0] == 'b'
			})
			policy.BlobBytes = blob
			got, err := Read(bytes.NewReader(b), policy)
			if !known(err) {
				t.Fatal(err)
			}

			kept := 0
			for _, o := range got.Objects {
				kept += len(o.Data)
			}

			if int64(kept) > policy.KeptBytes+policy.BlobTotal || len(got.Objects) > policy.Objects {
				t.Fatalf("%d bytes in %d objects", kept, len(got.Objects))
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
