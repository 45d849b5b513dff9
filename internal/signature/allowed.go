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

// namespace is in which Git signs: a signature that was made for another purpose
// is none of a commit.
const namespace = "git"

const (
	maxAllowed = 1000
	minRSA     = 2048 // bits
)

// An allowed signer is a line of an allowed_signers file.
type allowed struct {
	principal     string // the first
	key           ssh.PublicKey
	after, before time.Time // zero is no bound
}

// parseAllowed reads an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS):
// principals, options, key. A line that could not be taken as it is meant is an
// error.
func parseAllowed(text string) ([]allowed, error) {
	var all []allowed
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}

		a, ok, err := parseLine(line)
		if err != nil {
			return nil, lockstep.Wrapf(lockstep.Invalid, err, "Allowed signers, line %d: %s.", number, err)
		}
		if !ok { // for other purposes
			continue
		}

		if all = append(all, a); len(all) > maxAllowed {
			return nil, lockstep.Errorf(lockstep.Invalid, "Allowed signers, line %d: there are more than %d.", number, maxAllowed)
		}
	}

	return all, nil
}

// parseLine reads one signer, and says whether it may sign commits.
func parseLine(line string) (a allowed, git bool, err error) {
	principals, rest, err := cutPrincipals(line)
	if err != nil {
		return a, false, err
	}

	a.principal, _, _ = strings.Cut(principals, ",")
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(bytes.TrimSpace(more)) > 0 {
		return a, false, fmt.Errorf("what follows the principals is no public key, with options before it")
	}

	if err := usable(key); err != nil {
		return a, false, err
	}

	a.key, git = key, true
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			git = matchList(value, namespace)
		case "valid-after":
			a.after, err = parseTime(value)
		case "valid-before":
			a.before, err = parseTime(value)
		case "cert-authority":
			err = fmt.Errorf("cert-authority is not supported: list the keys themselves")
		default:
			err = fmt.Errorf("option %q is not known", lockstep.Truncate(name, 40))
		}

		if err != nil {
			return a, false, err
		}
	}

	return a, git, nil
}

// cutPrincipals takes the first word, which may stand in quotation marks.
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
		return "", "", fmt.Errorf("there is no key behind the principals")
	}

	return principals, rest, nil
}

// usable refuses keys that sign too weakly.
func usable(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		if holder, ok := key.(ssh.CryptoPublicKey); ok {
			if k, ok := holder.CryptoPublicKey().(*rsa.PublicKey); ok && k.N.BitLen() >= minRSA {
				return nil
			}
		}
		return fmt.Errorf("the RSA key has less than %d bits", minRSA)
	}

	return fmt.Errorf("keys of type %s are not taken: Ed25519, ECDSA and RSA are", key.Type())
}

// parseTime reads YYYYMMDD or YYYYMMDDHHMM[SS], with Z or without: as the zone of
// whoever wrote it is not known here, both are UTC.
func parseTime(value string) (time.Time, error) {
	digits := strings.TrimSuffix(value, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.Parse(layout, digits); err == nil && len(layout) == len(digits) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 20260131 or 202601311200Z", lockstep.Truncate(value, 40))
}

// matchList says whether a name is on a list of patterns with commas between: one
// that begins with ! takes away.
func matchList(list, name string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		without, negated := strings.CutPrefix(pattern, "!")
		if !matches(without, name) {
			continue
		}
		if negated {
			return false
		}

		found = true
	}

	return found
}

// matches knows * and ?.
func matches(pattern, name string) bool {
	wild := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	ok, err := regexp.MatchString("^"+wild+"$", name)
	return ok && err == nil
}

// verifySSH looks for the signature's key among the allowed ones, and only then
// at the signature.
func (s *AllowedSigners) verifySSH(c commit, now time.Time) (Signer, error) {
	sig, err := sshsig.Unarmor([]byte(c.signature))
	if err != nil { // RSA with SHA-1 among others
		return Signer{}, refused("its SSH signature cannot be read")
	}

	signer := Signer{Key: ssh.FingerprintSHA256(sig.PublicKey)}
	var late *allowed
	for i, a := range s.ssh {
		if !bytes.Equal(a.key.Marshal(), sig.PublicKey.Marshal()) {
			continue
		}

		if !a.good(c.made) || !a.good(now) {
			late = &s.ssh[i]
			continue
		}

		if err := sshsig.Verify(bytes.NewReader(c.payload), sig, a.key, sig.HashAlgorithm, namespace); err != nil {
			return signer, refused("its SSH signature by " + signer.Key + " is not good for it")
		}

		signer.Name = a.principal
		return signer, nil
	}

	if late != nil {
		return signer, refused("the key " + signer.Key + " of " + late.principal + " is not good at this time")
	}

	return signer, refused("the key " + signer.Key + ", with which it is signed, is not an allowed signer's")
}

// good says whether a key may be used at a time.
func (a allowed) good(at time.Time) bool {
	return (a.after.IsZero() || !at.Before(a.after)) && (a.before.IsZero() || at.Before(a.before))
}
