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

// readNonblock opens files for reading; a pipe in the place of a file is not
// waited for.
const readNonblock = os.O_RDONLY | syscall.O_NONBLOCK

// checkOwner refuses what belongs to another user, as git does: whoever owns a
// repository decides by its configuration what git does there. It is checked
// here and not left to git so that refs are not read either, and so that the
// error can be told apart.
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

// killGroup makes the end of a command's context the end of its children too.
func killGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

// isNotFolder says that a path leads through a file.
func isNotFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
