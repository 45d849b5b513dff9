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
	key := newKey(t)
	is := key.MAC("page", "a", "b")
	if again := key.MAC("page", "a", "b"); is != again || !regexp.MustCompile(`^[A-Za-z0-9_-]{24}$`).MatchString(is) ||
		len(is) != seal.MACLength {
		t.Errorf("stamps %q and %q", is, again)
	}

	if !key.VerifyMAC(is, "page", "a", "b") {
		t.Error("a stamp is refused")
	}

	for name, of := range map[string][]string{
		"another purpose":   {"pager", "a", "b"},
		"the purpose moved": {"pag", "ea", "b"},
		"a part moved":      {"page", "ab", ""},
		"parts together":    {"page", "ab"},
		"another order":     {"page", "b", "a"},
		"a part more":       {"page", "a", "b", ""},
		"nothing":           {"page"},
	} {
		if key.VerifyMAC(is, of[0], of[1:]...) {
			t.Errorf("%s: stamped", name)
		}
	}
}

func TestAttack14NoStampButTheWholeOneIsTaken(t *testing.T) {
	key := newKey(t)
	is := key.MAC("page", "a")
	for _, forged := range []string{
		"", is[:1], is[:16], is[:len(is)-1], is + "=", is + "A", is + "\n", " " + is, strings.ToLower(is) + ".",
		strings.Repeat("A", len(is)),
		newKey(t).MAC("page", "a"),
	} {
		if key.VerifyMAC(forged, "page", "a") {
			t.Errorf("%q is taken", forged)
		}
	}

	for i := range is {
		other := []byte(is)
		if other[i] = 'A'; is[i] == 'A' {
			other[i] = 'B'
		}

		if key.VerifyMAC(string(other), "page", "a") {
			t.Errorf("character %d does not matter", i)
		}
	}
}

// keyOf returns the key of a manager.
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

	key, err := seal.Parse(seal.NewSecret(text.String()))
	if err != nil {
		t.Fatal(err)
	}

	return key
}

func TestAStampHoldsAsLongAsItsKeyIsInTheKeyset(t *testing.T) {
	manager := keyset.NewManager()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	first, err := manager.Add(aead.XChaCha20Poly1305KeyTemplate())
	must(err)
	must(manager.SetPrimary(first))
	before := keyOf(t, manager)
	old := before.MAC("page", "a")
	second, err := manager.Add(aead.AES256GCMKeyTemplate()) // whatever kind it is
	must(err)
	must(manager.SetPrimary(second))
	both := keyOf(t, manager)
	fresh := both.MAC("page", "a")
	if fresh == old || !both.VerifyMAC(old, "page", "a") || !both.VerifyMAC(fresh, "page", "a") {
		t.Error("with both keys not both stamps are taken, or the new one is not made with the new key")
	}

	if before.VerifyMAC(fresh, "page", "a") {
		t.Error("the old key takes what the new one has stamped")
	}

	must(manager.Disable(first))
	if after := keyOf(t, manager); after.VerifyMAC(old, "page", "a") || after.MAC("page", "a") != fresh {
		t.Error("a key that may not be used any more stamps still")
	}
}
