package signature

import (
	"bufio"
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/lockstephq/lockstep"
)

// A keyring holds public keys. It is not modified by verification.
type keyring struct{ keys openpgp.EntityList }

const maxPGPKeys = 200

// parseKeyring parses any number of armored public keys. It returns nil if text is blank.
func parseKeyring(text string) (*keyring, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}

	var keys openpgp.EntityList
	blocks := 0
	for in := bufio.NewReader(strings.NewReader(text)); ; {
		block, err := armor.Decode(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || block.Type != openpgp.PublicKeyType {
			return nil, lockstep.Wrapf(lockstep.Invalid, err,
				"OpenPGP keys: expected public keys in ASCII armor and nothing else.")
		}

		blocks++
		entities, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "OpenPGP keys: block %d could not be read.", blocks)
		}

		keys = append(keys, entities...)
		// The rest of the block is its checksum and its last line.
		if _, err := io.Copy(io.Discard, block.Body); err != nil {
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "OpenPGP keys: a block is truncated.")
		}
	}

	// The decoder skips text between blocks, and blocks without a first line.
	if ends := strings.Count(text, "-----END PGP"); ends != blocks {
		return nil, lockstep.Errorf(lockstep.Invalid, "OpenPGP keys: %d blocks begin and %d end.", blocks, ends)
	}
	if len(keys) == 0 || len(keys) > maxPGPKeys {
		return nil, lockstep.Errorf(lockstep.Invalid, "OpenPGP keys: found %d keys; expected 1 to %d.", len(keys),
			maxPGPKeys)
	}

	return &keyring{keys}, nil
}

// verifyPGP verifies an OpenPGP signature at the time now.
func (s *AllowedSigners) verifyPGP(commit signedCommit, now time.Time) (Signer, error) {
	if s.pgp == nil {
		return Signer{}, denied("it is signed with OpenPGP, and no OpenPGP key is allowed")
	}

	block, err := armor.Decode(strings.NewReader(commit.signature))
	if err != nil || block.Type != openpgp.SignatureType {
		return Signer{}, denied("its OpenPGP signature cannot be read")
	}

	config := &packet.Config{
		Time: func() time.Time { return now },
		RejectMessageHashAlgorithms: map[crypto.Hash]bool{
			crypto.MD5: true, crypto.SHA1: true, crypto.RIPEMD160: true,
		},
		MinRSABits: minRSABits,
	}

	sig, entity, err := openpgp.VerifyDetachedSignature(s.pgp.keys, bytes.NewReader(commit.payload), block.Body,
		config)
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return Signer{}, denied("it is signed with an OpenPGP key that is not an allowed signer's")
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrKeyRevoked), errors.Is(err,
		pgperrors.ErrSignatureExpired):
		return Signer{}, denied("its OpenPGP signature or key has expired or was revoked")
	case err != nil || entity == nil || sig == nil:
		return Signer{}, denied("its OpenPGP signature does not match")
	}

	return Signer{Name: userIDOf(entity), Key: fmt.Sprintf("%X", entity.PrimaryKey.Fingerprint)}, nil
}

// userIDOf returns a user id of a key, always the same one.
func userIDOf(entity *openpgp.Entity) string {
	if id := entity.PrimaryIdentity(); id != nil {
		return id.Name
	}
	var names []string
	for name := range entity.Identities {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names[:min(1, len(names))], "")
}
