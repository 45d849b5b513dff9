package sshpool

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Key is a private key. Keys are compared by the text that was given, not by their public
// half: a file can contain another key's public half, which would then share the connections of
// that key's owner.
type Key struct {
	signer ssh.Signer
	digest [sha256.Size]byte
}

// The sizes of RSA keys that are accepted, in bits. A larger one would take seconds for each
// connection.
const (
	minRSA = 2048
	maxRSA = 16384
)

// ParseKey parses a private key in PEM, in OpenSSH's form or an older one, without a
// passphrase. The error is ErrURL, and repeats nothing of the key.
func ParseKey(private string) (*Key, error) {
	raw, err := ssh.ParseRawPrivateKey([]byte(private))
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		return nil, fmt.Errorf("%w: the private key has a passphrase; give one without, made for this connection "+
			"only", giterr.ErrURL)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the credential is not a private key in PEM", giterr.ErrURL)
	}

	signer, err := signerOf(raw)
	if err != nil {
		return nil, err
	}

	return &Key{signer, sha256.Sum256([]byte(private))}, nil
}

// signerOf accepts Ed25519, ECDSA and RSA keys. RSA keys sign with SHA-2 only.
func signerOf(raw any) (ssh.Signer, error) {
	switch key := raw.(type) {
	case *rsa.PrivateKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return nil, fmt.Errorf("%w: the RSA key has %d bits; it must have %d to %d", giterr.ErrURL, n,
				minRSA, maxRSA)
		}
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("%w: the RSA key is invalid", giterr.ErrURL)
		}

	case *ecdsa.PrivateKey, *ed25519.PrivateKey, ed25519.PrivateKey:
	default:
		return nil, fmt.Errorf("%w: the private key is neither Ed25519 nor ECDSA nor RSA", giterr.ErrURL)
	}

	signer, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the private key cannot be used", giterr.ErrURL)
	}
	if plain, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
		return ssh.NewSignerWithAlgorithms(plain, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
	}

	return signer, nil
}
