package manifest

import (
	"reflect"
	"slices"
)

func (p *planner) host(want, have Host) []string {
	if want.Provider != have.Provider {
		p.wrong(want.Position, "the host %s is of type %s and cannot become %s: give the new one another name", quote(want.Name), have.Provider, want.Provider)
	}
	var d difference
	d.text("endpoint", want.Endpoint, have.Endpoint)
	if want.VPC != nil && (have.VPC == nil || !reflect.DeepEqual(*want.VPC, *have.VPC)) {
		d = append(d, "vpc")
	}
	d.tags(want.Tags, have.Tags)
	return d
}

func (p *planner) connection(want, have Connection) []string {
	switch {
	case want.Host != have.Host && have.Host == "":
		p.wrong(want.Position, "the connection %s is at the provider %s and cannot move to a host: give the new one another name", quote(want.Name), have.Provider)
	case want.Host != have.Host:
		p.wrong(want.Position, "the connection %s is at the host %s and cannot move: give the new one another name", quote(want.Name), quote(have.Host))
	case want.Host == "" && want.Provider != have.Provider:
		p.wrong(want.Position, "the connection %s is of type %s and cannot become %s: give the new one another name", quote(want.Name), have.Provider, want.Provider)
	}
	var d difference
	d.tags(want.Tags, have.Tags)
	return d
}

func (p *planner) link(want, have Link) []string {
	if want.Connection != have.Connection {
		if provider := p.providerOf(want.Connection); provider != "" && provider != have.Provider {
			p.wrong(want.Position, "the link %s cannot move to the connection %s, which is of type %s and not %s: delete the link first, "+
				"with what follows it (their stacks stay)", quote(want.Repository), quote(want.Connection), provider, have.Provider)
		}
	}
	var d difference
	d.text("connection", want.Connection, have.Connection)
	d.optional("encryption-key", want.EncryptionKey, have.EncryptionKey)
	d.tags(want.Tags, have.Tags)
	return d
}

// providerOf gives the provider type of a connection of the file or the server,
// "" where it is of neither.
func (p *planner) providerOf(connection string) string {
	for _, c := range slices.Concat(p.file.Connections, p.have.Connections) {
		if c.Name != connection {
			continue
		}
		if c.Provider != "" {
			return c.Provider
		}

		for _, h := range slices.Concat(p.file.Hosts, p.have.Hosts) {
			if h.Name == c.Host {
				return h.Provider
			}
		}
	}

	return ""
}

func (p *planner) configuration(want, have Configuration) []string {
	d := unsigned(want, have)
	d.signers(want.Signers, have.Signers)
	return d
}

// unsigned is what differs but who may sign, which is changed by itself.
func unsigned(want, have Configuration) difference {
	var d difference
	d.text("link", want.Link, have.Link)
	d.text("branch", want.Branch, have.Branch)
	d.text("file", want.File, have.File)
	d.text("role", want.Role, have.Role)
	d.optional("trigger", want.Trigger, have.Trigger)
	d.optional("publish-deployment-status", want.PublishDeploymentStatus, have.PublishDeploymentStatus)
	d.optional("pull-request-comment", want.PullRequestComment, have.PullRequestComment)
	return d
}

func (p *planner) policy(want, have Policy) []string {
	if want.Document == have.Document {
		return nil
	}
	return []string{"text"}
}

func (p *planner) role(want, have Role) []string {
	var d difference
	d.text("role", want.Role, have.Role)
	d.text("issuer", want.Issuer, have.Issuer)

	for _, part := range []struct {
		name string
		same bool
	}{
		{"audiences", slices.Equal(want.Audiences, have.Audiences)},
		{"subjects", slices.Equal(want.Subjects, have.Subjects)},
		{"claims", slices.Equal(want.Claims, have.Claims)},
		{"jwks", want.JWKS == have.JWKS},
		{"max-session-duration", want.MaxSessionDuration == nil || have.MaxSessionDuration != nil && *want.MaxSessionDuration == *have.MaxSessionDuration},
	} {
		if !part.same {
			d = append(d, part.name)
		}
	}

	return d
}
