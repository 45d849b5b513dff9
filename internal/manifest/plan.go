package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// A Verb says what a step does.
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
	// Details say what a change changes, as "branch main → prod".
	Details []string
	// Want is what the file asks for, nil in a deletion, Have what the server
	// has, nil in a creation.
	Want, Have Resource
}

// ID is that of the thing.
func (s Step) ID() string {
	if s.Want == nil {
		return s.Have.ID()
	}
	return s.Want.ID()
}

// Plan compares what a file asks for with what a server has, and gives the steps
// from the one to the other in the order in which they can be carried out. Its
// error is a *FileError: what the file asks for and cannot be had.
func Plan(f File, have Resources, prune bool) ([]Step, error) {
	p := &planner{file: f, have: have}
	match(p, HostKind, f.Hosts, have.Hosts, p.host)
	match(p, ConnectionKind, f.Connections, have.Connections, p.connection)
	match(p, LinkKind, f.Links, have.Links, p.link)
	match(p, ConfigurationKind, f.Configurations, have.Configurations, p.configuration)
	p.references()

	if prune {
		excess(p, ConfigurationKind, f.Configurations, have.Configurations)
		excess(p, LinkKind, f.Links, have.Links)
		excess(p, ConnectionKind, f.Connections, have.Connections)
		excess(p, HostKind, f.Hosts, have.Hosts)
		p.stillNeeded()
	}

	match(p, RoleKind, f.Roles, have.Roles, p.role)
	match(p, PolicyKind, f.Policies, have.Policies, p.policy)
	if prune {
		excess(p, PolicyKind, f.Policies, have.Policies)
		excess(p, RoleKind, f.Roles, have.Roles)
	}

	if len(p.problems) > 0 {
		return nil, &FileError{f.Name, p.problems}
	}

	return p.steps, nil
}

type planner struct {
	file     File
	have     Resources
	steps    []Step
	problems []Problem
}

func (p *planner) wrong(at Position, format string, args ...any) {
	p.problems = append(p.problems, Problem{at, fmt.Sprintf(format, args...)})
}

// match plans creations and changes. differ gives what is different, and reports
// by p.wrong what cannot be changed.
func match[T Resource](p *planner, kind Kind, want, have []T, differ func(want, have T) []string) {
	there := byID(have)
	for _, w := range want {
		switch found := there[w.ID()]; len(found) {
		case 0:
			p.steps = append(p.steps, Step{Verb: Create, Kind: kind, Want: w})
		case 1:
			if details := differ(w, found[0]); len(details) > 0 {
				p.steps = append(p.steps, Step{Verb: Change, Kind: kind, Details: details, Want: w, Have: found[0]})
			}
		default:
			p.ambiguous(w.source(), kind, w.ID(), addresses(found))
		}
	}
}

func byID[T Resource](all []T) map[string][]T {
	there := map[string][]T{}
	for _, t := range all {
		there[t.ID()] = append(there[t.ID()], t)
	}
	return there
}

func addresses[T Resource](all []T) []string {
	var text []string
	for _, t := range all {
		text = append(text, t.address())
	}
	return text
}

func (p *planner) ambiguous(at Position, kind Kind, id string, found []string) {
	p.wrong(at, "the server has %d %ss %s: %s. Delete all but one", len(found), kind, quote(id), strings.Join(found, ", "))
}

// excess plans deletions. A list that the file does not have prunes nothing.
func excess[T Resource](p *planner, kind Kind, want, have []T) {
	if !p.file.Lists[kind] {
		return
	}
	wanted := names(want)
	for _, h := range have {
		if !wanted[h.ID()] {
			p.steps = append(p.steps, Step{Verb: Delete, Kind: kind, Have: h})
		}
	}
}

// references looks on the server for what the file refers to and has no list for.
func (p *planner) references() {
	hosts, connections, links := byID(p.have.Hosts), byID(p.have.Connections), byID(p.have.Links)
	if !p.file.Lists[HostKind] {
		for _, c := range p.file.Connections {
			if c.Host != "" {
				p.refer(c, ConnectionKind, HostKind, c.Host, addresses(hosts[c.Host]))
			}
		}
	}

	if !p.file.Lists[ConnectionKind] {
		for _, l := range p.file.Links {
			p.refer(l, LinkKind, ConnectionKind, l.Connection, addresses(connections[l.Connection]))
		}
	}

	if !p.file.Lists[LinkKind] {
		for _, c := range p.file.Configurations {
			p.refer(c, ConfigurationKind, LinkKind, c.Link, addresses(links[c.Link]))
		}
	}
}

func (p *planner) refer(from Resource, fromKind, kind Kind, id string, found []string) {
	switch len(found) {
	case 0:
		p.wrong(from.source(), "the %s %s needs the %s %s, which neither the file nor the server has", fromKind, quote(from.ID()), kind, quote(id))
	case 1:
	default:
		p.ambiguous(from.source(), kind, id, found)
	}
}

// stillNeeded refuses to prune what something needs that the file has no list
// for, and that so would stay.
func (p *planner) stillNeeded() {
	going := map[Kind]map[string]bool{}
	for _, s := range p.steps {
		if s.Verb == Delete {
			if going[s.Kind] == nil {
				going[s.Kind] = map[string]bool{}
			}
			going[s.Kind][s.ID()] = true
		}
	}

	if !p.file.Lists[ConnectionKind] {
		for _, c := range p.have.Connections {
			p.keep(going[HostKind], HostKind, c.Host, ConnectionKind, c.Name)
		}
	}

	if !p.file.Lists[LinkKind] {
		for _, l := range p.have.Links {
			p.keep(going[ConnectionKind], ConnectionKind, l.Connection, LinkKind, l.Repository)
		}
	}

	if !p.file.Lists[ConfigurationKind] {
		for _, c := range p.have.Configurations {
			p.keep(going[LinkKind], LinkKind, c.Link, ConfigurationKind, c.ID())
		}
	}
}

func (p *planner) keep(going map[string]bool, kind Kind, id string, neededBy Kind, needs string) {
	if going[id] {
		p.wrong(Position{}, "the %s %s cannot be pruned: the %s %s needs it, and the file has no list of %ss", kind, quote(id), neededBy, quote(needs), neededBy)
	}
}

// A difference collects what is different.
type difference []string

func (d *difference) text(what, want, have string) {
	if want == have {
		return
	}
	if have == "" {
		have = "none"
	}
	*d = append(*d, what+" "+have+" → "+want)
}

// optional is a text that is not asked for when it is empty.
func (d *difference) optional(what, want, have string) {
	if want != "" {
		d.text(what, want, have)
	}
}

// tags are not asked for when they are nil.
func (d *difference) tags(want, have map[string]string) {
	if want == nil {
		return
	}
	set, removed := tagChanges(want, have)
	for _, k := range set {
		*d = append(*d, fmt.Sprintf("tag %s=%s", k, want[k]))
	}
	for _, k := range removed {
		*d = append(*d, "tag "+k+" removed")
	}
}

// tagChanges gives the keys to set and those to remove, each in order.
func tagChanges(want, have map[string]string) (set, removed []string) {
	for k, v := range want {
		if old, ok := have[k]; !ok || old != v {
			set = append(set, k)
		}
	}

	for k := range have {
		if _, ok := want[k]; !ok {
			removed = append(removed, k)
		}
	}

	slices.Sort(set)
	slices.Sort(removed)
	return set, removed
}
