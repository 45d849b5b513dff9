package sshpool

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// hostKeys verifies the keys of hosts: by a known_hosts file and, for hosts that are not in it,
// by the keys that the large Git hosts publish. No other key is accepted, not even the first
// time.
type hostKeys struct{ file string }

// CheckKnownHosts returns an error if a known_hosts file cannot be used, and the
// numbers of the lines that cannot be read. As with OpenSSH, such lines do not count.
func CheckKnownHosts(file string) (skipped []int, err error) {
	_, skipped, err = readKnownHosts(file)
	return skipped, err
}

// readKnownHosts returns the check of a known_hosts file. It skips the lines that it
// cannot read: files grow for years, by old programs, failed scans and key types that
// are unknown here.
func readKnownHosts(file string) (check ssh.HostKeyCallback, skipped []int, err error) {
	if check, err = knownhosts.New(file); err == nil {
		return check, nil, nil
	}

	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}

	var readable []byte
	for i, line := range bytes.Split(data, []byte("\n")) {
		if text := bytes.TrimSpace(line); len(text) == 0 || text[0] == '#' {
			continue
		}
		if _, _, _, _, _, err := ssh.ParseKnownHosts(line); err != nil {
			skipped = append(skipped, i+1)
			continue
		}
		readable = append(append(readable, line...), '\n')
	}

	check, err = newKnownHosts(readable)
	return check, skipped, err
}

// newKnownHosts returns the check of the text of a known_hosts file. The library reads
// files only.
func newKnownHosts(text []byte) (check ssh.HostKeyCallback, err error) {
	file, err := os.CreateTemp("", "lockstep-known-hosts-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()

	if _, err := file.Write(text); err != nil {
		return nil, err
	}
	return knownhosts.New(file.Name())
}

// hostKeyError is why the key of a host is not accepted.
type hostKeyError struct{ why string }

func (e *hostKeyError) Error() string { return giterr.ErrHostKey.Error() + ": " + e.why }
func (e *hostKeyError) Unwrap() error { return giterr.ErrHostKey }

// check returns the check of an address's key, and the algorithms to offer, best first: those
// of known keys, so that a server with several keys shows a known one. The file is read for
// each connection, so that a new line is effective at once.
func (k hostKeys) check(address string) (ssh.HostKeyCallback, []string, error) {
	inFile := func(string, net.Addr, ssh.PublicKey) error { return &knownhosts.KeyError{} }
	if k.file != "" {
		var err error
		if inFile, _, err = readKnownHosts(k.file); err != nil {
			return nil, nil, &hostKeyError{"the known_hosts file cannot be read: " + err.Error()}
		}
	}

	var known []string
	var probe *knownhosts.KeyError
	if errors.As(inFile(address, &net.TCPAddr{}, unknownKey{}), &probe) {
		for _, want := range probe.Want {
			known = append(known, want.Key.Type())
		}
	}

	published := publishedKeys(knownhosts.Normalize(address))
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		err := inFile(host, remote, key)
		if err == nil {
			return nil
		}

		shown := fmt.Sprintf("%s (%s)", ssh.FingerprintSHA256(key), key.Type())
		var revoked *knownhosts.RevokedError
		var other *knownhosts.KeyError
		switch unknown := errors.As(err, &other) && len(other.Want) == 0; {
		case errors.As(err, &revoked):
			return &hostKeyError{fmt.Sprintf("%s shows the key %s, which the known_hosts file revokes",
				knownhosts.Normalize(host), shown)}
		case unknown && slices.Contains(published, ssh.FingerprintSHA256(key)):
			return nil
		case unknown && len(published) == 0:
			return &hostKeyError{fmt.Sprintf("%s shows the unknown key %s. "+
				"Compare it with what the host's owner publishes, then add the key to "+
				"the server's known_hosts file (known-hosts)", knownhosts.Normalize(host), shown)}
		}

		return &hostKeyError{fmt.Sprintf("%s shows the key %s, which is not the known one: this may be an attack. "+
			"If the host's owner has changed the key, put the new one into the server's known_hosts file (known-hosts)",
			knownhosts.Normalize(host), shown)}
	}, algorithms(known), nil
}

// algorithms returns the accepted signature algorithms, those of known types first. SHA-1, DSA
// and certificates are not among them.
func algorithms(known []string) []string {
	all := []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	isKnown := func(algorithm string) bool {
		return slices.Contains(known, algorithm) ||
			strings.HasPrefix(algorithm, "rsa-") && slices.Contains(known, ssh.KeyAlgoRSA)
	}
	slices.SortStableFunc(all, func(a, b string) int {
		switch {
		case isKnown(a) == isKnown(b):
			return 0
		case isKnown(a):
			return -1
		}

		return 1
	})

	return all
}

// unknownKey is a key that no file has. It makes a known_hosts file return the keys that it
// has.
type unknownKey struct{}

func (unknownKey) Type() string                        { return "" }
func (unknownKey) Marshal() []byte                     { return nil }
func (unknownKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// publishedKeys returns the fingerprints that the large Git hosts publish of their keys
// (Ed25519, ECDSA, RSA) on port 22. Sources, read in November 2026: docs.github.com "GitHub's
// SSH key fingerprints"; docs.gitlab.com "GitLab.com settings";
// bitbucket.org/blog/ssh-host-key-changes; learn.microsoft.com "Use SSH key authentication".
func publishedKeys(host string) []string {
	switch host {
	case "github.com":
		return []string{
			"SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
			"SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
			"SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
		}
	case "gitlab.com":
		return []string{
			"SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
			"SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
			"SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
		}
	case "bitbucket.org":
		return []string{
			"SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
			"SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
			"SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
		}

	case "ssh.dev.azure.com":
		return []string{"SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"}
	}

	return nil
}
