package seal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/lockstephq/lockstep/internal/seal"
)

func newFile(t *testing.T) (string, *seal.Key) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seal.key")
	key, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, key
}

// wantFileError fails unless err is a FileError that names path and every word.
func wantFileError(t *testing.T, err error, path string, words ...string) {
	t.Helper()
	fileErr, ok := errors.AsType[*seal.FileError](err)
	if !ok {
		t.Fatalf("got %v, want a FileError", err)
	}
	for _, word := range append(words, path) {
		if !strings.Contains(fileErr.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func TestKeyFileOpensWhatItsKeySealed(t *testing.T) {
	path, created := newFile(t)
	box := mustSeal(t, created, "hunter2", "a")
	opened, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := opened.Open(box, []byte("a"))
	if err != nil || string(text) != "hunter2" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestCreateWritesForItsOwnerAlone(t *testing.T) {
	old := syscall.Umask(0)
	path, _ := newFile(t)
	syscall.Umask(old)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}

	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}

	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside the key: %v, %v", entries, err)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path, _ := newFile(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	_, err = seal.Create(path)
	wantFileError(t, err, path, "never overwritten")
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}

	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the key file was changed")
	}
}

func TestCreateDoesNotWriteThroughALink(t *testing.T) {
	dir := t.TempDir()
	path, elsewhere := filepath.Join(dir, "seal.key"), filepath.Join(dir, "elsewhere")
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenOrCreate(path); err == nil {
		t.Error("a key was made at the other end of a dangling link")
	}
	if _, err := os.Lstat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link's other end: %v, want it absent", err)
	}
}

func TestCreateLeavesNothingWhereItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "seal.key")
	_, err := seal.Create(path)
	wantFileError(t, err, path, "no such file or directory")
}

func TestOpenRefusesWhatOthersCanReach(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o644, 0o660, 0o602, 0o601} {
		path, _ := newFile(t)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func(string) (*seal.Key, error){seal.Open, seal.OpenOrCreate} {
			_, err := open(path)
			wantFileError(t, err, path, fmt.Sprintf("mode %04o", mode), "chmod 600")
		}
	}
}

func TestOpenRefusesAStrangersFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path, _ := newFile(t)
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Skipf("chown: %v", err)
	}
	_, err := seal.Open(path)
	wantFileError(t, err, path, "12345", "chown")
}

func TestOpenFollowsALinkToASafeFileOnly(t *testing.T) {
	path, _ := newFile(t)
	link := filepath.Join(t.TempDir(), "mounted")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}

	if _, err := seal.Open(link); err != nil {
		t.Errorf("a link to a safe file: %v", err)
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}

	_, err := seal.Open(link)
	wantFileError(t, err, link, "0644")
}

func TestOpenRefusesWhatIsNotARegularFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, "/dev/null"} {
		_, err := seal.Open(path)
		wantFileError(t, err, path, "not a regular file")
	}
}

func TestOpenRefusesAFileThatHoldsNoKey(t *testing.T) {
	path, _ := newFile(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	for name, text := range map[string]string{
		"empty": "", "not JSON": "hunter2", "no keys": "{}", "null": "null", "cut short": string(good[:len(good)/2]),
		"unknown key type": strings.Replace(string(good), "XChaCha20Poly1305Key", "NoSuchKey", 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		_, err := seal.Open(path)
		if err == nil {
			t.Errorf("%s: opened", name)
			continue
		}

		wantFileError(t, err, path, "no Tink AEAD keyset")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the content: %v", name, err)
		}
	}
}

func TestOpenOfNothingSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	_, err := seal.Open(path)
	wantFileError(t, err, path, "does not exist")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestOpenOrCreateAtOnceGivesEveryoneTheSameKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	keys := make([]*seal.Key, 16)
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			key, err := seal.OpenOrCreate(path)
			if err != nil {
				t.Errorf("start %d: %v", i, err)
			}

			keys[i] = key
		})
	}

	group.Wait()
	if t.Failed() {
		return
	}

	box := mustSeal(t, keys[0], "hunter2", "a")
	for i, key := range keys {
		if _, err := key.Open(box, []byte("a")); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}
