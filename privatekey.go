package lockstep

import (
	"bytes"
	"encoding/pem"
	"strings"
)

// validatePrivateKey returns an error if text is not one private key in PEM without
// a passphrase. Whether a Git host's driver supports the key is not checked.
func validatePrivateKey(kind CredentialKind, text string) error {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return Errorf(Invalid, "A credential of kind %s needs a private key in PEM in Secret.", kind)
	case len(bytes.TrimSpace(rest)) > 0:
		return Errorf(Invalid, "The Secret of a credential of kind %s holds more than one private key.", kind)
	case isEncrypted(block):
		return Errorf(Invalid, "The private key has a passphrase. Use a key without one, created for this "+
			"connection only.")
	}
	return nil
}

// isEncrypted reports whether a private key is encrypted. There are three forms: a
// header, a block type, and a cipher in OpenSSH's format, in which the name of the
// cipher follows its length.
func isEncrypted(block *pem.Block) bool {
	if block.Type != "OPENSSH PRIVATE KEY" {
		return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	}
	cipher, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	return ok && !bytes.HasPrefix(cipher, []byte("\x00\x00\x00\x04none"))
}
