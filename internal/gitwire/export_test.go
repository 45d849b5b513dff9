package gitwire

// Rename gives a snapshot the id of another commit.
func Rename(s *Snapshot, commit ID) *Snapshot {
	renamed := *s
	renamed.commit = commit
	return &renamed
}
