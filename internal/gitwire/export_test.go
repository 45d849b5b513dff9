package gitwire

import "github.com/lockstephq/lockstep/internal/gitwire/object"

// Rename returns a snapshot the id of another commit.
func Rename(s *Snapshot, commit object.ID) *Snapshot {
	renamed := *s
	renamed.commit = commit
	return &renamed
}
