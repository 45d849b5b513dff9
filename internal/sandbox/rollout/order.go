package rollout

import "slices"

// Ordered returns the resources each after those it depends on, as far as they
// are there. What a half-finished update has left in a circle comes last.
func Ordered(all []Resource) []Resource {
	waits := map[string]bool{}
	for _, r := range all {
		waits[r.LogicalID] = true
	}

	var out []Resource
	rest := slices.Clone(all)
	for len(rest) > 0 {
		var later []Resource
		for _, r := range rest {
			if slices.ContainsFunc(r.DependsOn, func(id string) bool { return waits[id] && id != r.LogicalID }) {
				later = append(later, r)
				continue
			}

			out = append(out, r)
			delete(waits, r.LogicalID)
		}

		if len(later) == len(rest) {
			return append(out, later...)
		}

		rest = later
	}

	return out
}
