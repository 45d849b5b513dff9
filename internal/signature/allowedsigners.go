package signature

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep"
)

// namespace is the SSH signature namespace of Git. A signature for another purpose does
// not count.
const namespace = "git"

const (
	maxAllowedSigners = 1000
	minRSABits        = 2048 // bits
)

// An allowedSigner is a line of an allowed_signers file.
type allowedSigner struct {
	principal               string // the first principal
	key                     ssh.PublicKey
	validAfter, validBefore time.Time // zero is unbounded
}

// parseAllowedSigners parses an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS):
// principals, options, key. An option that is not supported is an error.
func parseAllowedSigners(text string) ([]allowedSigner, error) {
	var all []allowedSigner
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}

		signer, ok, err := parseLine(line)
		if err != nil {
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "Allowed signers, line %d: %s.", number, err)
		}
		if !ok { // not for Git
			continue
		}

		if all = append(all, signer); len(all) > maxAllowedSigners {
			return nil, lockstep.Errorf(lockstep.Invalid, "Allowed signers, line %d: there are more than %d.",
				number, maxAllowedSigners)
		}
	}

	return all, nil
}

// parseLine parses one signer and reports whether it may sign commits.
func parseLine(line string) (signer allowedSigner, git bool, err error) {
	principals, rest, err := cutPrincipals(line)
	if err != nil {
		return signer, false, err
	}

	signer.principal, _, _ = strings.Cut(principals, ",")
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(bytes.TrimSpace(more)) > 0 {
		return signer, false, fmt.Errorf("the principals are not followed by options and a public key")
	}

	if err := checkKey(key); err != nil {
		return signer, false, err
	}

	signer.key, git = key, true
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			git = matchesPatternList(value, namespace)
		case "valid-after":
			signer.validAfter, err = parseTime(value)
		case "valid-before":
			signer.validBefore, err = parseTime(value)
		case "cert-authority":
			err = fmt.Errorf("cert-authority is not supported: list the keys themselves")
		default:
			err = fmt.Errorf("unknown option %q", lockstep.Truncate(name, 40))
		}

		if err != nil {
			return signer, false, err
		}
	}

	return signer, git, nil
}

// cutPrincipals cuts off the first word, which may be quoted.
func cutPrincipals(line string) (principals, rest string, err error) {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		principals, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", fmt.Errorf("a quotation mark is not closed")
		}
		return principals, rest, nil
	}

	principals, rest, ok := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if !ok {
		return "", "", fmt.Errorf("there is no key after the principals")
	}

	return principals, rest, nil
}

// checkKey returns an error for keys that are too weak.
func checkKey(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519,
		ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		if holder, ok := key.(ssh.CryptoPublicKey); ok {
			if k, ok := holder.CryptoPublicKey().(*rsa.PublicKey); ok && k.N.BitLen() >= minRSABits {
				return nil
			}
		}
		return fmt.Errorf("the RSA key has fewer than %d bits", minRSABits)
	}

	return fmt.Errorf("keys of type %s are not supported: use Ed25519, ECDSA or RSA", key.Type())
}

// parseTime parses YYYYMMDD or YYYYMMDDHHMM[SS], with or without Z. Both are UTC: the
// author's time zone is unknown.
func parseTime(value string) (time.Time, error) {
	digits := strings.TrimSuffix(value, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.Parse(layout, digits); err == nil && len(layout) == len(digits) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 20260131 or 202601311200Z", lockstep.Truncate(value, 40))
}

// matchesPatternList reports whether a name matches a comma-separated list of patterns, of
// which those that begin with ! exclude.
func matchesPatternList(list, name string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		without, negated := strings.CutPrefix(pattern, "!")
		if !matchesPattern(without, name) {
			continue
		}
		if negated {
			return false
		}

		found = true
	}

	return found
}

// matchesPattern reports whether a name matches a pattern with * and ?.
func matchesPattern(pattern, name string) bool {
	wild := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	ok, err := regexp.MatchString("^"+wild+"$", name)
	return ok && err == nil
}

// verifySSH verifies an SSH signature if its key is an allowed one.
func (s *AllowedSigners) verifySSH(commit signedCommit, now time.Time) (Signer, error) {
	sig, err := sshsig.Unarmor([]byte(commit.signature))
	if err != nil { // RSA with SHA-1 among others
		return Signer{}, denied("its SSH signature could not be read")
	}

	signer := Signer{Key: ssh.FingerprintSHA256(sig.PublicKey)}
	var expired *allowedSigner

	for i, allowed := range s.ssh {
		if !bytes.Equal(allowed.key.Marshal(), sig.PublicKey.Marshal()) {
			continue
		}

		if !allowed.isValidAt(commit.committedAt) || !allowed.isValidAt(now) {
			expired = &s.ssh[i]
			continue
		}

		err := sshsig.Verify(bytes.NewReader(commit.payload), sig, allowed.key, sig.HashAlgorithm, namespace)
		if err != nil {
			return signer, denied("its SSH signature by " + signer.Key + " does not match")
		}

		signer.Name = allowed.principal
		return signer, nil
	}

	if expired != nil {
		return signer, denied("the key " + signer.Key + " of " + expired.principal + " is not valid at this time")
	}

	return signer, denied("it is signed with key " + signer.Key + ", which is not an allowed signer's")
}

// isValidAt reports whether the key is valid at a time.
func (a allowedSigner) isValidAt(at time.Time) bool {
	return (a.validAfter.IsZero() || !at.Before(a.validAfter)) && (a.validBefore.IsZero() || at.Before(a.validBefore))
}
