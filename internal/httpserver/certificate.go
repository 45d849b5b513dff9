package httpserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lockstephq/lockstep"
)

// reloadInterval is how long a certificate is used before its files are checked for a change. A
// handshake costs far more than two file lookups a second.
const reloadInterval = time.Second

// A Certificate is a certificate chain and its private key, in two files that another program
// renews. It is safe for concurrent use.
type Certificate struct {
	certFile string
	keyFile  string
	log      *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	loaded  [2]fileVersion
	checked time.Time
}

// A fileVersion changes when a file does. That of a missing file is zero.
type fileVersion struct {
	modified time.Time
	size     int64
	inode    uint64
}

// LoadCertificate reads the certificate and its key. Its error names the file at fault by its flag.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	certificate := &Certificate{
		certFile: certFile,
		keyFile:  keyFile,
		log:      log,
		loaded:   versionsOf(certFile, keyFile),
		checked:  time.Now(),
	}

	var err error
	certificate.current, err = readPair(certFile, keyFile)
	if err == nil && time.Now().After(certificate.current.Leaf.NotAfter) {
		log.Warn(
			"the certificate has expired",
			slog.String("file", certFile),
			slog.Time("not_after", certificate.current.Leaf.NotAfter),
		)
	}

	return certificate, err
}

// get returns the certificate for a handshake.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if time.Since(c.checked) >= reloadInterval {
		c.reload()
		c.checked = time.Now()
	}

	return c.current, nil
}

// reload reads the files if they have changed. Their versions are taken before they are read: a
// write in between is noticed by the next reload.
func (c *Certificate) reload() {
	versions := versionsOf(c.certFile, c.keyFile)
	if versions == c.loaded {
		return
	}

	c.loaded = versions
	pair, err := readPair(c.certFile, c.keyFile)
	if err == nil && time.Now().After(pair.Leaf.NotAfter) {
		err = fmt.Errorf("%s has expired", c.certFile)
	}
	if err != nil {
		c.log.Warn("the certificate was not renewed, the one before stays in use", slog.Any("err", err))
		return
	}

	c.current = pair
	c.log.Info(
		"the certificate was renewed",
		slog.String("file", c.certFile),
		slog.Time("not_after", pair.Leaf.NotAfter),
	)
}

func versionsOf(files ...string) (versions [2]fileVersion) {
	for i, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}

		versions[i] = fileVersion{modified: info.ModTime(), size: info.Size()}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			versions[i].inode = stat.Ino
		}
	}

	return versions
}

// readPair reads a certificate and its key. It refuses a key that every user can read; a group may,
// because servers on one machine often share a key.
func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	cert, _, err := readPEM(certFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}

	key, mode, err := readPEM(keyFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-key: %w", err)
	}
	if mode&0o007 != 0 {
		return nil, fmt.Errorf("--tls-key: %s has mode %04o, so every user has access: run chmod o-rwx %s",
			keyFile, mode, lockstep.ShellQuote(keyFile))
	}

	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", certFile, keyFile, err)
	}

	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("--tls-cert %s: %w", certFile, err)
		}
	}

	return &pair, nil
}

// maxPEM is far more than any certificate chain needs, in bytes.
const maxPEM = 1 << 20

// readPEM reads a regular file. Without O_NONBLOCK a named pipe in its place would block every
// handshake.
func readPEM(name string) (text []byte, mode os.FileMode, err error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", name)
	}

	text, err = io.ReadAll(io.LimitReader(file, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = errors.New(name + " is too large to be a certificate or a key")
	}

	return text, info.Mode().Perm(), err
}
