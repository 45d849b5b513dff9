package httpserver

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

// portOwner describes the program that listens on an address: another Lockstep by its answer,
// another program by what Linux reports about its sockets.
func portOwner(addr string) string {
	owner := "another program"
	if pid, name := listeningProcess(addr); pid != "" {
		owner = fmt.Sprintf("%s (process %s)", name, pid)
	}

	for _, scheme := range []string{"http://", "https://"} {
		if answersAsLockstep(scheme + addr) {
			return "another Lockstep: " + owner
		}
	}

	return owner
}

// answersAsLockstep reports whether a Lockstep serves url. It checks no certificate: it sends
// nothing secret, and the answer serves a message only.
func answersAsLockstep(url string) bool {
	client := http.Client{
		Timeout: time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		},
	}

	resp, err := client.Get(url + "/livez")
	if err != nil {
		return false
	}
	defer resp.Body.Close()

	return strings.HasPrefix(resp.Header.Get("Server"), serverName)
}

// listeningProcess returns the process that listens on a port, or "" if the system does not show it.
func listeningProcess(addr string) (pid, name string) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", ""
	}

	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", ""
	}

	inodes := listeningInodes(number)
	if len(inodes) == 0 {
		return "", ""
	}

	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		link, err := os.Readlink(descriptor)
		if err != nil || !inodes[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] {
			continue
		}

		pid := strings.Split(descriptor, "/")[2]
		command, _ := os.ReadFile("/proc/" + pid + "/comm")
		return pid, strings.TrimSpace(string(command))
	}

	return "", ""
}

// listeningInodes returns the inodes of the sockets that listen on a port. It reads the tables
// described in proc(5): the second field is the local address, the fourth the state, the tenth the
// inode.
func listeningInodes(port uint64) map[string]bool {
	const listening = "0A"
	inodes := map[string]bool{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.Open(name)
		if err != nil {
			continue
		}

		for scanner := bufio.NewScanner(table); scanner.Scan(); {
			fields := strings.Fields(scanner.Text())
			if len(fields) < 10 || fields[3] != listening {
				continue
			}

			if _, hex, _ := strings.Cut(fields[1], ":"); hex == fmt.Sprintf("%04X", port) {
				inodes[fields[9]] = true
			}
		}

		table.Close()
	}

	return inodes
}
