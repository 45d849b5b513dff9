// Package signature says whether a commit is signed by somebody who may sign
// what is deployed. It is pure: it is given the commit's raw bytes, whose hash is
// the id that is deployed, and reads nothing else.
//
// What is verified is what Git signs: the object without its signature header,
// byte for byte. A commit with a second header of that kind is refused, since
// such a header is no part of what is signed.
//
// SSH signatures are looked for among the keys of a file in OpenSSH's
// allowed_signers form (allowed.go), in the namespace git; OpenPGP signatures
// among public keys in armour (openpgp.go). That a key is listed is all that lets
// a commit through: names and addresses in the commit prove nothing. The time at
// which a key must have been good is both when the commit says it was made, which
// its author chose, and now: a key that was taken away signs nothing any more,
// not even the past.
//
// Errors are *lockstep.Error: Invalid where what is allowed cannot be read, with
// the line, and Denied where a commit is refused, with the reason.
package signature

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
)

// AllowedSigners are those whose signature is good. The zero Signers are nobody. They
// may be used concurrently.
type AllowedSigners struct {
	ssh []allowed
	pgp *keyring
}

// A Signer is whose signature was found to be good.
type Signer struct {
	// Name is the first of the principals that the key is listed with, or the
	// user id of an OpenPGP key. It is what the list says, not the commit.
	Name string
	Key  string // SHA256:… of an SSH key, the fingerprint of an OpenPGP key
}

// MaxListBytes is the size, in bytes, of either list of keys.
const MaxListBytes = 64 << 10

// Parse reads an allowed_signers file and public keys in ASCII armour. Either may
// be "", both may not: nobody could sign then.
func Parse(allowedSigners, publicKeys string) (*AllowedSigners, error) {
	if len(allowedSigners) > MaxListBytes || len(publicKeys) > MaxListBytes {
		return nil, lockstep.Errorf(lockstep.Invalid, "A list of allowed signers has at most %d bytes.", MaxListBytes)
	}

	var s AllowedSigners
	var err error
	if s.ssh, err = parseAllowed(allowedSigners); err != nil {
		return nil, err
	}

	if s.pgp, err = parseKeyring(publicKeys); err != nil {
		return nil, err
	}
	if len(s.ssh) == 0 && s.pgp == nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "The lists of allowed signers hold no key, so that no commit could be signed well.")
	}

	return &s, nil
}

// Verify says who signed a commit, given as it is stored. Denied where nobody did
// who may.
func (s *AllowedSigners) Verify(commit []byte, now time.Time) (Signer, error) {
	c, err := takeApart(commit)
	if err != nil {
		return Signer{}, err
	}
	switch {
	case strings.HasPrefix(c.signature, "-----BEGIN SSH SIGNATURE-----"):
		return s.verifySSH(c, now)
	case strings.HasPrefix(c.signature, "-----BEGIN PGP SIGNATURE-----"):
		return s.verifyPGP(c, now)
	}
	return Signer{}, refused("its signature is of a kind that is not known; SSH and OpenPGP are")
}

func refused(why string) error {
	return lockstep.Errorf(lockstep.Denied, "The commit is not accepted: %s.", why)
}

// A commit in the parts that a signature is about.
type commit struct {
	payload   []byte // what was signed
	signature string // in armour
	made      time.Time
}

// maxSignature bounds a signature in armour, in bytes.
const maxSignature = 32 << 10

const header = "gpgsig"

// takeApart parts a commit from its signature. The header's value goes on in
// lines that begin with a space, which are no part of it.
func takeApart(raw []byte) (commit, error) {
	c := commit{payload: make([]byte, 0, len(raw))}
	var armour strings.Builder
	found, inside := 0, false
	for rest := raw; ; {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		if len(line) == 0 || !more { // the message follows, if there is one
			c.payload = append(c.payload, rest...)
			break
		}

		rest = after
		switch {
		case line[0] == ' ' && inside:
			armour.Write(line[1:])
			armour.WriteByte('\n')
			continue
		case bytes.HasPrefix(line, []byte(header)):
			name, value, _ := bytes.Cut(line, []byte(" "))
			if found++; found > 1 || string(name) != header {
				return c, refused("it has more than one signature, and what stands in the others is not signed")
			}

			inside = true
			armour.Write(value)
			armour.WriteByte('\n')
			continue
		}

		inside = false
		c.payload = append(append(c.payload, line...), '\n')
		if value, ok := bytes.CutPrefix(line, []byte("committer ")); ok && c.made.IsZero() {
			c.made = timeOf(value)
		}
	}

	c.signature = armour.String()
	switch {
	case found == 0:
		return c, refused("it carries no signature")
	case len(c.signature) > maxSignature:
		return c, refused("its signature is longer than any is")
	case c.made.IsZero():
		return c, refused("it does not say when it was made")
	}

	return c, nil
}

// timeOf reads the seconds in NAME <ADDRESS> SECONDS ZONE; the zero time where
// there are none.
func timeOf(ident []byte) time.Time {
	_, after, ok := bytes.Cut(ident[max(0, bytes.LastIndexByte(ident, '>')):], []byte(" "))
	seconds, _, _ := bytes.Cut(after, []byte(" "))
	n, err := strconv.ParseInt(string(seconds), 10, 64)
	if !ok || err != nil || n <= 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
