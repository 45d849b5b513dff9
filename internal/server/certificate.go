package server

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
)

// lookAgain is how long a certificate is used before its files are looked at
// again. A handshake costs far more than two looks a second.
const lookAgain = time.Second

// A certificate is a chain and its private key, in two files that something
// else renews. Handshakes look whether the files have changed; a pair that
// cannot be used leaves the one before in use, and is told of once.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]stamp
	looked  time.Time
}

// A stamp tells a file from what it was before. That of a missing file is zero.
type stamp struct {
	modified time.Time
	size     int64
	inode    uint64
}

// loadCertificate reads the pair. The error names the file that is at fault.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, seen: stamps(certFile, keyFile), looked: time.Now()}
	var err error
	c.current, err = readPair(certFile, keyFile)
	if err == nil && time.Now().After(c.current.Leaf.NotAfter) {
		log.Warn("the certificate has expired", slog.String("file", certFile), slog.Time("not_after", c.current.Leaf.NotAfter))
	}
	return c, err
}

// get gives the pair for a handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookAgain {
		c.look()
		c.looked = time.Now()
	}
	return c.current, nil
}

// look takes a new pair where the files have changed. They are stamped before
// they are read: what is written in between is seen the next time.
func (c *certificate) look() {
	now := stamps(c.certFile, c.keyFile)
	if now == c.seen {
		return
	}

	c.seen = now
	pair, err := readPair(c.certFile, c.keyFile)
	if err == nil && time.Now().After(pair.Leaf.NotAfter) {
		err = fmt.Errorf("%s has expired", c.certFile)
	}

	if err != nil {
		c.log.Warn("the certificate was not renewed, the one before stays in use", slog.Any("err", err))
		return
	}

	c.current = pair
	c.log.Info("the certificate was renewed", slog.String("file", c.certFile), slog.Time("not_after", pair.Leaf.NotAfter))
}

func stamps(files ...string) (all [2]stamp) {
	for i, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		all[i] = stamp{modified: info.ModTime(), size: info.Size()}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			all[i].inode = s.Ino
		}
	}
	return all
}

// readPair reads a certificate and its key. A key that everybody can read is
// refused; a group may, for several servers on a machine often share one.
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
		return nil, fmt.Errorf("--tls-key: %s has mode %04o, so everybody has access: run chmod o-rwx %s", keyFile, mode, quote(keyFile))
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

// maxPEM is far above any chain.
const maxPEM = 1 << 20

// readPEM reads an ordinary file. Without O_NONBLOCK a named pipe in its place
// would hold every handshake.
func readPEM(name string) (text []byte, mode os.FileMode, err error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no ordinary file", name)
	}

	text, err = io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = errors.New(name + " is too large to be a certificate or a key")
	}

	return text, info.Mode().Perm(), err
}
