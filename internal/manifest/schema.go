package manifest

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lists reads the file's keys.
func (r *parser) lists(root *yaml.Node) {
	f := &r.file
	list := func(name string, kind Kind, read func(*yaml.Node)) key {
		return key{name: name, read: func(n *yaml.Node) {
			f.Lists[kind] = true
			r.list(n, name, read)
		}}
	}
	named := func(name string, kind Kind, read func(name, value *yaml.Node)) key {
		return key{name: name, read: func(n *yaml.Node) {
			f.Lists[kind] = true
			if n.Kind != yaml.MappingNode {
				r.wrong(at(n), "%s must be a mapping of names, not %s", name, describe(n))
				return
			}

			r.entries(n, func(name, value *yaml.Node) { read(name, resolve(value)) })
		}}
	}
	r.mapping(root, "the file",
		list("hosts", HostKind, func(n *yaml.Node) { f.Hosts = append(f.Hosts, r.host(n)) }),
		list("connections", ConnectionKind, func(n *yaml.Node) { f.Connections = append(f.Connections, r.connection(n)) }),
		list("links", LinkKind, func(n *yaml.Node) { f.Links = append(f.Links, r.link(n)) }),
		list("configurations", ConfigurationKind, func(n *yaml.Node) { f.Configurations = append(f.Configurations, r.configuration(n)) }),
		named("policies", PolicyKind, func(name, n *yaml.Node) { f.Policies = append(f.Policies, r.policy(name, n)) }),
		named("roles", RoleKind, func(name, n *yaml.Node) { f.Roles = append(f.Roles, r.role(name, n)) }))
}

func (r *parser) host(n *yaml.Node) Host {
	h := Host{Position: at(n)}
	r.mapping(n, "a host",
		r.text("name", "HostName", true, &h.Name),
		r.text("provider", "ProviderType", true, &h.Provider),
		key{name: "endpoint", required: true, read: func(n *yaml.Node) { r.endpoint(n, &h.Endpoint) }},
		key{name: "vpc", read: func(n *yaml.Node) { h.VPC = r.vpc(n) }},
		r.tags(&h.Tags))
	return h
}

// endpoint refuses a password in a URL, before anything shows it.
func (r *parser) endpoint(n *yaml.Node, into *string) {
	if u, err := url.Parse(n.Value); n.Kind == yaml.ScalarNode && (err != nil && strings.Contains(n.Value, "@") || err == nil && u.User != nil) {
		r.wrong(at(n), "no secret belongs into this file: endpoint must hold no user name and no password; give them to the connection "+
			"by `lockstep connect NAME --basic-stdin`")
		return
	}
	r.scalar(n, "endpoint", "Url", into)
}

func (r *parser) vpc(n *yaml.Node) *VPC {
	v := &VPC{}
	r.mapping(n, "vpc",
		r.text("id", "VpcId", true, &v.ID),
		r.texts("subnets", "SubnetIds", &v.Subnets),
		r.texts("security-groups", "SecurityGroupIds", &v.SecurityGroups),
		r.text("certificate", "TlsCertificate", false, &v.Certificate))
	return v
}

func (r *parser) connection(n *yaml.Node) Connection {
	c := Connection{Position: at(n)}
	before := len(r.problems)
	r.mapping(n, "a connection",
		r.text("name", "ConnectionName", true, &c.Name),
		r.text("provider", "ProviderType", false, &c.Provider),
		r.text("host", "HostName", false, &c.Host),
		r.tags(&c.Tags))
	if len(r.problems) == before && (c.Provider == "") == (c.Host == "") {
		r.wrong(c.Position, "a connection needs provider or host, and not both")
	}
	return c
}

func (r *parser) link(n *yaml.Node) Link {
	l := Link{Position: at(n)}
	r.mapping(n, "a link",
		r.text("connection", "ConnectionName", true, &l.Connection),
		r.repository("repository", &l.Repository),
		r.text("encryption-key", "KmsKeyArn", false, &l.EncryptionKey),
		r.tags(&l.Tags))
	return l
}

// repository reads OWNER/NAME, or NAME alone.
func (r *parser) repository(name string, into *string) key {
	return key{name: name, required: true, read: func(n *yaml.Node) {
		var text string
		r.scalar(n, name, "", &text)
		if owner, repository := splitRepository(text); text != "" && (owner == "" || repository == "" || joinRepository(owner, repository) != text) {
			r.wrong(at(n), "%s must be OWNER/NAME", name)
		}
		*into = text
	}}
}

// splitRepository takes OWNER/NAME apart. The owner may hold slashes; the API
// has "-" for none.
func splitRepository(text string) (owner, name string) {
	slash := strings.LastIndexByte(text, '/')
	if slash < 0 {
		return "-", text
	}
	return text[:slash], text[slash+1:]
}

func joinRepository(owner, name string) string {
	if owner == "-" {
		return name
	}
	return owner + "/" + name
}

func (r *parser) configuration(n *yaml.Node) Configuration {
	c := Configuration{Position: at(n), Type: DefaultSyncType}
	var s signersReader
	before := len(r.problems)
	r.mapping(n, "a configuration",
		r.text("resource", "ResourceName", true, &c.Resource),
		r.text("type", "SyncConfigurationType", false, &c.Type),
		r.repository("link", &c.Link),
		r.text("branch", "BranchName", true, &c.Branch),
		r.text("file", "DeploymentFilePath", true, &c.File),
		r.text("role", "IamRoleArn", true, &c.Role),
		r.text("trigger", "TriggerResourceUpdateOn", false, &c.Trigger),
		r.text("publish-deployment-status", "PublishDeploymentStatus", false, &c.PublishDeploymentStatus),
		r.text("pull-request-comment", "PullRequestComment", false, &c.PullRequestComment),
		s.key(r, allowedKey, &s.allowed, &s.Allowed),
		s.key(r, keysKey, &s.keys, &s.Keys))

	if len(r.problems) == before {
		c.Signers = s.signers(r)
	}

	return c
}

func (r *parser) policy(name, n *yaml.Node) Policy {
	p := Policy{Position: at(name)}
	r.scalar(name, "the name of a policy", "PolicyName", &p.Name)
	r.scalar(n, "the policy "+quote(p.Name), "PolicyDocument", &p.Document)
	return p
}

func (r *parser) role(name, n *yaml.Node) Role {
	w := Role{Position: at(name)}
	r.scalar(name, "the name of a role", "PrincipalName", &w.Name)
	claims := key{name: "claims", read: func(n *yaml.Node) {
		r.list(n, "claims", func(n *yaml.Node) {
			var c Claim
			r.mapping(n, "a claim", r.text("name", "ClaimName", true, &c.Name), r.text("pattern", "ClaimText", true, &c.Pattern))
			w.Claims = append(w.Claims, c)
		})
	}}
	r.mapping(n, "a role",
		r.text("role", "ReadyMadeRole", true, &w.Role),
		r.text("issuer", "Issuer", true, &w.Issuer),
		r.texts("audiences", "AudienceList", &w.Audiences),
		r.texts("subjects", "SubjectList", &w.Subjects),
		claims,
		r.text("jwks", "Jwks", false, &w.JWKS),
		r.number("max-session-duration", "SessionDuration", &w.MaxSessionDuration))

	return w
}

// checkNames refuses a name that stands for two things.
func (r *parser) checkNames() {
	unique(r, HostKind, r.file.Hosts)
	unique(r, ConnectionKind, r.file.Connections)
	unique(r, LinkKind, r.file.Links)
	unique(r, ConfigurationKind, r.file.Configurations)
}

func unique[T Resource](r *parser, kind Kind, all []T) {
	first := map[string]Position{}
	for _, t := range all {
		if had, ok := first[t.ID()]; ok {
			r.wrong(t.source(), "the %s %s is in line %d already", kind, quote(t.ID()), had.Line)
			continue
		}
		first[t.ID()] = t.source()
	}
}

// checkReferences refuses a name that leads nowhere. What is referred to must be
// in the file if the file has a list for it; else it must be on the server, which
// is not known here.
func (r *parser) checkReferences() {
	f := r.file
	hosts, connections, links := names(f.Hosts), names(f.Connections), names(f.Links)
	for _, c := range f.Connections {
		if f.Lists[HostKind] && c.Host != "" && !hosts[c.Host] {
			r.wrong(c.Position, "the connection %s is at the host %s, which the file does not have", quote(c.Name), quote(c.Host))
		}
	}

	for _, l := range f.Links {
		if f.Lists[ConnectionKind] && !connections[l.Connection] {
			r.wrong(l.Position, "the link %s is over the connection %s, which the file does not have", quote(l.Repository), quote(l.Connection))
		}
	}

	for _, c := range f.Configurations {
		if f.Lists[LinkKind] && !links[c.Link] {
			r.wrong(c.Position, "the configuration %s follows the link %s, which the file does not have", quote(c.ID()), quote(c.Link))
		}
	}
}

func names[T Resource](all []T) map[string]bool {
	there := map[string]bool{}
	for _, t := range all {
		there[t.ID()] = true
	}
	return there
}
