package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

const (
	// macBytes is the length of the truncated HMAC-SHA-256: 144 bits, which have
	// exactly one encoding in Base64.
	macBytes = 18
	// MACLength is the length of a MAC in characters.
	MACLength = macBytes * 4 / 3
)

// MAC returns a message authentication code over texts, domain-separated by
// purpose. It is deterministic and consists of letters, digits, - and _. Treat it
// as a bearer token: do not log it.
func (k *Key) MAC(purpose string, texts ...string) string {
	return computeMAC(k.macKeys[0], purpose, texts)
}

// VerifyMAC reports, in constant time, whether mac is the MAC of the same purpose
// and texts, by any key of the keyset.
func (k *Key) VerifyMAC(mac, purpose string, texts ...string) bool {
	valid := false
	for _, key := range k.macKeys {
		valid = hmac.Equal([]byte(mac), []byte(computeMAC(key, purpose, texts))) || valid
	}
	return valid
}

// computeMAC writes the length before each text, so that different lists are
// different messages.
func computeMAC(key []byte, purpose string, texts []string) string {
	mac := hmac.New(sha256.New, key)
	for _, text := range append([]string{purpose}, texts...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		mac.Write([]byte(text))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:macBytes])
}

// deriveMACKeys derives a MAC key from each enabled key, the primary key first.
func deriveMACKeys(handle *keyset.Handle) ([][]byte, error) {
	set := insecurecleartextkeyset.KeysetMaterial(handle)
	var keys [][]byte
	for _, entry := range set.GetKey() {
		if entry.GetStatus() != tinkpb.KeyStatusType_ENABLED {
			continue
		}

		key, err := hkdf.Key(sha256.New, entry.GetKeyData().GetValue(), nil, "lockstep stamps", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive from seal key: %w", err)
		}

		if keys = append(keys, key); entry.GetKeyId() == set.GetPrimaryKeyId() {
			keys[0], keys[len(keys)-1] = keys[len(keys)-1], keys[0]
		}
	}

	if len(keys) == 0 {
		return nil, errors.New("derive from seal key: it has no enabled key")
	}

	return keys, nil
}
