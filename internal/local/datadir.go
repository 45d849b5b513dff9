package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/server"
)

// databaseFile is the SQLite database of a data directory.
const databaseFile = "lockstep.db"

// A dataDir is the folder in which `lockstep up` keeps everything.
type dataDir struct {
	path string
	lock *server.Lock
}

// DefaultDataDir returns the data directory of `lockstep up` by default: lockstep below the user's
// data folder, as the XDG Base Directory Specification has it.
func DefaultDataDir(getenv func(string) string) (string, error) {
	if base := getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "lockstep"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "lockstep"), nil
	}
	return "", errors.New("neither XDG_DATA_HOME nor HOME is set; name a folder with --data")
}

// openDataDir creates the folder if it is missing and locks it for this process.
func openDataDir(path string) (*dataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}

	if err := checkOwner(path); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}

	lock, err := server.LockDatabase(filepath.Join(path, databaseFile), path)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another folder with --data", err)
	}

	return &dataDir{path: path, lock: lock}, nil
}

// checkOwner refuses a folder that another user owns or can write to: its content decides who may
// call the server and where AWS's tools connect to.
func checkOwner(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}

	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d; choose a folder of your own", path, stat.Uid)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf(
			"every user can write to %s; run chmod o-w %s or choose another folder",
			path,
			lockstep.ShellQuote(path),
		)
	}

	return nil
}

func (d *dataDir) close() error { return d.lock.Unlock() }

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// writeProfiles writes the two AWS configuration files with which the AWS CLI and every SDK call the
// server at url, and its sandbox if it has one.
func (d *dataDir) writeProfiles(key identity.AccessKey, region, url string, hasSandbox bool) error {
	credentials := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		key.AccessKeyID, key.Secret.Reveal())

	var config strings.Builder
	fmt.Fprintf(&config, "[default]\nregion = %s\nservices = lockstep\n\n[services lockstep]\n", region)
	for _, service := range []string{"codeconnections", "codestar_connections", "lockstep", "sts"} {
		fmt.Fprintf(&config, "%s =\n  endpoint_url = %s\n", service, url)
	}
	if hasSandbox {
		fmt.Fprintf(&config, "cloudformation =\n  endpoint_url = %s/sandbox\n", url)
	}

	if err := replaceFile(d.file("credentials"), credentials); err != nil {
		return err
	}
	return replaceFile(d.file("config"), config.String())
}

// replaceFile writes a file atomically, readable by its owner only.
func replaceFile(name, text string) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())

	if _, err = file.WriteString(text); err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}

	return os.Rename(file.Name(), name)
}
