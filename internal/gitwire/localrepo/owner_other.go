//go:build !unix

package gitwire

import (
	"os"
	"os/exec"
)

const readNonblock = os.O_RDONLY

// checkOwner leaves the decision to git, which knows the system's owners.
func checkOwner(string) error { return nil }

// killGroup does nothing: only the process itself is killed.
func killGroup(*exec.Cmd) {}

// isNotFolder returns false: the error is that of a missing file.
func isNotFolder(error) bool { return false }
