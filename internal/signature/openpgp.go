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

// A keyring holds public keys. Verifying only reads them.
type keyring struct{ keys openpgp.EntityList }

const maxKeys = 200

// parseKeyring reads any number of blocks of public keys. nil where there is none.
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
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "OpenPGP keys: there is something else than blocks of public keys in ASCII armour.")
		}

		blocks++
		some, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "OpenPGP keys: block %d cannot be read.", blocks)
		}

		keys = append(keys, some...)
		// What is left of the block is its checksum and its last line.
		if _, err := io.Copy(io.Discard, block.Body); err != nil {
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "OpenPGP keys: a block is cut off.")
		}
	}

	// Between blocks anything is passed over, and so is a block without its beginning.
	if ends := strings.Count(text, "-----END PGP"); ends != blocks {
		return nil, lockstep.Errorf(lockstep.Invalid, "OpenPGP keys: %d blocks begin and %d end.", blocks, ends)
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, lockstep.Errorf(lockstep.Invalid, "OpenPGP keys: there are %d, and not 1 to %d.", len(keys), maxKeys)
	}

	return &keyring{keys}, nil
}

// verifyPGP has the signature checked with the keys, as of now.
func (s *AllowedSigners) verifyPGP(c commit, now time.Time) (Signer, error) {
	if s.pgp == nil {
		return Signer{}, refused("it is signed with OpenPGP, and no OpenPGP key is allowed")
	}

	block, err := armor.Decode(strings.NewReader(c.signature))
	if err != nil || block.Type != openpgp.SignatureType {
		return Signer{}, refused("its OpenPGP signature cannot be read")
	}

	config := &packet.Config{
		Time: func() time.Time { return now },
		RejectMessageHashAlgorithms: map[crypto.Hash]bool{
			crypto.MD5: true, crypto.SHA1: true, crypto.RIPEMD160: true,
		},
		MinRSABits: minRSA,
	}

	sig, entity, err := openpgp.VerifyDetachedSignature(s.pgp.keys, bytes.NewReader(c.payload), block.Body, config)
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return Signer{}, refused("the OpenPGP key with which it is signed is not an allowed signer's")
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrKeyRevoked), errors.Is(err, pgperrors.ErrSignatureExpired):
		return Signer{}, refused("its OpenPGP signature or the key of it has ended")
	case err != nil || entity == nil || sig == nil:
		return Signer{}, refused("its OpenPGP signature is not good for it")
	}

	return Signer{Name: nameOf(entity), Key: fmt.Sprintf("%X", entity.PrimaryKey.Fingerprint)}, nil
}

// nameOf gives one user id of a key, always the same.
func nameOf(e *openpgp.Entity) string {
	if id := e.PrimaryIdentity(); id != nil {
		return id.Name
	}
	var names []string
	for name := range e.Identities {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names[:min(1, len(names))], "")
}
