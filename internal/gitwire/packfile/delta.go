package packfile

import (
	"fmt"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

func errDelta(what string) error { return fmt.Errorf("%w: delta with %s", giterr.ErrProtocol, what) }

// deltaSizes parses the sizes of base and result at the beginning of a delta.
func deltaSizes(delta []byte) (base, result int64, rest []byte, err error) {
	if base, rest, err = deltaSize(delta); err == nil {
		result, rest, err = deltaSize(rest)
	}
	return base, result, rest, err
}

func deltaSize(b []byte) (int64, []byte, error) {
	var size int64
	for i := 0; i < len(b) && i < 8; i++ {
		size |= int64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return size, b[i+1:], nil
		}
	}
	return 0, nil, errDelta("a bad size")
}

// applyDelta returns the result of a delta, at most limit bytes. Its size is checked before
// memory is taken.
func applyDelta(base, delta []byte, limit int64) ([]byte, error) {
	baseSize, size, delta, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	if baseSize != int64(len(base)) {
		return nil, errDelta("another base")
	}

	if size > limit {
		return nil, fmt.Errorf("%w: an object of %d bytes", giterr.ErrLimit, size)
	}

	out := make([]byte, 0, size)
	for len(delta) > 0 {
		instruction := delta[0]
		var piece []byte
		switch {
		case instruction == 0:
			return nil, errDelta("a reserved instruction")
		case instruction&0x80 == 0: // the piece follows
			if int(instruction) >= len(delta) {
				return nil, errDelta("a cut off insert")
			}
			piece, delta = delta[1:1+instruction], delta[1+instruction:]
		default: // the piece is part of the base
			if piece, delta, err = copyFromBase(base, delta); err != nil {
				return nil, err
			}
		}

		if int64(len(out)+len(piece)) > size {
			return nil, errDelta("a result that is too long")
		}

		out = append(out, piece...)
	}

	if int64(len(out)) != size {
		return nil, errDelta("a result that is too short")
	}

	return out, nil
}

// copyFromBase executes a copy instruction: bits 0 to 3 of its first byte are the bytes of the
// offset that follow, bits 4 to 6 those of the length.
func copyFromBase(base, delta []byte) (piece, rest []byte, err error) {
	op, rest := delta[0], delta[1:]
	var fields [7]int
	for i := range fields {
		if op&(1<<i) == 0 {
			continue
		}
		if len(rest) == 0 {
			return nil, nil, errDelta("a cut off copy")
		}

		fields[i], rest = int(rest[0]), rest[1:]
	}

	offset := fields[0] | fields[1]<<8 | fields[2]<<16 | fields[3]<<24
	length := fields[4] | fields[5]<<8 | fields[6]<<16
	if length == 0 {
		length = 0x10000
	}

	if offset < 0 || offset > len(base) || length > len(base)-offset {
		return nil, nil, errDelta("a copy from outside its base")
	}

	return base[offset : offset+length], rest, nil
}
