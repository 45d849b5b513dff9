package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/seal"
)

func newKey(t testing.TB) *seal.Key {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mustSeal(t testing.TB, k *seal.Key, text, context string) seal.Box {
	t.Helper()
	box, err := k.Seal([]byte(text), []byte(context))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestBoxOpensWithItsKeyAndContext(t *testing.T) {
	k := newKey(t)
	for _, text := range []string{"", "x", "hunter2", strings.Repeat("long ", 10000)} {
		box := mustSeal(t, k, text, "credential/1")
		got, err := k.Open(box, []byte("credential/1"))
		if err != nil {
			t.Fatalf("open a box of %d bytes: %v", len(text), err)
		}
		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("opened text (-want +got):\n%s", diff)
		}
	}
}

func TestBoxHidesItsText(t *testing.T) {
	k := newKey(t)
	first, second := mustSeal(t, k, "hunter2", "a"), mustSeal(t, k, "hunter2", "a")
	if bytes.Contains(first, []byte("hunter2")) {
		t.Error("the box holds the plain text")
	}
	if bytes.Equal(first, second) {
		t.Error("two boxes of one text are equal: who reads the database sees which secrets are the same")
	}
}

func TestOpenRefusesAnotherContext(t *testing.T) {
	k := newKey(t)
	box := mustSeal(t, k, "hunter2", "credential/1")
	for _, context := range []string{"credential/2", "credential/", ""} {
		if _, err := k.Open(box, []byte(context)); !errors.Is(err, seal.ErrCorrupted) {
			t.Errorf("open in context %q: got %v, want ErrCorrupted", context, err)
		}
	}
}

func TestOpenTellsAWrongKeyFromACorruptedBox(t *testing.T) {
	key := newKey(t)
	box := mustSeal(t, key, "hunter2", "a")
	if _, err := newKey(t).Open(box, []byte("a")); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("open with another key: got %v, want ErrWrongKey", err)
	}
	if _, err := key.Open(box, []byte("a")); err != nil {
		t.Errorf("open with the right key: %v", err)
	}
}

func TestOpenRefusesEveryChangedByte(t *testing.T) {
	key := newKey(t)
	box := mustSeal(t, key, "hunter2", "a")
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 0x40
		text, err := key.Open(changed, []byte("a"))
		if !errors.Is(err, seal.ErrCorrupted) && !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("byte %d changed: got %q, %v", i, text, err)
		}
	}
}

func TestOpenRefusesEveryShortenedBox(t *testing.T) {
	k := newKey(t)
	box := mustSeal(t, k, "hunter2", "a")
	for n := range box {
		if text, err := k.Open(box[:n], []byte("a")); !errors.Is(err, seal.ErrCorrupted) {
			t.Errorf("first %d bytes: got %q, %v, want ErrCorrupted", n, text, err)
		}
	}
}

func TestKeyShowsNothingOfItself(t *testing.T) {
	key := newKey(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", key, "nested", []any{key})
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", key)

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, verb, key)
	}

	for _, word := range []string{"keyset", "Tink", "XChaCha", "map[", "0x"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the key shows %q:\n%s", word, log.String())
		}
	}

	if !strings.Contains(log.String(), "[hidden]") {
		t.Errorf("no placeholder in:\n%s", log.String())
	}
}

func FuzzOpen(f *testing.F) {
	key := newKey(f)
	box := mustSeal(f, key, "hunter2", "a")
	f.Add([]byte(box), []byte("b"))
	f.Add([]byte(box[:5]), []byte("a"))
	f.Add([]byte{}, []byte{})
	f.Add([]byte{1, 0, 0, 0, 0}, []byte("a"))
	f.Fuzz(func(t *testing.T, box, context []byte) {
		text, err := key.Open(box, context)
		switch {
		case err == nil && string(text) != "hunter2":
			t.Errorf("a forged box opened as %q", text)
		case err != nil && !errors.Is(err, seal.ErrCorrupted) && !errors.Is(err, seal.ErrWrongKey):
			t.Errorf("an error of neither kind: %v", err)
		}
	})
}
