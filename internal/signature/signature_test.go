package signature_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/signature"
)

// now is a moment after all that is in testdata was made, by git and gpg.
var now = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func everybody(t testing.TB) *signature.AllowedSigners {
	t.Helper()
	signers, err := signature.Parse(string(recorded(t, "allowed_signers")), string(recorded(t, "pgp-keys.asc")))
	if err != nil {
		t.Fatal(err)
	}
	return signers
}

func TestCommitsSignedByGitAreAccepted(t *testing.T) {
	signers := everybody(t)
	for name, want := range map[string]string{
		"ssh-ed25519.commit": "ed25519@example.com",
		"ssh-ecdsa.commit":   "ecdsa@example.com",
		"ssh-rsa.commit":     "rsa@example.com",
		"pgp-ann.commit":     "Ann <ann@example.com>",
		"pgp-bob.commit":     "Bob <bob@example.com>",
	} {
		got, err := signers.Verify(recorded(t, name), now)
		if err != nil || got.Name != want || got.Key == "" {
			t.Errorf("%s: %+v, %v; want %s", name, got, err, want)
		}
	}
}

// What was signed is every byte of the commit, and none of them may be another.
func TestAttack27AnyOtherBytesAreRefused(t *testing.T) {
	signers := everybody(t)
	for _, name := range []string{"ssh-ed25519.commit", "pgp-ann.commit"} {
		raw := recorded(t, name)
		for i := range raw {
			changed := bytes.Clone(raw)
			changed[i] ^= 1
			if who, err := signers.Verify(changed, now); err == nil && withoutArmour(raw) != withoutArmour(changed) {
				t.Errorf("%s with another byte at %d (%q): signed by %s", name, i, raw[i], who.Name)
			}
		}

		for what, changed := range map[string][]byte{
			"a byte more":     append(bytes.Clone(raw), '\n'),
			"a byte less":     raw[:len(raw)-1],
			"CRLF":            bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n")),
			"a second header": bytes.Replace(raw, []byte("\ngpgsig "), []byte("\ngpgsig-sha256 x\ngpgsig "), 1),
			"a parent": bytes.Replace(raw, []byte("\nauthor "),
				[]byte("\nparent "+strings.Repeat("1", 40)+"\nauthor "), 1),
			"nothing": nil,
		} {
			if who, err := signers.Verify(changed, now); lockstep.KindOf(err) != lockstep.Denied {
				t.Errorf("%s with %s: %+v, %v", name, what, who, err)
			}
		}
	}
}

// A signer makes commits that are signed as git signs them.
type signer struct {
	key       ssh.Signer
	namespace string
}

func newSigner(t testing.TB) signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, "git"}
}

func (s signer) line(principals, options string) string {
	return strings.TrimSpace(principals+" "+options) + " " + string(ssh.MarshalAuthorizedKey(s.key.PublicKey()))
}

func (s signer) commit(t testing.TB, made time.Time) []byte {
	t.Helper()
	headers := fmt.Sprintf("tree %s\nauthor A <a@b> %[2]d +0000\ncommitter A <a@b> %[2]d +0000\n",
		strings.Repeat("4", 40), made.Unix())
	sig, err := sshsig.Sign(strings.NewReader(headers+"\nmessage\n"), s.key, sshsig.HashSHA512, s.namespace)
	if err != nil {
		t.Fatal(err)
	}
	armour := strings.ReplaceAll(strings.TrimSuffix(string(sshsig.Armor(sig)), "\n"), "\n", "\n ")
	return []byte(headers + "gpgsig " + armour + "\n\nmessage\n")
}

func TestAttack27OnlyWhoIsAllowedForGitAndNow(t *testing.T) {
	ann := newSigner(t)
	other := newSigner(t)
	file := ann
	file.namespace = "file"
	made := now.Add(-time.Hour)
	day := func(d int) string { return now.AddDate(0, 0, d).Format("20060102") }
	for name, row := range map[string]struct {
		allowed string
		commit  []byte
		says    string // "" is good
	}{
		"listed": {ann.line("ann@example.com", ""), ann.commit(t, made), ""},
		"with several principals": {ann.line(`"ann@example.com,b c"`,
			`namespaces="git,file"`), ann.commit(t, made), ""},
		"namespaces by pattern": {ann.line("ann@example.com", `namespaces="g?t*"`), ann.commit(t, made), ""},
		"in its window": {ann.line("ann@example.com",
			`valid-after="`+day(-2)+`",valid-before="`+day(2)+`Z"`), ann.commit(t, made), ""},
		"second line of the same key": {ann.line("ann@example.com",
			`valid-before="`+day(-9)+`"`) + ann.line("ann@example.com", ""), ann.commit(t, made), ""},
		"another key": {other.line("ann@example.com", ""), ann.commit(t,
			made), "not an allowed signer's"},
		"for another namespace": {ann.line("ann@example.com", "") + other.line("x", ""), file.commit(t,
			made), "does not match"},
		"key is for other purposes": {ann.line("ann@example.com", `namespaces="file"`) + other.line("x",
			""), ann.commit(t, made), "not an allowed signer's"},
		"key is not for git": {ann.line("ann@example.com", `namespaces="*,!git"`) + other.line("x",
			""), ann.commit(t, made), "not an allowed signer's"},
		"not yet": {ann.line("ann@example.com", `valid-after="`+day(-2)+`"`), ann.commit(t,
			now.AddDate(0, 0, -3)), "not valid at this time"},
		"no more": {ann.line("ann@example.com",
			`valid-before="`+day(-1)+`"`), ann.commit(t, made), "not valid at this time"},
		"no more, and the commit is old": {ann.line("ann@example.com",
			`valid-before="`+day(-1)+`"`), ann.commit(t, now.AddDate(0, 0, -5)), "not valid at this time"},
		"unsigned": {ann.line("ann@example.com", ""), recorded(t,
			"unsigned.commit"), "is not signed"},
		"OpenPGP where none is allowed": {ann.line("ann@example.com", ""), recorded(t,
			"pgp-ann.commit"), "no OpenPGP key is allowed"},
		"another kind of signature": {ann.line("ann@example.com", ""),
			bytes.ReplaceAll(ann.commit(t, made), []byte("SSH SIGNATURE"),
				[]byte("SIGNED MESSAGE")), "unsupported kind"},
		"garbage in armour": {ann.line("ann@example.com", ""),
			[]byte("tree 1\ncommitter a <b> 1 +0\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH " +
				"SIGNATURE-----\n\nx"), "could not be read"},
		"no time": {ann.line("ann@example.com", ""),
			bytes.ReplaceAll(ann.commit(t, made), []byte("\ncommitter "),
				[]byte("\ncommitted ")), "no commit date"},
		"a giant signature": {ann.line("ann@example.com", ""),
			[]byte("tree 1\ncommitter a <b> 1 +0\ngpgsig -----BEGIN SSH SIGNATURE-----\n " + strings.Repeat("A",
				40<<10) + "\n\nx"), "longer"},
	} {
		signers, err := signature.Parse(row.allowed, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		who, err := signers.Verify(row.commit, now)
		switch {
		case row.says == "" && (err != nil || who.Name != "ann@example.com" ||
			who.Key != ssh.FingerprintSHA256(ann.key.PublicKey())):
			t.Errorf("%s: %+v, %v", name, who, err)
		case row.says != "" && (lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), row.says)):
			t.Errorf("%s: %+v, %v; want a refusal that says %q", name, who, err, row.says)
		}
	}
}

func TestAttack27SHA1IsNotTaken(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}

	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}

	rsaSigner := signer{key, "git"}
	good := rsaSigner.commit(t, now)
	signers, err := signature.Parse(rsaSigner.line("ann", ""), "")
	if err != nil {
		t.Fatal(err)
	}

	if _, err := signers.Verify(good, now); err != nil {
		t.Fatal(err)
	}

	before, armour, _ := strings.Cut(string(good), "gpgsig ")
	armour, after, _ := strings.Cut(armour, "\n\n")
	sig, err := sshsig.Unarmor([]byte(strings.ReplaceAll(armour, "\n ", "\n")))
	if err != nil {
		t.Fatal(err)
	}

	sum := sha512.Sum512([]byte(before + "\n" + after))
	signed := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, HashAlgorithm, Hash string }{
		Namespace:     "git",
		Reserved:      "",
		HashAlgorithm: "sha512",
		Hash:          string(sum[:]),
	})...)
	sig.Signature, err = key.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, signed, ssh.KeyAlgoRSA)
	if err != nil {
		t.Fatal(err)
	}

	if err := key.PublicKey().Verify(signed, sig.Signature); err != nil {
		t.Fatal(err) // it is a good one, but for the hash
	}

	weak := before + "gpgsig " + strings.ReplaceAll(strings.TrimSpace(string(sshsig.Armor(sig))), "\n",
		"\n ") + "\n\n" + after
	if _, err := signers.Verify([]byte(weak), now); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("got %v", err)
	}
}

func TestSignaturesOfRemovedKeysAreRefused(t *testing.T) {
	signers, err := signature.Parse("", string(recorded(t, "pgp-keys.asc")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signers.Verify(recorded(t, "ssh-rsa.commit"), now); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("an SSH key that is not listed: %v", err)
	}
	// The key did not exist yet.
	_, err = signers.Verify(recorded(t, "pgp-ann.commit"), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("a key that was not made yet: %v", err)
	}
}

func TestMalformedListsAreRefusedWithTheLine(t *testing.T) {
	good := newSigner(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}

	public, err := ssh.NewPublicKey(&weak.PublicKey)
	if err != nil {
		t.Fatal(err)
	}

	keys := string(recorded(t, "pgp-keys.asc"))
	blocks := strings.Count(keys, "-----BEGIN")
	for name, row := range map[string]struct{ allowed, keys, says string }{
		"nothing": {"# nobody\n\n", "", "contain no key"},
		"no key":  {"ann@example.com\n", "", "line 1: there is no key"},
		"half a key": {
			good.line("a", "") + "ann@example.com ssh-ed25519 AAAA\n", "",
			"line 2: the principals are not followed",
		},
		"no quotation": {`"ann ssh-ed25519`, "", "line 1: a quotation mark"},
		"an authority": {good.line("*@example.com", "cert-authority"), "", "cert-authority is not supported"},
		"a new option": {good.line("a", `no-touch="x"`), "", `option "no-touch"`},
		"a wrong time": {good.line("a", `valid-before="tomorrow"`), "", `"tomorrow" is not a time`},
		"a weak key":   {"a " + string(ssh.MarshalAuthorizedKey(public)), "", "fewer than 2048 bits"},
		"words":        {"", "hello", "OpenPGP keys: found 0 keys"},
		"no beginning": {"", keys + strings.SplitN(keys, "\n",
			2)[1], fmt.Sprintf("OpenPGP keys: %d blocks begin and %d end", 2*blocks-1, 2*blocks)},
		"no end":   {"", keys + keys[:len(keys)/2], "OpenPGP keys: "},
		"too long": {strings.Repeat("#", signature.MaxListBytes+1), "", "at most"},
		"a private block": {
			"", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
			"nothing else",
		},
	} {
		_, err := signature.Parse(row.allowed, row.keys)
		if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v; want %q", name, err, row.says)
		}
	}
}

func TestASignatureInTheMessageDoesNotCount(t *testing.T) {
	s := everybody(t)
	raw := recorded(t, "unsigned.commit")
	forged := append(bytes.Clone(raw), []byte("\ngpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH "+
		"SIGNATURE-----\n")...)
	if _, err := s.Verify(forged, now); err == nil || !strings.Contains(err.Error(), "is not signed") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(recorded(t, "unsigned.commit"), raw); diff != "" {
		t.Error("Verify has changed the bytes it was given")
	}
}

func FuzzVerify(f *testing.F) {
	for _, name := range []string{"ssh-ed25519.commit", "ssh-rsa.commit", "pgp-ann.commit", "unsigned.commit"} {
		f.Add(recorded(f, name))
	}

	signers := everybody(f)
	known := map[string]bool{}
	for _, name := range []string{"ssh-ed25519.commit", "ssh-rsa.commit", "pgp-ann.commit"} {
		known[withoutArmour(recorded(f, name))] = true
	}

	f.Fuzz(func(t *testing.T, raw []byte) {
		if who, err := signers.Verify(raw, now); err == nil && !known[withoutArmour(raw)] {
			t.Errorf("%q is signed by %s", raw, who.Name)
		}
	})
}

// withoutArmour is a commit but for its signature.
func withoutArmour(raw []byte) string {
	var left []string
	inside := false
	for line := range strings.Lines(string(raw)) {
		inside = strings.HasPrefix(line, "gpgsig ") || inside && strings.HasPrefix(line, " ")
		if !inside {
			left = append(left, line)
		}
	}
	return strings.Join(left, "")
}

func FuzzParse(f *testing.F) {
	f.Add(string(recorded(f, "allowed_signers")), string(recorded(f, "pgp-keys.asc")))
	f.Add(`"a,b" namespaces="git",valid-after="20200101" ssh-ed25519 AAAA`, "")
	f.Fuzz(func(t *testing.T, allowed, keys string) {
		if s, err := signature.Parse(allowed, keys); (s == nil) == (err == nil) {
			t.Errorf("%v, %v", s, err)
		}
	})
}
