package object

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// An ID is the SHA-1 ID of an object. The zero ID stands for none.
type ID [20]byte

// ParseID parses 40 lower-case hexadecimal digits.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) == 64 {
		return id, giterr.ErrSHA256
	}
	if len(text) != 2*len(id) || strings.ToLower(text) != text {
		return id, fmt.Errorf("%w: bad object id %s", giterr.ErrProtocol, giterr.Quote([]byte(text)))
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return ID{}, fmt.Errorf("%w: bad object id %s", giterr.ErrProtocol, giterr.Quote([]byte(text)))
	}
	return id, nil
}

// String returns 40 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id stands for none.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders ids by their bytes.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// maxRef is the length of the longest ref name: that of a path on most file systems, and less
// than a packet.
const maxRef = 1024

// ValidRef reports whether name is a full ref name that is safe to request: below refs/, and
// valid by git check-ref-format --branch. No such name leads out of a folder, and no branch
// begins with a dash.
func ValidRef(name string) bool {
	if !strings.HasPrefix(name, "refs/") || len(name) > maxRef ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") {
		return false
	}

	parts := strings.Split(name, "/")
	for _, part := range parts {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}

	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return false
		}
	}

	return len(parts) > 2 && parts[2][0] != '-'
}
