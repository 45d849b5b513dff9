package packfile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// A Policy is what to keep of a pack, and how much it may cost. Zero means none.
type Policy struct {
	WireBytes     int64 // of the whole answer
	Objects       int
	InflatedBytes int64 // of all objects, dropped ones included
	KeptBytes     int64 // of all objects that are kept, blobs excluded
	ObjectBytes   int64 // of one commit, tree or tag: larger is an error
	// BlobBytes is the size of the largest blob that is kept; negative keeps none. Larger ones
	// are recorded in Pack.Large if RecordLarge is set.
	BlobBytes   int64
	RecordLarge bool
	// AllBlobs is true if the pack contains all blobs because the server cannot omit them.
	AllBlobs bool
	// BlobTotal is how many bytes of blobs are kept together. Others are dropped.
	BlobTotal int64
	// Base returns objects that are known already, for deltas against them.
	Base func(object.ID) (object.Object, bool)
}

// A Pack is what was kept of a pack.
type Pack struct {
	Objects map[object.ID]object.Object
	// Large has the blobs that were dropped for their size.
	Large map[object.ID]bool
	// Spilled is true if a blob was dropped because BlobTotal was used up.
	Spilled bool
}

// A reader reads a pack from a stream. Objects are resolved as they arrive; deltas whose base
// is missing wait for it. Deltas whose base never arrives are left out, so that their object is
// missing.
type reader struct {
	in        *input
	policy    Policy
	pack      Pack
	remaining struct{ inflated, kept, blobs int64 }
	zlib      io.ReadCloser

	offsets  map[int64]offsetState // by offset in the pack
	byID     map[object.ID][]waiting
	byOffset map[int64][]waiting
}

// An offsetState is what is known of the object at an offset.
type offsetState struct {
	id      object.ID
	dropped bool
}

// A waiting is a delta without its base.
type waiting struct {
	offset int64
	delta  []byte
}

// Read reads a pack. If it fails, it also returns what it has read; every object of that is
// verified.
func Read(r io.Reader, policy Policy) (Pack, error) {
	packed := &reader{
		in:       &input{r: bufio.NewReaderSize(r, 32<<10), sum: sha1.New()},
		policy:   policy,
		pack:     Pack{Objects: map[object.ID]object.Object{}, Large: map[object.ID]bool{}},
		offsets:  map[int64]offsetState{},
		byID:     map[object.ID][]waiting{},
		byOffset: map[int64][]waiting{},
	}

	packed.remaining.inflated = policy.InflatedBytes
	packed.remaining.kept = policy.KeptBytes
	packed.remaining.blobs = policy.BlobTotal

	var head [12]byte
	if _, err := io.ReadFull(packed.in, head[:]); err != nil {
		return packed.pack, giterr.UnexpectedEOF(err)
	}

	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return packed.pack, fmt.Errorf("%w: not a pack of version 2", giterr.ErrProtocol)
	}

	count := int64(binary.BigEndian.Uint32(head[8:]))
	if count > int64(policy.Objects) {
		return packed.pack, fmt.Errorf("%w: a pack of %d objects", giterr.ErrLimit, count)
	}

	for range count {
		if err := packed.next(); err != nil {
			return packed.pack, err
		}
	}

	return packed.pack, packed.in.checkSum()
}

// next reads one object: its kind and size, a delta's base, the deflated bytes.
func (p *reader) next() error {
	offset := p.in.offset
	kind, size, err := p.in.objectHead()
	if err != nil {
		return err
	}

	switch kind {
	case object.Commit, object.Tree, object.Tag:
		return p.readWhole(offset, kind, size)
	case object.Blob:
		if size > p.policy.BlobBytes || p.spills(size) {
			return p.drop(offset, size)
		}
		return p.readWhole(offset, kind, size)
	case offsetDelta:
		back, err := p.in.baseOffset()
		if err != nil {
			return err
		}
		if back <= 0 || back > offset {
			return errDelta("a base outside the pack")
		}

		return p.readOffsetDelta(offset, offset-back, size)
	case refDelta:
		var base object.ID
		if _, err := io.ReadFull(p.in, base[:]); err != nil {
			return giterr.UnexpectedEOF(err)
		}
		return p.readDelta(offset, base, size)
	}

	return fmt.Errorf("%w: an object of kind %d in a pack", giterr.ErrProtocol, kind)
}

func (p *reader) readWhole(offset int64, kind object.Kind, size int64) error {
	if err := p.keep(kind, size); err != nil {
		return err
	}
	data, err := p.inflate(size)
	if err != nil {
		return err
	}
	return p.add(offset, object.Object{Kind: kind, Data: data})
}

// drop skips a blob. Its ID is only computed if Policy.RecordLarge is set.
func (p *reader) drop(offset, size int64) error {
	inflated, err := p.inflater(size)
	if err != nil {
		return err
	}

	p.offsets[offset] = offsetState{dropped: true}
	if !p.policy.RecordLarge {
		return copyExactly(io.Discard, inflated, size)
	}

	sum := object.NewHash(object.Blob, size)
	if err := copyExactly(sum, inflated, size); err != nil {
		return err
	}

	id, err := object.Sum(sum)
	p.pack.Large[id] = true
	return err
}

func (p *reader) readOffsetDelta(offset, baseOffset, size int64) error {
	at, known := p.offsets[baseOffset]
	switch {
	case known && at.dropped:
		return p.dropDelta(offset, size)
	case known:
		return p.readDelta(offset, at.id, size)
	}
	delta, err := p.wait(size)
	p.byOffset[baseOffset] = append(p.byOffset[baseOffset], waiting{offset, delta})
	return err
}

func (p *reader) readDelta(offset int64, baseID object.ID, size int64) error {
	base, ok := p.find(baseID)
	switch {
	case !ok && size > p.policy.ObjectBytes: // only a blob can be that large
		return p.dropDelta(offset, size)
	case !ok:
		delta, err := p.wait(size)
		p.byID[baseID] = append(p.byID[baseID], waiting{offset, delta})
		return err
	}

	delta, err := p.inflate(size)
	if err != nil {
		return err
	}

	obj, ok, err := p.apply(base, delta)
	if err != nil {
		return err
	}

	if !ok {
		p.offsets[offset] = offsetState{dropped: true}
		return nil
	}

	return p.add(offset, obj)
}

func (p *reader) dropDelta(offset, size int64) error {
	p.offsets[offset] = offsetState{dropped: true}
	inflated, err := p.inflater(size)
	if err != nil {
		return err
	}
	return copyExactly(io.Discard, inflated, size)
}

// wait inflates a delta that stays in memory until its base comes.
func (p *reader) wait(size int64) ([]byte, error) {
	if err := p.keep(object.Tree, size); err != nil {
		return nil, err
	}
	return p.inflate(size)
}

func (p *reader) find(id object.ID) (object.Object, bool) {
	if o, ok := p.pack.Objects[id]; ok || p.policy.Base == nil {
		return o, ok
	}
	return p.policy.Base(id)
}

// apply returns the object of a delta. ok is false if it is a blob that is dropped; a large one
// is requested alone when it is opened, and refused then.
func (p *reader) apply(base object.Object, delta []byte) (object.Object, bool, error) {
	_, size, _, err := deltaSizes(delta)
	if err != nil {
		return object.Object{}, false, err
	}

	limit := p.policy.ObjectBytes
	if base.Kind == object.Blob {
		limit = p.policy.BlobBytes
	}

	if base.Kind == object.Blob && (size > limit || p.spills(size)) {
		return object.Object{}, false, nil
	}
	if err := p.spend(size); err != nil {
		return object.Object{}, false, err
	}
	if err := p.keep(base.Kind, min(size, limit)); err != nil {
		return object.Object{}, false, err
	}

	data, err := applyDelta(base.Data, delta, limit)
	return object.Object{Kind: base.Kind, Data: data}, err == nil, err
}

// add records an object and resolves the deltas that wait for it, and those that wait for them.
// It is not recursive, because chains may be long.
func (p *reader) add(offset int64, obj object.Object) error {
	type resolved struct {
		offset int64
		object object.Object
	}
	for todo := []resolved{{offset, obj}}; len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		id, err := next.object.ID()
		if err != nil {
			return err
		}

		p.pack.Objects[id] = next.object
		p.offsets[next.offset] = offsetState{id: id}
		ready := slices.Concat(p.byID[id], p.byOffset[next.offset])
		delete(p.byID, id)
		delete(p.byOffset, next.offset)

		for _, w := range ready {
			made, ok, err := p.apply(next.object, w.delta)
			if err != nil {
				return err
			}

			if ok {
				todo = append(todo, resolved{w.offset, made})
			}
		}
	}

	return nil
}

// spend counts bytes that are inflated.
func (p *reader) spend(n int64) error {
	if p.remaining.inflated -= n; p.remaining.inflated < 0 {
		return fmt.Errorf("%w: a pack inflates to more than %d bytes", giterr.ErrLimit, p.policy.InflatedBytes)
	}
	return nil
}

// spills reports whether a blob is dropped because BlobTotal is used up.
func (p *reader) spills(size int64) bool {
	if size <= p.remaining.blobs {
		return false
	}
	p.pack.Spilled = true
	return true
}

// objectOverhead is the memory of an object without its bytes: its entries in the maps of
// objects and of offsets.
const objectOverhead = 256

// keep counts bytes that stay in memory. A delta that waits for its base counts as a tree.
func (p *reader) keep(kind object.Kind, n int64) error {
	if kind == object.Blob {
		p.remaining.blobs -= n // spills has checked
		return nil
	}
	if p.remaining.kept -= n + objectOverhead; p.remaining.kept < 0 {
		return fmt.Errorf("%w: more than %d bytes of objects", giterr.ErrLimit, p.policy.KeptBytes)
	}
	return nil
}

// inflate returns the bytes of an object of an announced size. For a large one memory is taken
// as bytes arrive.
func (p *reader) inflate(size int64) ([]byte, error) {
	if limit := max(p.policy.ObjectBytes, p.policy.BlobBytes); size > limit {
		return nil, fmt.Errorf("%w: an object of %d bytes", giterr.ErrLimit, size)
	}

	inflated, err := p.inflater(size)
	if err != nil {
		return nil, err
	}

	const small = 64 << 10
	var b bytes.Buffer
	if size > small {
		b.Grow(small)
	} else {
		b = *bytes.NewBuffer(make([]byte, 0, size+1))
	}

	err = copyExactly(&b, inflated, size)
	return slices.Clip(b.Bytes()), err
}

func (p *reader) inflater(size int64) (io.Reader, error) {
	if err := p.spend(size); err != nil {
		return nil, err
	}

	var err error
	if p.zlib == nil {
		p.zlib, err = zlib.NewReader(p.in)
	} else {
		err = p.zlib.(zlib.Resetter).Reset(p.in, nil)
	}

	if err != nil {
		return nil, inflateError(err)
	}

	return p.zlib, nil
}

// copyExactly copies a deflated object of the announced size, up to its checksum. It returns an
// error if the size differs.
func copyExactly(w io.Writer, r io.Reader, size int64) error {
	n, err := io.Copy(w, io.LimitReader(r, size+1))
	if err != nil {
		return inflateError(err)
	}
	if n != size {
		return fmt.Errorf("%w: an object of another size than announced", giterr.ErrProtocol)
	}
	return nil
}

func inflateError(err error) error {
	switch err {
	case zlib.ErrChecksum, zlib.ErrHeader, zlib.ErrDictionary:
		return fmt.Errorf("%w: bad deflated object", giterr.ErrProtocol)
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return fmt.Errorf("%w: bad deflated object", giterr.ErrProtocol)
	}
	return giterr.UnexpectedEOF(err)
}
