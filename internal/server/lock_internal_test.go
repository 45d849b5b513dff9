package server

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestALockEndsAlthoughAStartingProcessHasACopy(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lockstep.db")
	lock, err := LockDatabase(name, name)
	if err != nil {
		t.Fatal(err)
	}

	duplicate, err := syscall.Dup(int(lock.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(duplicate)

	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}

	again, err := LockDatabase(name, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestSymbolicLinksToADatabaseShareItsLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lockstep.db")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}

	lock, err := LockDatabase(name, name)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()

	if second, err := LockDatabase(link, link); err == nil {
		second.Unlock()
		t.Error("the database is locked twice")
	}
}
