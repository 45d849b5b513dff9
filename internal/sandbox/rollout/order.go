package rollout

import "slices"

// Ordered returns the resources each after those it depends on, as far as they
// are there. What a half-finished update has left in a circle comes last.
func Ordered(all []Resource) []Resource {
	waits := map[string]bool{}
	for _, resource := range all {
		waits[resource.LogicalID] = true
	}

	var out []Resource
	rest := slices.Clone(all)
	for len(rest) > 0 {
		var later []Resource
		for _, resource := range rest {
			if slices.ContainsFunc(resource.DependsOn, func(id string) bool { return waits[id] && id != resource.LogicalID }) {
				later = append(later, resource)
				continue
			}

			out = append(out, resource)
			delete(waits, resource.LogicalID)
		}

		if len(later) == len(rest) {
			return append(out, later...)
		}

		rest = later
	}

	return out
}
