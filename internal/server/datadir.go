package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A dataDir is the folder in which `up` keeps everything.
type dataDir struct {
	path string
	lock *os.File
}

// DefaultDataDir gives the folder that `up` uses when none is named: lockstep
// below the user's data folder, by the XDG rules.
func DefaultDataDir(getenv func(string) string) (string, error) {
	if base := getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "lockstep"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "lockstep"), nil
	}
	return "", errors.New("neither XDG_DATA_HOME nor HOME is set; name a folder with --data")
}

// openDataDir makes the folder if it is missing and locks it for this process.
func openDataDir(path string) (*dataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}

	if err := ours(path); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}

	lock, err := lockDatabase(filepath.Join(path, databaseFile), path)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another folder with --data", err)
	}

	return &dataDir{path: path, lock: lock}, nil
}

// ours refuses a folder that somebody else put there, or can put files into:
// what lies in it decides who may call and where AWS's tools go.
func ours(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}

	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d; choose a folder of your own", path, owner.Uid)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everybody can write to %s; run chmod o-w %s or choose another folder", path, quote(path))
	}

	return nil
}

// databaseFile is the data directory's SQLite database.
const databaseFile = "lockstep.db"

// lockDatabase locks an SQLite database for this process, by a file beside it
// that says who did: each command that opens one for itself alone takes this
// lock. The error of a locked one says that what is in use, and by whom. The
// kernel takes the lock back when the process ends, however it does.
func lockDatabase(path, what string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}

	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()

		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, err
		}

		who, _ := os.ReadFile(name)
		if pid := strings.TrimSpace(string(who)); pid != "" {
			return nil, fmt.Errorf("%s is in use by the lockstep process %s", what, pid)
		}

		return nil, fmt.Errorf("%s is in use by another lockstep process", what)
	}

	if err = f.Truncate(0); err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}

	return f, err
}

// unlock lets go of a lock for every copy of its file: a process that is being
// started has one until it executes its program.
func unlock(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
}

func (d *dataDir) close() error { return unlock(d.lock) }

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// writeProfiles writes the two AWS files that make the AWS CLI and every SDK
// talk to this server with nothing else set; with the sandbox, that one too.
func (d *dataDir) writeProfiles(k accessKey, region, url string, sandbox bool) error {
	credentials := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", k.id, k.secret)
	config := fmt.Sprintf("[default]\nregion = %s\nservices = lockstep\n\n[services lockstep]\n", region)
	services := [][2]string{{"codeconnections", url}, {"codestar_connections", url}, {"lockstep", url}, {"sts", url}}
	if sandbox {
		services = append(services, [2]string{"cloudformation", url + "/sandbox"})
	}

	for _, s := range services {
		config += fmt.Sprintf("%s =\n  endpoint_url = %s\n", s[0], s[1])
	}

	if err := replaceFile(d.file("credentials"), credentials); err != nil {
		return err
	}

	return replaceFile(d.file("config"), config)
}

// replaceFile writes a file as a whole or not at all, for its owner only.
func replaceFile(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())

	if _, err = f.WriteString(text); err == nil {
		err = f.Sync()
	}

	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}

	return os.Rename(f.Name(), name)
}
