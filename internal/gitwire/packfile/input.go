package packfile

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"fmt"
	"hash"
	"io"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// The kinds of deltas, which only packs have.
const (
	offsetDelta object.Kind = 6
	refDelta    object.Kind = 7
)

// An input counts and hashes the bytes of a pack. It is an io.ByteReader, so that inflating
// reads no byte too many.
type input struct {
	r       *bufio.Reader
	offset  int64
	sum     hash.Hash
	batch   [512]byte // bytes read one by one, not yet hashed
	batched int
}

func (in *input) flush() {
	in.sum.Write(in.batch[:in.batched])
	in.batched = 0
}

func (in *input) ReadByte() (byte, error) {
	b, err := in.r.ReadByte()
	if err != nil {
		return 0, giterr.UnexpectedEOF(err)
	}
	in.offset++
	in.batch[in.batched] = b
	if in.batched++; in.batched == len(in.batch) {
		in.flush()
	}
	return b, nil
}

func (in *input) Read(b []byte) (int, error) {
	n, err := in.r.Read(b)
	in.flush()
	in.sum.Write(b[:n])
	in.offset += int64(n)
	return n, err
}

func (in *input) objectHead() (object.Kind, int64, error) {
	b, err := in.ReadByte()
	if err != nil {
		return 0, 0, err
	}

	kind, size := object.Kind(b>>4&7), int64(b&15)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if shift > 53 {
			return 0, 0, fmt.Errorf("%w: bad object size in a pack", giterr.ErrProtocol)
		}
		if b, err = in.ReadByte(); err != nil {
			return 0, 0, err
		}

		size |= int64(b&0x7f) << shift
	}

	return kind, size, nil
}

// baseOffset reads the distance back to an offset delta's base.
func (in *input) baseOffset() (int64, error) {
	b, err := in.ReadByte()
	if err != nil {
		return 0, err
	}

	back := int64(b & 0x7f)
	for i := 0; b&0x80 != 0; i++ {
		if i > 6 {
			return 0, errDelta("a bad offset")
		}
		if b, err = in.ReadByte(); err != nil {
			return 0, err
		}

		back = (back+1)<<7 | int64(b&0x7f)
	}

	return back, nil
}

// checkSum compares the sum of all bytes with the pack's last 20.
func (in *input) checkSum() error {
	in.flush()
	var want [sha1.Size]byte
	if _, err := io.ReadFull(in.r, want[:]); err != nil {
		return giterr.UnexpectedEOF(err)
	}
	if !bytes.Equal(in.sum.Sum(nil), want[:]) {
		return fmt.Errorf("%w: bad checksum of a pack", giterr.ErrProtocol)
	}
	return nil
}
