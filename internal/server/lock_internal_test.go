package server

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestALockEndsAlthoughAProcessThatIsBeingStartedHasACopy(t *testing.T) {
	name := filepath.Join(t.TempDir(), "l.db")
	lock, err := lockDatabase(name, name)
	if err != nil {
		t.Fatal(err)
	}

	duplicate, err := syscall.Dup(int(lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}

	defer syscall.Close(duplicate)

	if err := unlock(lock); err != nil {
		t.Fatal(err)
	}

	again, err := lockDatabase(name, name)
	if err != nil {
		t.Fatal(err)
	}

	if err := unlock(again); err != nil {
		t.Fatal(err)
	}
}
