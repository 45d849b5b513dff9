package signature

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
)

// AllowedSigners are the keys whose signatures are accepted. The zero value accepts none.
// They may be used concurrently.
type AllowedSigners struct {
	ssh []allowedSigner
	pgp *keyring
}

// A Signer is the owner of the key that signed a commit.
type Signer struct {
	// Name is the first principal that the key is listed with, or the user id of an
	// OpenPGP key. It comes from the list, not from the commit.
	Name string
	Key  string // SHA256:… of an SSH key, the fingerprint of an OpenPGP key
}

// MaxListBytes is the maximum size of either list of keys.
const MaxListBytes = 64 << 10

// Parse parses an allowed_signers file and OpenPGP public keys in ASCII armor. Either may
// be "", but not both. It returns an Invalid error that names the line.
func Parse(allowedSigners, publicKeys string) (*AllowedSigners, error) {
	if len(allowedSigners) > MaxListBytes || len(publicKeys) > MaxListBytes {
		return nil, lockstep.Errorf(lockstep.Invalid, "A list of allowed signers has at most %d bytes.", MaxListBytes)
	}

	var signers AllowedSigners
	var err error
	if signers.ssh, err = parseAllowedSigners(allowedSigners); err != nil {
		return nil, err
	}

	if signers.pgp, err = parseKeyring(publicKeys); err != nil {
		return nil, err
	}
	if len(signers.ssh) == 0 && signers.pgp == nil {
		return nil, lockstep.Errorf(lockstep.Invalid,
			"The lists of allowed signers contain no key, so no commit could be accepted.")
	}

	return &signers, nil
}

// Verify returns who signed a commit, given as Git stores it. It returns a Denied error
// with the reason if no allowed signer did.
func (s *AllowedSigners) Verify(raw []byte, now time.Time) (Signer, error) {
	commit, err := parseCommit(raw)
	if err != nil {
		return Signer{}, err
	}

	switch {
	case strings.HasPrefix(commit.signature, "-----BEGIN SSH SIGNATURE-----"):
		return s.verifySSH(commit, now)
	case strings.HasPrefix(commit.signature, "-----BEGIN PGP SIGNATURE-----"):
		return s.verifyPGP(commit, now)
	}

	return Signer{}, denied("its signature is of an unsupported kind; SSH and OpenPGP are supported")
}

func denied(reason string) error {
	return lockstep.Errorf(lockstep.Denied, "The commit was not accepted: %s.", reason)
}

// A signedCommit is a commit, split into its signature and the rest.
type signedCommit struct {
	payload     []byte // the signed bytes
	signature   string // in ASCII armor
	committedAt time.Time
}

// maxSignature is the maximum size of an armored signature, in bytes.
const maxSignature = 32 << 10

const signatureHeader = "gpgsig"

// parseCommit splits a commit into its signature and the rest. The header's value
// continues on lines that begin with a space, which is not part of it.
func parseCommit(raw []byte) (signedCommit, error) {
	commit := signedCommit{payload: make([]byte, 0, len(raw))}
	var armour strings.Builder
	found, inside := 0, false
	for rest := raw; ; {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		if len(line) == 0 || !more { // the message follows
			commit.payload = append(commit.payload, rest...)
			break
		}

		rest = after
		switch {
		case line[0] == ' ' && inside:
			armour.Write(line[1:])
			armour.WriteByte('\n')
			continue
		case bytes.HasPrefix(line, []byte(signatureHeader)):
			name, value, _ := bytes.Cut(line, []byte(" "))
			if found++; found > 1 || string(name) != signatureHeader {
				return commit, denied("it has more than one signature")
			}

			inside = true
			armour.Write(value)
			armour.WriteByte('\n')
			continue
		}

		inside = false
		commit.payload = append(append(commit.payload, line...), '\n')
		if value, ok := bytes.CutPrefix(line, []byte("committer ")); ok && commit.committedAt.IsZero() {
			commit.committedAt = committerTime(value)
		}
	}

	commit.signature = armour.String()
	switch {
	case found == 0:
		return commit, denied("it is not signed")
	case len(commit.signature) > maxSignature:
		return commit, denied("its signature is longer than " + strconv.Itoa(maxSignature) + " bytes")
	case commit.committedAt.IsZero():
		return commit, denied("it has no commit date")
	}

	return commit, nil
}

// committerTime returns the time in NAME <ADDRESS> SECONDS ZONE, or the zero time.
func committerTime(ident []byte) time.Time {
	_, after, ok := bytes.Cut(ident[max(0, bytes.LastIndexByte(ident, '>')):], []byte(" "))
	seconds, _, _ := bytes.Cut(after, []byte(" "))
	n, err := strconv.ParseInt(string(seconds), 10, 64)
	if !ok || err != nil || n <= 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
