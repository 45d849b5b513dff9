package rollout

import "slices"

// SortByDependencies returns the resources, each after those it depends on. Resources
// on a cycle, which an interrupted update can leave, come last.
func SortByDependencies(all []Resource) []Resource {
	waits := map[string]bool{}
	for _, resource := range all {
		waits[resource.LogicalID] = true
	}

	var out []Resource
	rest := slices.Clone(all)
	for len(rest) > 0 {
		var later []Resource
		for _, resource := range rest {
			isWaiting := func(id string) bool { return waits[id] && id != resource.LogicalID }
			if slices.ContainsFunc(resource.DependsOn, isWaiting) {
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
