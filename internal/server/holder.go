package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// holder says who listens on an address, as well as can be told: another
// Lockstep by its answer, another program by what Linux knows of its sockets.
func holder(addr string) string {
	who := "another program"
	if pid, name := listenerOf(addr); pid != "" {
		who = fmt.Sprintf("%s (process %s)", name, pid)
	}
	for _, scheme := range []string{"http://", "https://"} {
		if answersAsLockstep(scheme + addr) {
			return "another Lockstep: " + who
		}
	}
	return who
}

// answersAsLockstep asks who is there. No certificate is checked: nothing is
// sent, and no more is believed of the answer than a name for a message.
func answersAsLockstep(url string) bool {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := client.Get(url + "/livez")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return strings.HasPrefix(resp.Header.Get("Server"), serverName)
}

// listenerOf gives the process that listens on a port, "" where the system does
// not tell.
func listenerOf(addr string) (pid, name string) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", ""
	}

	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", ""
	}

	inodes := listeningInodes(n)
	if len(inodes) == 0 {
		return "", ""
	}

	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		link, err := os.Readlink(fd)
		if err != nil || !inodes[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] {
			continue
		}

		pid := strings.Split(fd, "/")[2]
		comm, _ := os.ReadFile("/proc/" + pid + "/comm")
		return pid, strings.TrimSpace(string(comm))
	}

	return "", ""
}

// listeningInodes reads which sockets listen on a port from the tables that
// proc(5) describes: the second field is the local address, the fourth the
// state, the tenth the inode.
func listeningInodes(port uint64) map[string]bool {
	const listening = "0A"
	inodes := map[string]bool{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}

		for s := bufio.NewScanner(f); s.Scan(); {
			fields := strings.Fields(s.Text())
			if len(fields) < 10 || fields[3] != listening {
				continue
			}

			if _, hex, _ := strings.Cut(fields[1], ":"); hex == fmt.Sprintf("%04X", port) {
				inodes[fields[9]] = true
			}
		}

		f.Close()
	}

	return inodes
}
