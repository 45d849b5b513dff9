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

// maxFile bounds the size of a key file, in bytes. A keyset is far smaller.
const maxFile = 1 << 20

// A FileError describes a problem with a key file and how to fix it. It contains
// the path and no secrets.
type FileError struct {
	Path   string
	Reason string
	// Err is the cause, if any, such as fs.ErrNotExist or fs.ErrExist.
	Err error
}

// Error returns the file and the reason.
func (e *FileError) Error() string { return fmt.Sprintf("seal key file %s: %s", e.Path, e.Reason) }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Create generates a key and writes it to path with mode 0600, atomically. If path
// exists, even as a dangling symbolic link, it is not changed and the error is
// fs.ErrExist.
func Create(path string) (*Key, error) { return create(path, plainFormat{}) }

// A fileFormat is the format of a key in a file. Its errors are FileErrors without
// the path.
type fileFormat interface {
	encode(k *Key) ([]byte, error)
	decode(text []byte) (*Key, error)
}

// plainFormat is the format of a key that is not encrypted.
type plainFormat struct{}

func (plainFormat) encode(k *Key) ([]byte, error) { return k.encode() }

func (plainFormat) decode(text []byte) (*Key, error) {
	key, err := decode(text)
	if err != nil && encrypted(text) {
		return nil, &FileError{
			Reason: "is encrypted under a key of AWS KMS, which must be named: --seal-key-kms",
			Err:    err,
		}
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
			return nil, &FileError{Path: path, Reason: "already exists; a key is never overwritten", Err: err}
		}
		return nil, &FileError{Path: path, Reason: err.Error(), Err: err}
	}

	return key, nil
}

// at sets the path of a FileError.
func at(path string, err error) error {
	if e, ok := errors.AsType[*FileError](err); ok {
		return &FileError{Path: path, Reason: e.Reason, Err: e.Err}
	}
	return err
}

// writeNew creates path with its content in one step. A link, unlike a rename,
// never replaces an existing file.
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

// syncDir makes a new file name survive a power failure. A lost key would make
// everything sealed with it useless.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Open reads the key at path. It returns a FileError for a file that other users
// than its owner can access, that belongs to neither the current user nor root, or
// that is not a regular file. Symbolic links are followed, because secrets are
// mounted that way; the checks apply to the opened file, so exchanging the link
// has no effect.
func Open(path string) (*Key, error) { return open(path, plainFormat{}) }

func open(path string, format fileFormat) (*Key, error) {
	text, err := readSafe(path)
	if err != nil {
		return nil, err
	}
	k, err := format.decode(text)
	return k, at(path, err)
}

// readSafe reads a file that only its owner can access.
func readSafe(path string) ([]byte, error) {
	// Without O_NONBLOCK, opening a named pipe would block.
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

// checkFile returns the reason why a file must not be used, or "".
func checkFile(path string, info fs.FileInfo) string {
	if !info.Mode().IsRegular() {
		return fmt.Sprintf("is not a regular file (%s)", info.Mode())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Sprintf("has mode %04o, so other users have access: run chmod 600 %s", mode, path)
	}

	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d, who could read what is sealed with it: run chown %d %s",
			owner.Uid, os.Geteuid(), path)
	}

	return ""
}

// OpenOrCreate opens the key at path, or creates it if there is no file. If two
// processes do so at once, both get the same key.
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
