package manifest

import (
	"fmt"
	"strings"
)

// A Verb is what a step does.
type Verb string

// The verbs.
const (
	Create Verb = "create"
	Change Verb = "change"
	Delete Verb = "delete"
)

// A Step is one change of the server.
type Step struct {
	Verb Verb
	Kind Kind
	// Details describe a change, as in "branch main → prod".
	Details []string
	// Want is the resource of the file, nil in a deletion. Have is that of the
	// server, nil in a creation.
	Want, Have Resource
}

// ID returns the ID of the resource.
func (s Step) ID() string {
	if s.Want == nil {
		return s.Have.ID()
	}
	return s.Want.ID()
}

// Plan compares a file with the existing resources, and returns the steps that make
// the resources match the file, in an order in which they can be applied. Its error
// is a *FileError with what cannot be done.
func Plan(file File, existing Resources, prune bool) ([]Step, error) {
	p := &planner{file: file, existing: existing}
	planChanges(p, HostKind, file.Hosts, existing.Hosts, p.hostChanges)
	planChanges(p, ConnectionKind, file.Connections, existing.Connections, p.connectionChanges)
	planChanges(p, LinkKind, file.Links, existing.Links, p.linkChanges)
	planChanges(p, ConfigurationKind, file.Configurations, existing.Configurations, p.configurationChanges)
	p.checkReferences()

	if prune {
		planDeletions(p, ConfigurationKind, file.Configurations, existing.Configurations)
		planDeletions(p, LinkKind, file.Links, existing.Links)
		planDeletions(p, ConnectionKind, file.Connections, existing.Connections)
		planDeletions(p, HostKind, file.Hosts, existing.Hosts)
		p.checkDeletions()
	}

	planChanges(p, RoleKind, file.Roles, existing.Roles, p.roleChanges)
	planChanges(p, PolicyKind, file.Policies, existing.Policies, p.policyChanges)
	if prune {
		planDeletions(p, PolicyKind, file.Policies, existing.Policies)
		planDeletions(p, RoleKind, file.Roles, existing.Roles)
	}

	if len(p.problems) > 0 {
		return nil, &FileError{file.Name, p.problems}
	}

	return p.steps, nil
}

type planner struct {
	file     File
	existing Resources
	steps    []Step
	problems []Problem
}

func (p *planner) problem(at Position, format string, args ...any) {
	p.problems = append(p.problems, Problem{at, fmt.Sprintf(format, args...)})
}

// planChanges plans creations and changes. compare returns how two resources
// differ, and reports what cannot be changed by p.problem.
func planChanges[T Resource](p *planner, kind Kind, want, have []T, compare func(want, have T) []string) {
	existing := byID(have)

	for _, resource := range want {
		switch found := existing[resource.ID()]; len(found) {
		case 0:
			p.steps = append(p.steps, Step{Verb: Create, Kind: kind, Want: resource})
		case 1:
			if details := compare(resource, found[0]); len(details) > 0 {
				p.steps = append(p.steps, Step{
					Verb:    Change,
					Kind:    kind,
					Details: details,
					Want:    resource,
					Have:    found[0],
				})
			}
		default:
			p.ambiguous(resource.source(), kind, resource.ID(), addresses(found))
		}
	}
}

func byID[T Resource](resources []T) map[string][]T {
	found := map[string][]T{}
	for _, resource := range resources {
		found[resource.ID()] = append(found[resource.ID()], resource)
	}
	return found
}

// ids returns the set of the resources' IDs.
func ids[T Resource](resources []T) map[string]bool {
	set := map[string]bool{}
	for _, resource := range resources {
		set[resource.ID()] = true
	}
	return set
}

func addresses[T Resource](resources []T) []string {
	var all []string
	for _, resource := range resources {
		all = append(all, resource.address())
	}
	return all
}

func (p *planner) ambiguous(at Position, kind Kind, id string, found []string) {
	p.problem(at, "the server has %d %ss named %s: %s. Delete all but one",
		len(found), kind, quote(id), strings.Join(found, ", "))
}

// planDeletions plans the deletion of resources that a list of the file does not
// have. It plans none if the file does not have the list.
func planDeletions[T Resource](p *planner, kind Kind, want, have []T) {
	if !p.file.Lists[kind] {
		return
	}

	wanted := ids(want)
	for _, resource := range have {
		if !wanted[resource.ID()] {
			p.steps = append(p.steps, Step{Verb: Delete, Kind: kind, Have: resource})
		}
	}
}

// checkReferences checks that the server has what the file refers to, for the kinds
// that the file has no list of.
func (p *planner) checkReferences() {
	if !p.file.Lists[HostKind] {
		hosts := byID(p.existing.Hosts)
		for _, connection := range p.file.Connections {
			if connection.Host != "" {
				p.checkReference(connection, ConnectionKind, HostKind, connection.Host,
					addresses(hosts[connection.Host]))
			}
		}
	}

	if !p.file.Lists[ConnectionKind] {
		connections := byID(p.existing.Connections)
		for _, link := range p.file.Links {
			p.checkReference(link, LinkKind, ConnectionKind, link.Connection, addresses(connections[link.Connection]))
		}
	}

	if !p.file.Lists[LinkKind] {
		links := byID(p.existing.Links)
		for _, cfg := range p.file.Configurations {
			p.checkReference(cfg, ConfigurationKind, LinkKind, cfg.Link, addresses(links[cfg.Link]))
		}
	}
}

func (p *planner) checkReference(from Resource, fromKind, kind Kind, id string, found []string) {
	switch len(found) {
	case 0:
		p.problem(from.source(), "the %s %s refers to the %s %s, which is neither in the file nor on the server",
			fromKind, quote(from.ID()), kind, quote(id))
	case 1:
	default:
		p.ambiguous(from.source(), kind, id, found)
	}
}

// checkDeletions rejects the deletion of what resources use that the file has no
// list of, and which therefore stay.
func (p *planner) checkDeletions() {
	deleted := map[Kind]map[string]bool{}
	for _, step := range p.steps {
		if step.Verb == Delete {
			if deleted[step.Kind] == nil {
				deleted[step.Kind] = map[string]bool{}
			}
			deleted[step.Kind][step.ID()] = true
		}
	}

	check := func(kind Kind, id string, userKind Kind, user string) {
		if deleted[kind][id] {
			p.problem(Position{}, "cannot delete the %s %s: the %s %s uses it, and the file has no list of %ss",
				kind, quote(id), userKind, quote(user), userKind)
		}
	}
	if !p.file.Lists[ConnectionKind] {
		for _, connection := range p.existing.Connections {
			check(HostKind, connection.Host, ConnectionKind, connection.Name)
		}
	}

	if !p.file.Lists[LinkKind] {
		for _, link := range p.existing.Links {
			check(ConnectionKind, link.Connection, LinkKind, link.Repository)
		}
	}

	if !p.file.Lists[ConfigurationKind] {
		for _, cfg := range p.existing.Configurations {
			check(LinkKind, cfg.Link, ConfigurationKind, cfg.ID())
		}
	}
}
