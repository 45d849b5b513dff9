package seal_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/lockstephq/lockstep/internal/seal"
)

func TestAStampIsTheSameWheneverItIsMadeAndOfOneThing(t *testing.T) {
	k := newKey(t)
	is := k.Stamp("page", "a", "b")
	if again := k.Stamp("page", "a", "b"); is != again || !regexp.MustCompile(`^[A-Za-z0-9_-]{24}$`).MatchString(is) || len(is) != seal.StampLength {
		t.Errorf("stamps %q and %q", is, again)
	}

	if !k.Stamped(is, "page", "a", "b") {
		t.Error("a stamp is refused")
	}

	for name, of := range map[string][]string{
		"another purpose": {"pager", "a", "b"}, "the purpose moved": {"pag", "ea", "b"}, "a part moved": {"page", "ab", ""},
		"parts together": {"page", "ab"}, "another order": {"page", "b", "a"}, "a part more": {"page", "a", "b", ""}, "nothing": {"page"},
	} {
		if k.Stamped(is, of[0], of[1:]...) {
			t.Errorf("%s: stamped", name)
		}
	}
}

func TestAttack14NoStampButTheWholeOneIsTaken(t *testing.T) {
	k := newKey(t)
	is := k.Stamp("page", "a")
	for _, forged := range []string{
		"", is[:1], is[:16], is[:len(is)-1], is + "=", is + "A", is + "\n", " " + is, strings.ToLower(is) + ".", strings.Repeat("A", len(is)),
		newKey(t).Stamp("page", "a"),
	} {
		if k.Stamped(forged, "page", "a") {
			t.Errorf("%q is taken", forged)
		}
	}

	for i := range is {
		other := []byte(is)
		if other[i] = 'A'; is[i] == 'A' {
			other[i] = 'B'
		}

		if k.Stamped(string(other), "page", "a") {
			t.Errorf("character %d does not matter", i)
		}
	}
}

// keyOf gives the key that a manager has made so far.
func keyOf(t *testing.T, m *keyset.Manager) *seal.Key {
	t.Helper()
	handle, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}

	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		t.Fatal(err)
	}

	k, err := seal.Parse(seal.NewSecret(text.String()))
	if err != nil {
		t.Fatal(err)
	}

	return k
}

func TestAStampHoldsAsLongAsItsKeyIsInTheKeyset(t *testing.T) {
	m := keyset.NewManager()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	first, err := m.Add(aead.XChaCha20Poly1305KeyTemplate())
	must(err)
	must(m.SetPrimary(first))
	before := keyOf(t, m)
	old := before.Stamp("page", "a")
	second, err := m.Add(aead.AES256GCMKeyTemplate()) // whatever kind it is
	must(err)
	must(m.SetPrimary(second))
	both := keyOf(t, m)
	fresh := both.Stamp("page", "a")
	if fresh == old || !both.Stamped(old, "page", "a") || !both.Stamped(fresh, "page", "a") {
		t.Error("with both keys not both stamps are taken, or the new one is not made with the new key")
	}

	if before.Stamped(fresh, "page", "a") {
		t.Error("the old key takes what the new one has stamped")
	}

	must(m.Disable(first))
	if after := keyOf(t, m); after.Stamped(old, "page", "a") || after.Stamp("page", "a") != fresh {
		t.Error("a key that may not be used any more stamps still")
	}
}
