package server

import (
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
