package manifest

import (
	"fmt"
	"reflect"
	"slices"
)

// changes describe how two resources differ, as in "branch main → prod".
type changes []string

func (c *changes) text(name, want, have string) {
	if want == have {
		return
	}
	if have == "" {
		have = "none"
	}
	*c = append(*c, name+" "+have+" → "+want)
}

// optional compares text that is not set if it is empty.
func (c *changes) optional(name, want, have string) {
	if want != "" {
		c.text(name, want, have)
	}
}

// tags compares tags, which are not set if they are nil.
func (c *changes) tags(want, have map[string]string) {
	if want == nil {
		return
	}
	set, removed := tagChanges(want, have)
	for _, key := range set {
		*c = append(*c, fmt.Sprintf("tag %s=%s", key, want[key]))
	}
	for _, key := range removed {
		*c = append(*c, "tag "+key+" removed")
	}
}

// tagChanges returns the keys to set and to remove, sorted.
func tagChanges(want, have map[string]string) (set, removed []string) {
	for key, value := range want {
		if old, ok := have[key]; !ok || old != value {
			set = append(set, key)
		}
	}

	for key := range have {
		if _, ok := want[key]; !ok {
			removed = append(removed, key)
		}
	}

	slices.Sort(set)
	slices.Sort(removed)
	return set, removed
}

// signers compares signers, which the manifest does not set if want is nil, and the
// server does not have if have is nil.
func (c *changes) signers(want, have *Signers) {
	if want == nil {
		return
	}
	if have == nil {
		have = &Signers{}
	}

	for _, part := range []struct{ name, want, have string }{
		{allowedKey, want.Allowed, have.Allowed},
		{keysKey, want.Keys, have.Keys},
	} {
		switch {
		case part.want == part.have:
		case part.want == "":
			*c = append(*c, part.name+" removed")
		default:
			*c = append(*c, part.name)
		}
	}
}

func (p *planner) hostChanges(want, have Host) []string {
	if want.Provider != have.Provider {
		p.problem(want.Position, "cannot change the type of the host %s from %s to %s: create one with another name",
			quote(want.Name), have.Provider, want.Provider)
	}

	var differences changes
	differences.text("endpoint", want.Endpoint, have.Endpoint)
	if want.VPC != nil && (have.VPC == nil || !reflect.DeepEqual(*want.VPC, *have.VPC)) {
		differences = append(differences, "vpc")
	}
	differences.tags(want.Tags, have.Tags)
	return differences
}

func (p *planner) connectionChanges(want, have Connection) []string {
	switch {
	case want.Host != have.Host && have.Host == "":
		p.problem(want.Position, "cannot move the connection %s from the provider %s to a host: create one with "+
			"another name",
			quote(want.Name), have.Provider)
	case want.Host != have.Host:
		p.problem(want.Position, "cannot move the connection %s from the host %s: create one with another name",
			quote(want.Name), quote(have.Host))
	case want.Host == "" && want.Provider != have.Provider:
		p.problem(want.Position, "cannot change the type of the connection %s from %s to %s: create one with "+
			"another name",
			quote(want.Name), have.Provider, want.Provider)
	}

	var c changes
	c.tags(want.Tags, have.Tags)
	return c
}

func (p *planner) linkChanges(want, have Link) []string {
	if want.Connection != have.Connection {
		if provider := p.providerOf(want.Connection); provider != "" && provider != have.Provider {
			p.problem(want.Position, "cannot move the link %s to the connection %s, which is of type %s and not %s: "+
				"delete the link and its sync configurations first; stacks are not changed",
				quote(want.Repository), quote(want.Connection), provider, have.Provider)
		}
	}

	var differences changes
	differences.text("connection", want.Connection, have.Connection)
	differences.optional("encryption-key", want.EncryptionKey, have.EncryptionKey)
	differences.tags(want.Tags, have.Tags)
	return differences
}

// providerOf returns the provider type of a connection of the file or the server,
// or "" if neither has it.
func (p *planner) providerOf(name string) string {
	for _, connection := range slices.Concat(p.file.Connections, p.existing.Connections) {
		if connection.Name != name {
			continue
		}
		if connection.Provider != "" {
			return connection.Provider
		}

		for _, host := range slices.Concat(p.file.Hosts, p.existing.Hosts) {
			if host.Name == connection.Host {
				return host.Provider
			}
		}
	}

	return ""
}

func (p *planner) configurationChanges(want, have Configuration) []string {
	c := configurationChanges(want, have)
	c.signers(want.Signers, have.Signers)
	return c
}

// configurationChanges returns the changes without those of the signers, which are
// applied separately.
func configurationChanges(want, have Configuration) changes {
	var differences changes
	differences.text("link", want.Link, have.Link)
	differences.text("branch", want.Branch, have.Branch)
	differences.text("file", want.File, have.File)
	differences.text("role", want.Role, have.Role)
	differences.optional("trigger", want.Trigger, have.Trigger)
	differences.optional("publish-deployment-status", want.PublishDeploymentStatus, have.PublishDeploymentStatus)
	differences.optional("pull-request-comment", want.PullRequestComment, have.PullRequestComment)
	return differences
}

func (p *planner) policyChanges(want, have Policy) []string {
	if want.Document == have.Document {
		return nil
	}
	return []string{"text"}
}

func (p *planner) roleChanges(want, have Role) []string {
	var differences changes
	differences.text("role", want.Role, have.Role)
	differences.text("issuer", want.Issuer, have.Issuer)

	sameDuration := want.MaxSessionDuration == nil ||
		have.MaxSessionDuration != nil && *want.MaxSessionDuration == *have.MaxSessionDuration
	for _, part := range []struct {
		name string
		same bool
	}{
		{"audiences", slices.Equal(want.Audiences, have.Audiences)},
		{"subjects", slices.Equal(want.Subjects, have.Subjects)},
		{"claims", slices.Equal(want.Claims, have.Claims)},
		{"jwks", want.JWKS == have.JWKS},
		{"max-session-duration", sameDuration},
	} {
		if !part.same {
			differences = append(differences, part.name)
		}
	}

	return differences
}
