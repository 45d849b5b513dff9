package gitwire_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

const (
	commitKind, treeKind, blobKind, offsetDelta, refDelta = 1, 2, 3, 6, 7
)

// A packWriter writes packs that no honest server would.
type packWriter struct {
	b bytes.Buffer
	n uint32
}

// add appends an object whose announced size may be a lie.
func (w *packWriter) add(kind byte, size int, base, data []byte) (offset int) {
	offset = 12 + w.b.Len()
	w.n++
	head := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		w.b.WriteByte(head | 0x80)
		head = byte(size & 0x7f)
	}

	w.b.WriteByte(head)
	w.b.Write(base)
	z := zlib.NewWriter(&w.b)
	_, _ = z.Write(data)
	z.Close()

	return offset
}

func (w *packWriter) object(kind byte, data []byte) (object.ID, int) {
	sum := sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", []string{"", "commit", "tree", "blob"}[kind], len(data)),
		data...))
	return sum, w.add(kind, len(data), nil, data)
}

func (w *packWriter) commit(tree object.ID) object.ID {
	id, _ := w.object(commitKind, fmt.Appendf(nil,
		"tree %s\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\nx\n", tree))
	return id
}

func (w *packWriter) bytes() []byte {
	b := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), w.n)
	b = append(b, w.b.Bytes()...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

func treeEntry(mode, name string, id object.ID) []byte {
	return append(fmt.Appendf(nil, "%s %s\x00", mode, name), id[:]...)
}

func packet(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

// cannedServer answers every command with what answer makes of it.
func cannedServer(t *testing.T, answer func(command []byte) string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = io.WriteString(w, packet("version 2\n")+packet("ls-refs\n")+packet("fetch=shallow filter\n")+"0000")
			return
		}

		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, answer(body))
	}))

	t.Cleanup(srv.Close)
	return srv.URL + "/app"
}

// packServer answers every fetch with the same pack.
func packServer(t *testing.T, pack []byte) string {
	t.Helper()
	var answer strings.Builder
	answer.WriteString(packet("packfile\n"))
	for rest := pack; len(rest) > 0; {
		n := min(len(rest), 60000)
		answer.WriteString(packet("\x01" + string(rest[:n])))
		rest = rest[n:]
	}
	answer.WriteString("0000")
	return cannedServer(t, func([]byte) string { return answer.String() })
}

// spent says what f allocated in all, and how long it took.
func spent(f func()) (uint64, time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	f()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}

func TestAttack10BombsAreRefused(t *testing.T) {
	zeros := make([]byte, 24<<20)
	limits := gitwire.Limits{
		ObjectBytes:   1 << 20,
		TreeBytes:     4 << 20,
		InflatedBytes: 16 << 20,
		Objects:       1000,
		PackBytes:     1 << 20,
		BlobBytes:     1 << 20,
	}
	blob := object.ID{1}
	tests := map[string]struct {
		make func(*packWriter) object.ID
		want error
	}{
		"object larger than announced": {func(w *packWriter) object.ID {
			w.add(treeKind, 100, nil, zeros)
			return w.commit(blob)
		}, giterr.ErrProtocol},
		"object announced as large": {func(w *packWriter) object.ID {
			w.add(treeKind, 1<<40, nil, nil)
			return w.commit(blob)
		}, giterr.ErrLimit},
		"large blob that is dropped": {func(w *packWriter) object.ID {
			w.object(blobKind, zeros)
			return w.commit(blob)
		}, giterr.ErrLimit},
		"many objects": {func(w *packWriter) object.ID {
			w.n = 1 << 30
			return w.commit(blob)
		}, giterr.ErrLimit},
		"fewer objects than announced": {func(w *packWriter) object.ID {
			id := w.commit(blob)
			w.n = 2
			return id
		}, giterr.ErrProtocol},
		"delta that expands": {func(w *packWriter) object.ID {
			_, at := w.object(treeKind, bytes.Repeat(treeEntry("100644", "a", blob), 1000))
			w.deltas(at, 29000, 25)
			return w.commit(blob)
		}, giterr.ErrLimit},
		"delta announced as large": {func(w *packWriter) object.ID {
			_, at := w.object(treeKind, treeEntry("100644", "a", blob))
			delta := append(varint(29), append(varint(1<<40), 0x90, 29)...)
			w.add(offsetDelta, len(delta), []byte{byte(12 + w.b.Len() - at)}, delta)

			return w.commit(blob)
		}, giterr.ErrLimit},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var w packWriter
			id := test.make(&w)
			r := open(t, gitwire.Options{URL: packServer(t, w.bytes()), Limits: limits})
			var err error
			memory, took := spent(func() { _, err = r.Snapshot(t.Context(), id, nil) })

			if !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}

			if memory > 64<<20 || took > 20*time.Second {
				t.Errorf("%d bytes, %v", memory, took)
			}
		})
	}
}

func TestAttack10ObjectsCountMoreThanTheirBytes(t *testing.T) {
	var w packWriter
	for i := range 10_000 { // 300 KB
		w.object(treeKind, treeEntry("100644", "a", object.ID{byte(i), byte(i >> 8), 1}))
	}

	id := w.commit(object.ID{1})
	r := open(t, gitwire.Options{URL: packServer(t, w.bytes()), Limits: gitwire.Limits{TreeBytes: 1 << 20}})
	if _, err := r.Snapshot(t.Context(), id, nil); !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func varint(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// deltas appends a hundred deltas on one base, each of which makes it times as
// large.
func (w *packWriter) deltas(base, size, times int) {
	delta := append(varint(size), varint(size*times)...)
	for range times {
		delta = append(delta, 0x80|0x10|0x20, byte(size), byte(size>>8))
	}

	for range 100 {
		back := 12 + w.b.Len() - base
		offset := []byte{byte(back & 0x7f)}
		for back >>= 7; back > 0; back >>= 7 {
			back--
			offset = append([]byte{byte(back&0x7f) | 0x80}, offset...)
		}

		w.add(offsetDelta, len(delta), offset, delta)
	}
}

func TestAttack10TreesThatRepeatEachOther(t *testing.T) {
	var w packWriter
	blob, _ := w.object(blobKind, []byte("x"))
	below := treeEntry("100644", "file", blob)
	for range 40 { // 10^40 paths in 41 trees
		id, _ := w.object(treeKind, below)
		below = nil
		for i := range 10 {
			below = append(below, treeEntry("40000", fmt.Sprint("d", i), id)...)
		}
	}

	top, _ := w.object(treeKind, below)
	commit := w.commit(top)
	_, err := open(t, gitwire.Options{URL: packServer(t, w.bytes())}).Snapshot(t.Context(), commit, nil)
	if !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestAttack10DeepFolders(t *testing.T) {
	var w packWriter
	blob, _ := w.object(blobKind, []byte("x"))
	id, _ := w.object(treeKind, treeEntry("100644", "file", blob))
	for range 400 {
		id, _ = w.object(treeKind, treeEntry("40000", "d", id))
	}
	commit := w.commit(id)
	_, err := open(t, gitwire.Options{URL: packServer(t, w.bytes())}).Snapshot(t.Context(), commit, nil)
	if !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestAttack10DeepFoldersMadeOfKnownOnes(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	one := id(t, repo.Commit(map[string]string{"a/b/c/x": "1"}))
	two := id(t, repo.Commit(map[string]string{"p/q/r/a/b/c/x": "1"}))
	remote := open(t, gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}, Limits: gitwire.Limits{Depth: 5}})
	base, err := remote.Snapshot(t.Context(), one, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Snapshot(t.Context(), two, base); !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestAttack10LongListOfRefs(t *testing.T) {
	line := packet(strings.Repeat("1", 40) + " refs/heads/main-" + strings.Repeat("x", 1000) + "\n")
	url := cannedServer(t, func([]byte) string { return strings.Repeat(line, 100) + "0000" })
	_, err := open(t, gitwire.Options{
		URL:    url,
		Limits: gitwire.Limits{RefBytes: 50_000},
	}).Refs(t.Context(), []string{"refs/heads/main"})
	if !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestAttack09NamesInTrees(t *testing.T) {
	blob := object.ID{1}
	file := func(name string) []byte { return treeEntry("100644", name, blob) }
	empty := sha1.Sum([]byte("tree 0\x00"))
	tests := map[string][]byte{
		"dots":             file(".."),
		"dot":              file("."),
		"empty":            file(""),
		"slash":            file("a/b"),
		"git folder":       treeEntry("40000", ".git", empty),
		"GIT in capitals":  file(".GiT"),
		"long":             file(strings.Repeat("a", 5000)),
		"twice":            append(file("a"), file("a")...),
		"out of order":     append(file("b"), file("a")...),
		"file and folder":  bytes.Join([][]byte{file("a"), file("a-b"), treeEntry("40000", "a", empty)}, nil),
		"unknown mode":     treeEntry("60000", "a", blob),
		"mode of letters":  treeEntry("10064x", "a", blob),
		"id that is short": file("a")[:15],
		"no name":          []byte("100644"),
	}
	for name, raw := range tests {
		var w packWriter
		w.object(treeKind, nil)
		id, _ := w.object(treeKind, raw)
		commit := w.commit(id)
		_, err := open(t, gitwire.Options{URL: packServer(t, w.bytes())}).Snapshot(t.Context(), commit, nil)
		if !errors.Is(err, giterr.ErrProtocol) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAnswerIsVerifiedByHash(t *testing.T) {
	var w packWriter
	blob, _ := w.object(blobKind, []byte("x"))
	tree, _ := w.object(treeKind, treeEntry("100644", "a", blob))
	honest := w.commit(tree)
	url := packServer(t, w.bytes())
	remote := open(t, gitwire.Options{URL: url})
	if _, err := remote.Snapshot(t.Context(), object.ID{0xaa}, nil); !errors.Is(err, giterr.ErrProtocol) {
		t.Errorf("another commit than asked for: %v", err)
	}

	snapshot, err := remote.Snapshot(t.Context(), honest, nil)
	if err != nil {
		t.Fatal(err)
	}

	got, err := snapshot.Tree(t.Context()).ReadFile("a")
	if err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}

	broken := w.bytes()
	broken[len(broken)-1] ^= 1
	remote = open(t, gitwire.Options{URL: packServer(t, broken)})
	if _, err := remote.Snapshot(t.Context(), honest, nil); !errors.Is(err, giterr.ErrProtocol) {
		t.Errorf("wrong checksum: %v", err)
	}
}

func TestDeltasWhoseBaseComesLaterAreResolved(t *testing.T) {
	var w packWriter
	raw := treeEntry("100644", "a", object.ID{1})
	want := append(bytes.Clone(raw), treeEntry("100644", "b", object.ID{2})...)
	sum := sha1.Sum(append(fmt.Appendf(nil, "tree %d\x00", len(raw)), raw...))
	delta := append(varint(len(raw)), varint(len(want))...)
	delta = append(delta, 0x90, byte(len(raw)), byte(len(want)-len(raw)))
	delta = append(delta, want[len(raw):]...)
	w.add(refDelta, len(delta), sum[:], delta)
	w.object(treeKind, raw)
	top := sha1.Sum(append(fmt.Appendf(nil, "tree %d\x00", len(want)), want...))
	commit := w.commit(top)
	snapshot, err := open(t, gitwire.Options{URL: packServer(t, w.bytes())}).Snapshot(t.Context(), commit, nil)
	if err != nil {
		t.Fatal(err)
	}

	got, err := snapshot.Tree(t.Context()).ObjectID("b")
	b := object.ID{2}
	equal(t, "id", hex.EncodeToString(b[:]), got)

	if err != nil {
		t.Error(err)
	}
}
