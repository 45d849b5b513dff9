package manifest

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/client"
)

// lists parses the keys of a file.
func (p *parser) lists(root *yaml.Node) {
	file := &p.file
	list := func(name string, kind Kind, read func(*yaml.Node)) key {
		return key{name: name, read: func(node *yaml.Node) {
			file.Lists[kind] = true
			p.list(node, name, read)
		}}
	}
	named := func(name string, kind Kind, read func(name, value *yaml.Node)) key {
		return key{name: name, read: func(node *yaml.Node) {
			file.Lists[kind] = true
			if node.Kind != yaml.MappingNode {
				p.problem(positionOf(node), "%s must be a mapping of names, not %s", name, describe(node))
				return
			}

			p.entries(node, func(name, value *yaml.Node) { read(name, resolve(value)) })
		}}
	}

	p.mapping(root, "the file",
		list("hosts", HostKind, func(node *yaml.Node) {
			file.Hosts = append(file.Hosts, p.host(node))
		}),
		list("connections", ConnectionKind, func(node *yaml.Node) {
			file.Connections = append(file.Connections, p.connection(node))
		}),
		list("links", LinkKind, func(node *yaml.Node) {
			file.Links = append(file.Links, p.link(node))
		}),
		list("configurations", ConfigurationKind, func(node *yaml.Node) {
			file.Configurations = append(file.Configurations, p.configuration(node))
		}),
		named("policies", PolicyKind, func(name, node *yaml.Node) {
			file.Policies = append(file.Policies, p.policy(name, node))
		}),
		named("roles", RoleKind, func(name, node *yaml.Node) {
			file.Roles = append(file.Roles, p.role(name, node))
		}))
}

func (p *parser) host(node *yaml.Node) Host {
	host := Host{Position: positionOf(node)}
	p.mapping(node, "a host",
		p.text("name", "HostName", true, &host.Name),
		p.text("provider", "ProviderType", true, &host.Provider),
		key{name: "endpoint", required: true, read: func(node *yaml.Node) { p.endpoint(node, &host.Endpoint) }},
		key{name: "vpc", read: func(node *yaml.Node) { host.VPC = p.vpc(node) }},
		p.tags(&host.Tags))
	return host
}

// endpoint rejects a password in a URL, without showing it.
func (p *parser) endpoint(node *yaml.Node, into *string) {
	parsed, err := url.Parse(node.Value)
	mayHaveUser := err != nil && strings.Contains(node.Value, "@") || err == nil && parsed.User != nil
	if node.Kind == yaml.ScalarNode && mayHaveUser {
		p.problem(positionOf(node), "a manifest must not contain secrets: endpoint must not have a user name or a "+
			"password; give them to the connection with `lockstep connect NAME --basic-stdin`")
		return
	}
	p.scalar(node, "endpoint", "Url", into)
}

func (p *parser) vpc(node *yaml.Node) *VPC {
	vpc := &VPC{}
	p.mapping(node, "vpc",
		p.text("id", "VpcId", true, &vpc.ID),
		p.texts("subnets", "SubnetIds", &vpc.Subnets),
		p.texts("security-groups", "SecurityGroupIds", &vpc.SecurityGroups),
		p.text("certificate", "TlsCertificate", false, &vpc.Certificate))
	return vpc
}

func (p *parser) connection(node *yaml.Node) Connection {
	connection := Connection{Position: positionOf(node)}
	before := len(p.problems)
	p.mapping(node, "a connection",
		p.text("name", "ConnectionName", true, &connection.Name),
		p.text("provider", "ProviderType", false, &connection.Provider),
		p.text("host", "HostName", false, &connection.Host),
		p.tags(&connection.Tags))
	if len(p.problems) == before && (connection.Provider == "") == (connection.Host == "") {
		p.problem(connection.Position, "a connection needs either provider or host")
	}
	return connection
}

func (p *parser) link(node *yaml.Node) Link {
	link := Link{Position: positionOf(node)}
	p.mapping(node, "a link",
		p.text("connection", "ConnectionName", true, &link.Connection),
		p.repository("repository", &link.Repository),
		p.text("encryption-key", "KmsKeyArn", false, &link.EncryptionKey),
		p.tags(&link.Tags))
	return link
}

// repository returns a key whose value is OWNER/NAME, or NAME alone.
func (p *parser) repository(keyName string, into *string) key {
	return key{name: keyName, required: true, read: func(node *yaml.Node) {
		var text string
		p.scalar(node, keyName, "", &text)
		owner, name := client.SplitRepository(text)
		if text != "" && (owner == "" || name == "" || client.JoinRepository(owner, name) != text) {
			p.problem(positionOf(node), "%s must be OWNER/NAME", keyName)
		}
		*into = text
	}}
}

func (p *parser) configuration(node *yaml.Node) Configuration {
	cfg := Configuration{Position: positionOf(node), Type: DefaultSyncType}
	var signers signersParser
	before := len(p.problems)
	p.mapping(node, "a configuration",
		p.text("resource", "ResourceName", true, &cfg.Resource),
		p.text("type", "SyncConfigurationType", false, &cfg.Type),
		p.repository("link", &cfg.Link),
		p.text("branch", "BranchName", true, &cfg.Branch),
		p.text("file", "DeploymentFilePath", true, &cfg.File),
		p.text("role", "IamRoleArn", true, &cfg.Role),
		p.text("trigger", "TriggerResourceUpdateOn", false, &cfg.Trigger),
		p.text("publish-deployment-status", "PublishDeploymentStatus", false, &cfg.PublishDeploymentStatus),
		p.text("pull-request-comment", "PullRequestComment", false, &cfg.PullRequestComment),
		signers.key(p, allowedKey, &signers.allowedNode, &signers.Allowed),
		signers.key(p, keysKey, &signers.keysNode, &signers.Keys))

	if len(p.problems) == before {
		cfg.Signers = signers.signers(p)
	}

	return cfg
}

func (p *parser) policy(name, node *yaml.Node) Policy {
	policy := Policy{Position: positionOf(name)}
	p.scalar(name, "the name of a policy", "PolicyName", &policy.Name)
	p.scalar(node, "the policy "+quote(policy.Name), "PolicyDocument", &policy.Document)
	return policy
}

func (p *parser) role(name, node *yaml.Node) Role {
	role := Role{Position: positionOf(name)}
	p.scalar(name, "the name of a role", "PrincipalName", &role.Name)
	claims := key{name: "claims", read: func(node *yaml.Node) {
		p.list(node, "claims", func(node *yaml.Node) {
			var claim Claim
			p.mapping(node, "a claim",
				p.text("name", "ClaimName", true, &claim.Name),
				p.text("pattern", "ClaimText", true, &claim.Pattern))
			role.Claims = append(role.Claims, claim)
		})
	}}
	p.mapping(node, "a role",
		p.text("role", "ReadyMadeRole", true, &role.Role),
		p.text("issuer", "Issuer", true, &role.Issuer),
		p.texts("audiences", "AudienceList", &role.Audiences),
		p.texts("subjects", "SubjectList", &role.Subjects),
		claims,
		p.text("jwks", "Jwks", false, &role.JWKS),
		p.number("max-session-duration", "SessionDuration", &role.MaxSessionDuration))

	return role
}

// checkNames rejects an ID that two resources of a kind have.
func (p *parser) checkNames() {
	checkRepeated(p, HostKind, p.file.Hosts)
	checkRepeated(p, ConnectionKind, p.file.Connections)
	checkRepeated(p, LinkKind, p.file.Links)
	checkRepeated(p, ConfigurationKind, p.file.Configurations)
}

func checkRepeated[T Resource](p *parser, kind Kind, resources []T) {
	first := map[string]Position{}
	for _, resource := range resources {
		if position, ok := first[resource.ID()]; ok {
			p.problem(resource.source(), "the %s %s is already in line %d", kind, quote(resource.ID()), position.Line)
			continue
		}
		first[resource.ID()] = resource.source()
	}
}

// checkReferences rejects references to what a list of the file does not have.
// References to kinds that the file has no list of are checked by the planner,
// since they are to resources of the server.
func (p *parser) checkReferences() {
	file := p.file
	hosts, connections, links := ids(file.Hosts), ids(file.Connections), ids(file.Links)
	check := func(from Resource, fromKind, kind Kind, id string, known map[string]bool) {
		if file.Lists[kind] && id != "" && !known[id] {
			p.problem(from.source(), "the %s %s refers to the %s %s, which is not in the file",
				fromKind, quote(from.ID()), kind, quote(id))
		}
	}

	for _, connection := range file.Connections {
		check(connection, ConnectionKind, HostKind, connection.Host, hosts)
	}

	for _, link := range file.Links {
		check(link, LinkKind, ConnectionKind, link.Connection, connections)
	}

	for _, cfg := range file.Configurations {
		check(cfg, ConfigurationKind, LinkKind, cfg.Link, links)
	}
}
