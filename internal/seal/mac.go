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
	// macBytes of an HMAC-SHA-256 are a stamp: 144 bits, which Base64 writes
	// without any to spare, so that there is one way to write them.
	macBytes = 18
	// MACLength is that of a stamp in characters.
	MACLength = macBytes * 4 / 3
)

// MAC proves that whoever shows it has it from a holder of the key: it cannot be
// guessed, and is the same whenever it is made. The purpose keeps stamps of
// different kinds apart; what they are of may be any texts. It is of letters,
// digits, - and _, and is worth as much as what it opens: keep it from logs.
func (k *Key) MAC(purpose string, of ...string) string {
	return computeMAC(k.macKeys[0], purpose, of)
}

// VerifyMAC says, in a time that tells nothing of how they differ, whether a stamp
// is one that Stamp has made of the same, with this key or one that is still in
// the keyset.
func (k *Key) VerifyMAC(shown, purpose string, of ...string) bool {
	is := false
	for _, key := range k.macKeys {
		is = hmac.Equal([]byte(shown), []byte(computeMAC(key, purpose, of))) || is
	}
	return is
}

// computeMAC writes the length of each text before it: no two lists are one message.
func computeMAC(key []byte, purpose string, of []string) string {
	mac := hmac.New(sha256.New, key)
	for _, text := range append([]string{purpose}, of...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		mac.Write([]byte(text))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:macBytes])
}

// deriveMACKeys derives a key for stamps from each key that may be used, the primary
// first.
func deriveMACKeys(handle *keyset.Handle) ([][]byte, error) {
	set := insecurecleartextkeyset.KeysetMaterial(handle)
	var keys [][]byte
	for _, one := range set.GetKey() {
		if one.GetStatus() != tinkpb.KeyStatusType_ENABLED {
			continue
		}

		key, err := hkdf.Key(sha256.New, one.GetKeyData().GetValue(), nil, "lockstep stamps", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive from seal key: %w", err)
		}

		if keys = append(keys, key); one.GetKeyId() == set.GetPrimaryKeyId() {
			keys[0], keys[len(keys)-1] = keys[len(keys)-1], keys[0]
		}
	}

	if len(keys) == 0 {
		return nil, errors.New("derive from seal key: it has no key that may be used")
	}

	return keys, nil
}
