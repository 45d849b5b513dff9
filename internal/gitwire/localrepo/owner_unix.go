//go:build unix

package localrepo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// readNonblock opens files for reading, without waiting for a pipe.
const readNonblock = os.O_RDONLY | syscall.O_NONBLOCK

// checkOwner refuses files of another user, as git does: the owner of a repository decides by
// its configuration what git does there. It is checked here so that refs are not read either,
// and so that the error is classified.
func checkOwner(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if self := os.Geteuid(); ok && int(stat.Uid) != self {
		return fmt.Errorf("%w: %s is owned by user %d and this process runs as user %d; run it as the owner, "+
			"change the owner, or allow repositories of other users", giterr.ErrOwner, path, stat.Uid, self)
	}
	return nil
}

// killGroup kills a command's children too when its context ends.
func killGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

// isNotFolder reports whether a path leads through a file.
func isNotFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
