package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxFile is far above any keyset that a person would keep in one file.
const maxFile = 1 << 20

// A FileError says what is wrong with a key file and what would mend it. Its
// text names the path and holds nothing secret.
type FileError struct {
	Path   string
	Reason string
	// Err is the cause where the system gave one: errors.Is finds
	// fs.ErrNotExist and fs.ErrExist through it.
	Err error
}

// Error names the file, then the reason.
func (e *FileError) Error() string { return fmt.Sprintf("seal key file %s: %s", e.Path, e.Reason) }

// Unwrap gives the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Create makes a new key and writes it to path with mode 0600, whole or not at
// all. Whatever is at path already, a dangling symbolic link included, stays
// as it is and makes it fail with fs.ErrExist.
func Create(path string) (*Key, error) { return create(path, plainFormat{}) }

// A form is how a file holds a key. Its errors are FileErrors that lack the
// path.
type fileFormat interface {
	encode(k *Key) ([]byte, error)
	decode(text []byte) (*Key, error)
}

// plainFormat is the form in which the file is the key.
type plainFormat struct{}

func (plainFormat) encode(k *Key) ([]byte, error) { return k.encode() }

func (plainFormat) decode(text []byte) (*Key, error) {
	key, err := decode(text)
	if err != nil && encrypted(text) {
		return nil, &FileError{Reason: "is encrypted under a key of AWS KMS, which must be named: --seal-key-kms", Err: err}
	}
	if err != nil {
		return nil, &FileError{Reason: reasonNoKeyset, Err: err}
	}
	return key, nil
}

func create(path string, format fileFormat) (*Key, error) {
	key, err := Generate()
	if err != nil {
		return nil, err
	}

	text, err := format.encode(key)
	if err != nil {
		return nil, at(path, err)
	}

	if err := writeNew(path, text); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, &FileError{Path: path, Reason: "already exists, and a key is never overwritten", Err: err}
		}
		return nil, &FileError{Path: path, Reason: err.Error(), Err: err}
	}

	return key, nil
}

// at tells a FileError its path.
func at(path string, err error) error {
	if e, ok := errors.AsType[*FileError](err); ok {
		return &FileError{Path: path, Reason: e.Reason, Err: e.Err}
	}
	return err
}

// writeNew gives path its content in one step: a link, unlike a rename, never
// replaces what is there.
func writeNew(path string, text []byte) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".seal-*") // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())

	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil {
		return err
	}

	return syncDir(dir)
}

// syncDir makes the new name survive a power cut. What is sealed with a key
// that was lost would be lost with it.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Open reads the key at path. It refuses, with a FileError that says how to
// mend it, a file that others than its owner can read or write, that belongs
// to neither us nor root, or that is no ordinary file. A symbolic link is
// followed, since secrets are mounted that way; what is checked is the file
// that was opened, so that exchanging the link in between gains nothing.
func Open(path string) (*Key, error) { return open(path, plainFormat{}) }

func open(path string, format fileFormat) (*Key, error) {
	text, err := readSafe(path)
	if err != nil {
		return nil, err
	}
	k, err := format.decode(text)
	return k, at(path, err)
}

// readSafe reads a file that nobody but its owner can reach.
func readSafe(path string) ([]byte, error) {
	// Without O_NONBLOCK, a named pipe at path would hold us for ever.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &FileError{Path: path, Reason: "does not exist", Err: err}
	}
	if err != nil {
		return nil, &FileError{Path: path, Reason: err.Error(), Err: err}
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil, &FileError{Path: path, Reason: err.Error(), Err: err}
	}
	if reason := checkFile(path, info); reason != "" {
		return nil, &FileError{Path: path, Reason: reason}
	}

	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, &FileError{Path: path, Reason: err.Error(), Err: err}
	}

	return text, nil
}

func checkFile(path string, info fs.FileInfo) string {
	if !info.Mode().IsRegular() {
		return fmt.Sprintf("is no ordinary file (%s)", info.Mode())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Sprintf("has mode %04o, so others than its owner have access: run chmod 600 %s", mode, path)
	}

	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d, who could read what is sealed with it: run chown %d %s",
			owner.Uid, os.Geteuid(), path)
	}

	return ""
}

// OpenOrCreate opens the key at path, or makes it where nothing is there. Of
// two processes that start at once one makes the key and both use it.
func OpenOrCreate(path string) (*Key, error) { return openOrCreate(path, plainFormat{}) }

func openOrCreate(path string, format fileFormat) (*Key, error) {
	key, err := open(path, format)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, err = create(path, format)
	if errors.Is(err, fs.ErrExist) {
		return open(path, format)
	}
	return key, err
}
