package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Lock is the exclusive right of a process to open an SQLite database.
type Lock struct{ file *os.File }

// LockDatabase locks the SQLite database at path for this process, with a lock file next to it that
// holds the process id. Every command that opens a database for itself alone takes the lock. The
// error of a locked database names the process; it calls the database subject. The kernel releases
// the lock when the process ends. Symbolic links to a database share its lock.
func LockDatabase(path, subject string) (*Lock, error) {
	resolved, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		resolved = path
	case err != nil:
		return nil, err
	}

	name := resolved + ".lock"
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}

	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()

		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, err
		}

		owner, _ := os.ReadFile(name)
		if pid := strings.TrimSpace(string(owner)); pid != "" {
			return nil, fmt.Errorf("%s is in use by the lockstep process %s", subject, pid)
		}
		return nil, fmt.Errorf("%s is in use by another lockstep process", subject)
	}

	if err = file.Truncate(0); err == nil {
		_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
	}

	return &Lock{file}, err
}

// Unlock releases the lock for every copy of its file descriptor: a child process has one until it
// executes its program.
func (l *Lock) Unlock() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}
