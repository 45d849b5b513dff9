package api

import (
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// newTags checks what the shapes cannot say of tags: AWS keeps the keys that
// begin with aws: to itself, and a key is given once.
func newTags(in []wire.Tag) ([]lockstep.Tag, error) {
	seen := map[string]bool{}
	var tags []lockstep.Tag
	for _, t := range in {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, lockstep.Errorf(lockstep.Invalid, "Tag keys must not begin with aws: as %q does.", t.Key)
		}
		if seen[t.Key] {
			return nil, lockstep.Errorf(lockstep.Invalid, "Tag key %q is given twice.", t.Key)
		}
		seen[t.Key] = true
		tags = append(tags, lockstep.Tag{Key: t.Key, Value: t.Value})
	}
	return tags, nil
}
