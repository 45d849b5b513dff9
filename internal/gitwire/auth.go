package gitwire

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// An Auth is a credential and the origin (scheme, host and port) that it is for.
// The zero Auth is none. It shows nothing of itself when printed or logged.
type Auth struct {
	origin string
	// header is a function because printing a struct that holds an Auth would
	// show a string, whatever methods Auth has.
	header func(context.Context) (string, error)
	// fixed says that header gives the same at all times, and at once.
	fixed bool
	// key is the private key for SSH, in a function likewise.
	key func() *sshKey
	// secrets are the texts by which somebody who repeats the credential would do
	// so, for the same reason in a function.
	secrets func() []string
}

// Basic is a user name and a password for the origin of a URL.
func Basic(origin, user, password string) Auth {
	both := pair(user, password)
	// A token may be given as the user, with anything for a password.
	return Auth{
		origin: origin, header: always("Basic " + both), fixed: true,
		secrets: func() []string { return []string{both, password, user} },
	}
}

// Bearer is a token for the origin of a URL.
func Bearer(origin, token string) Auth {
	return Auth{
		origin: origin, header: always("Bearer " + token), fixed: true,
		secrets: func() []string { return []string{token} },
	}
}

func always(header string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return header, nil }
}

// Passing is a user name and a password that lasts a while, for the origin of a
// URL. Before each request password is asked for the one that is good now; its
// error is the request's.
func Passing(origin, user string, password func(context.Context) (string, error)) Auth {
	var last atomic.Pointer[string]
	return Auth{
		origin: origin,
		header: func(ctx context.Context) (string, error) {
			now, err := password(ctx)
			if err != nil {
				return "", err
			}

			last.Store(&now)
			return "Basic " + pair(user, now), nil
		},
		secrets: func() []string {
			if now := last.Load(); now != nil {
				return []string{pair(user, *now), *now}
			}
			return nil
		},
	}
}

// pair is how basic authentication sends both.
func pair(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// The sizes of RSA keys that are used, in bits. A larger one would keep us busy
// for seconds at each connection.
const (
	minRSA = 2048
	maxRSA = 16384
)

// SSHKey is a private key in PEM, OpenSSH's form or an older one, for the host
// and port of an ssh:// URL. It must have no passphrase. What is wrong with it
// is ErrURL, and repeats nothing of it.
func SSHKey(origin, private string) (Auth, error) {
	raw, err := ssh.ParseRawPrivateKey([]byte(private))
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		return Auth{}, fmt.Errorf("%w: the private key has a passphrase; give one without, made for this connection alone", ErrURL)
	}
	if err != nil {
		return Auth{}, fmt.Errorf("%w: the credential is no private key in PEM", ErrURL)
	}

	signer, err := signerOf(raw)
	if err != nil {
		return Auth{}, err
	}

	key := &sshKey{signer, sha256.Sum256([]byte(private))}
	return Auth{origin: origin, key: func() *sshKey { return key }}, nil
}

// signerOf takes Ed25519, ECDSA and RSA keys, and lets RSA sign with SHA-2
// alone.
func signerOf(raw any) (ssh.Signer, error) {
	switch key := raw.(type) {
	case *rsa.PrivateKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return nil, fmt.Errorf("%w: the RSA key has %d bits, and not %d to %d", ErrURL, n, minRSA, maxRSA)
		}
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("%w: the RSA key is broken", ErrURL)
		}

	case *ecdsa.PrivateKey, *ed25519.PrivateKey, ed25519.PrivateKey:
	default:
		return nil, fmt.Errorf("%w: the private key is neither Ed25519 nor ECDSA nor RSA", ErrURL)
	}

	signer, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the private key cannot be used", ErrURL)
	}
	if plain, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
		return ssh.NewSignerWithAlgorithms(plain, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
	}

	return signer, nil
}

// String hides the credential.
func (a Auth) String() string {
	if a.header == nil && a.key == nil {
		return "none"
	}
	return "hidden"
}

// GoString hides the credential.
func (a Auth) GoString() string { return "gitwire.Auth(" + a.String() + ")" }

// LogValue hides the credential.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// check says whether the credential may be sent to a URL's origin.
func (a Auth) check(u *url.URL) error {
	if a.header == nil && a.key == nil {
		return nil
	}

	own, err := url.Parse(a.origin)
	if err != nil || origin(own) != origin(u) {
		return fmt.Errorf("%w: the credential is for another scheme, host or port", ErrURL)
	}
	if over := u.Scheme == "ssh"; over != (a.key != nil) {
		return fmt.Errorf("%w: a private key is for ssh:// and nothing else is", ErrURL)
	}

	if !a.fixed {
		return nil // a key, or what net/http looks at when it is there
	}

	header, err := a.header(context.Background())
	if err == nil && strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: the credential holds control characters", ErrURL)
	}

	return err
}

// minSecret is the shortest text that is hidden: what is shorter stands in every
// text by chance.
const minSecret = 8

// hide takes the credential out of what a server says, which may repeat what it
// was sent. A server that means to give it away cannot be kept from it.
func (a Auth) hide(said string) string {
	if a.secrets == nil {
		return said
	}

	for _, secret := range a.secrets() {
		quoted := strconv.Quote(secret)
		for _, s := range []string{quoted[1 : len(quoted)-1], secret} {
			if len(s) < minSecret {
				continue
			}

			said = strings.ReplaceAll(said, s, "****")
			for n := len(s) - 1; n >= minSecret; n-- { // where a quotation was cut
				said = strings.ReplaceAll(said, s[:n]+"…", "****…")
			}
		}
	}

	return said
}

// origin names where a URL leads: scheme, host in lower case, port.
func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "ssh": sshPort}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
