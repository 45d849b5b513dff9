package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrWrongKey is returned for a box that was sealed with a key that is not in the
// keyset. Most likely the database and the key file belong to different
// installations.
var ErrWrongKey = errors.New("sealed with another key than the one in use")

// ErrCorrupted is returned for a box that does not open: its bytes were changed,
// or it has another context.
var ErrCorrupted = errors.New("sealed box is corrupted or lies in the wrong place")

// A Box is an encrypted text as it is stored: a ciphertext of Tink, which begins
// with the id of its key.
type Box []byte

// A Key seals and opens boxes. It is safe for concurrent use, and hides itself
// from output and logs.
type Key struct {
	handle  *keyset.Handle
	aead    tink.AEAD
	ids     map[uint32]bool
	macKeys [][]byte // the primary first, never empty
}

// Generate returns a new key that is only in memory, for tests and for Create.
func Generate() (*Key, error) {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate seal key: %w", err)
	}
	return newKey(handle)
}

// Parse reads a key from the text of a key file. The error does not contain the
// text.
func Parse(text Secret) (*Key, error) {
	key, err := decode([]byte(text.Reveal()))
	if err != nil {
		return nil, errors.New(reasonNoKeyset)
	}
	return key, nil
}

// reasonNoKeyset is the reason for a text that is not a key. Tink's own errors may
// repeat the text.
const reasonNoKeyset = "holds no Tink AEAD keyset"

func newKey(handle *keyset.Handle) (*Key, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("read seal key: %w", err)
	}

	key := &Key{handle: handle, aead: primitive, ids: map[uint32]bool{}}
	if key.macKeys, err = deriveMACKeys(handle); err != nil {
		return nil, err
	}

	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("read seal key: %w", err)
		}

		if entry.KeyStatus() == keyset.Enabled {
			key.ids[entry.KeyID()] = true
		}
	}

	return key, nil
}

// Seal encrypts plaintext into a box that opens only with an equal context. Two
// boxes of the same text differ.
func (k *Key) Seal(plaintext, context []byte) (Box, error) {
	box, err := k.aead.Encrypt(plaintext, context)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return box, nil
}

// Open returns the text of a box. The error is ErrWrongKey or ErrCorrupted.
func (k *Key) Open(box Box, context []byte) ([]byte, error) {
	id, ok := box.keyID()
	if !ok {
		return nil, ErrCorrupted
	}
	if !k.ids[id] {
		return nil, ErrWrongKey
	}

	plaintext, err := k.aead.Decrypt(box, context)
	if err != nil {
		return nil, ErrCorrupted
	}

	return plaintext, nil
}

// keyID returns the id that Tink writes before each ciphertext: one byte of
// version, four bytes of id. It distinguishes a wrong key from a corrupted box
// (https://developers.google.com/tink/wire-format).
func (b Box) keyID() (uint32, bool) {
	const version, prefix = 1, 5
	if len(b) < prefix || b[0] != version {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[1:prefix]), true
}

// Format writes a placeholder.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue returns a placeholder.
func (k *Key) LogValue() slog.Value { return slog.StringValue(hidden) }

func (k *Key) encode() ([]byte, error) {
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&text)); err != nil {
		return nil, fmt.Errorf("encode seal key: %w", err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

func decode(text []byte) (*Key, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, err
	}
	return newKey(handle)
}
