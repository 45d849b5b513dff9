//go:build unix

package dbtest

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// watcher starts a server in folder $2 with the binaries of $1, prints "ready",
// waits for the end of its standard input, and deletes the server and the folder.
// It is a shell script so that nothing has to be built, and has its own session so
// that an interrupt at the terminal does not reach it.
const watcher = `
bin=$1 dir=$2
trap '"$bin/pg_ctl" -D "$dir/data" -m immediate stop; cd /; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cd "$dir" || exit 1
"$bin/initdb" -D data -U postgres -A trust -E UTF8 --no-locale --no-sync --no-instructions || exit 1
cat >> data/postgresql.conf <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_connections = 300
shared_buffers = 128MB
autovacuum_naptime = 10s
CONF
"$bin/pg_ctl" -D data -w -s -l log start || { cat log; exit 1; }
echo ready >&3
exec 3>&-
read -r _
`

// start starts a server. It leaves no goroutine behind, so that it can be called
// within a bubble, and no process or folder after this process has ended.
func start() (*postgres, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}

	dir, err := os.MkdirTemp(home(), "lspg")
	if err != nil {
		return nil, err
	}

	attr, err := unprivileged(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}

	lifeline, err := watch(bin, dir, attr)
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}

	return &postgres{
		url:       "postgres:///postgres?" + url.Values{"host": {dir}, "user": {"postgres"}}.Encode(),
		templates: map[string]string{},
		lifeline:  lifeline,
	}, nil
}

// home is the folder of databases: in memory if there is a gigabyte free, because
// a PostgreSQL database has three hundred files and takes ten times as long to
// create on a disk. It is not os.TempDir, because the path of a Unix socket is
// limited to about 100 bytes.
func home() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err == nil && fs.Bavail*uint64(fs.Bsize) >= 1<<30 {
		return "/dev/shm"
	}
	return "/tmp"
}

// watch starts the watcher and waits until its server is ready. It returns the
// writing end of the watcher's standard input. Nothing is written to it; closing
// it, by the kernel at the latest, ends the watcher.
func watch(bin, dir string, attr *syscall.SysProcAttr) (lifeline *os.File, err error) {
	file, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	defer func() {
		if err != nil {
			lifeline.Close()
		}
	}()

	ready, said, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	defer said.Close()

	out, err := os.Create(filepath.Join(dir, "watcher.log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()

	cmd := exec.Command("/bin/sh", "-c", watcher, "sh", bin, dir)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}

	// Files, not buffers: exec would start goroutines that copy.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, out, out
	cmd.ExtraFiles = []*os.File{said}
	cmd.SysProcAttr = attr

	if err := cmd.Start(); err != nil {
		return nil, err
	}

	said.Close()
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		text, _ := io.ReadAll(io.NewSectionReader(out, 0, 1<<16))
		return nil, fmt.Errorf("no server: %s", strings.TrimSpace(string(text)))
	}

	return lifeline, nil
}

// binaries returns the folder of initdb, pg_ctl and postgres: that of PATH, or the
// newest of Debian's versions.
func binaries() (string, error) {
	var candidates []string
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			candidates = append(candidates, filepath.Dir(p))
		}
	}

	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}

	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(candidates, debian...) {
		complete := true
		for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
			_, err := os.Stat(filepath.Join(dir, name))
			complete = complete && err == nil
		}

		if complete {
			return dir, nil
		}
	}

	return "", errMissing
}

// unprivileged returns the user that the server runs as, because PostgreSQL
// refuses to run as root. The folder is given to that user.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}

	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}

	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}

	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}

	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}
