package manifest

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Export returns the manifest of resources. It has every list, even if it is empty,
// sorted by ID. If two resources have one ID, the error is a *FileError that names
// their ARNs; name is the file's name in it.
func Export(name string, resources Resources) ([]byte, error) {
	p := &planner{file: File{Name: name}}
	checkUnique(p, HostKind, resources.Hosts)
	checkUnique(p, ConnectionKind, resources.Connections)
	checkUnique(p, LinkKind, resources.Links)

	if len(p.problems) > 0 {
		return nil, &FileError{name, p.problems}
	}

	root := newMapping()
	add(root, "hosts", sequence(resources.Hosts, hostNode))
	add(root, "connections", sequence(resources.Connections, connectionNode))
	add(root, "links", sequence(resources.Links, linkNode))
	add(root, "configurations", sequence(resources.Configurations, configurationNode))

	policies := newMapping()
	for _, policy := range sorted(resources.Policies) {
		add(policies, policy.Name, scalar(policy.Document))
	}
	add(root, "policies", policies)

	roles := newMapping()
	for _, role := range sorted(resources.Roles) {
		add(roles, role.Name, roleNode(role))
	}
	add(root, "roles", roles)

	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}

	return text.Bytes(), encoder.Close()
}

func checkUnique[T Resource](p *planner, kind Kind, resources []T) {
	found := byID(resources)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if len(found[id]) > 1 {
			p.ambiguous(Position{}, kind, id, addresses(found[id]))
		}
	}
}

func sorted[T Resource](resources []T) []T {
	return slices.SortedFunc(slices.Values(resources), func(a, b T) int { return cmp.Compare(a.ID(), b.ID()) })
}

func newMapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func sequence[T Resource](resources []T, node func(T) *yaml.Node) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, resource := range sorted(resources) {
		list.Content = append(list.Content, node(resource))
	}
	return list
}

func add(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, scalar(key), value)
}

// scalar returns text as a node that is parsed as text, byte for byte: the encoder
// quotes what looks like a number, and writes several lines as a block unless the
// block would lose something.
func scalar(text string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(text)
	if strings.HasPrefix(text, "\t") { // yaml.v3 writes a block that it cannot parse
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// addTexts adds the pairs of keys and values whose value is not empty.
func addTexts(mapping *yaml.Node, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			add(mapping, pairs[i], scalar(pairs[i+1]))
		}
	}
}

func addList(mapping *yaml.Node, key string, values []string) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, value := range values {
		list.Content = append(list.Content, scalar(value))
	}
	add(mapping, key, list)
}

func addTags(mapping *yaml.Node, tags map[string]string) {
	if len(tags) == 0 {
		return
	}

	node := newMapping()
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		add(node, key, scalar(tags[key]))
	}
	add(mapping, "tags", node)
}

func hostNode(host Host) *yaml.Node {
	node := newMapping()
	addTexts(node, "name", host.Name, "provider", host.Provider, "endpoint", host.Endpoint)
	if host.VPC != nil {
		vpc := newMapping()
		addTexts(vpc, "id", host.VPC.ID)
		addList(vpc, "subnets", host.VPC.Subnets)
		addList(vpc, "security-groups", host.VPC.SecurityGroups)
		addTexts(vpc, "certificate", host.VPC.Certificate)
		add(node, "vpc", vpc)
	}

	addTags(node, host.Tags)
	return node
}

func connectionNode(connection Connection) *yaml.Node {
	node := newMapping()
	addTexts(node, "name", connection.Name)
	if connection.Host != "" {
		addTexts(node, "host", connection.Host)
	} else {
		addTexts(node, "provider", connection.Provider)
	}

	addTags(node, connection.Tags)
	return node
}

func linkNode(link Link) *yaml.Node {
	node := newMapping()
	addTexts(node,
		"repository", link.Repository,
		"connection", link.Connection,
		"encryption-key", link.EncryptionKey)
	addTags(node, link.Tags)
	return node
}

func configurationNode(cfg Configuration) *yaml.Node {
	node := newMapping()
	addTexts(node, "resource", cfg.Resource)
	if cfg.Type != DefaultSyncType {
		addTexts(node, "type", cfg.Type)
	}

	addTexts(node,
		"link", cfg.Link,
		"branch", cfg.Branch,
		"file", cfg.File,
		"role", cfg.Role,
		"trigger", cfg.Trigger,
		"publish-deployment-status", cfg.PublishDeploymentStatus,
		"pull-request-comment", cfg.PullRequestComment)
	if cfg.Signers != nil {
		addTexts(node, allowedKey, cfg.Signers.Allowed, keysKey, cfg.Signers.Keys)
	}

	return node
}

func roleNode(role Role) *yaml.Node {
	node := newMapping()
	addTexts(node, "role", role.Role, "issuer", role.Issuer)
	addList(node, "audiences", role.Audiences)
	addList(node, "subjects", role.Subjects)

	if len(role.Claims) > 0 {
		claims := &yaml.Node{Kind: yaml.SequenceNode}
		for _, claim := range role.Claims {
			entry := newMapping()
			addTexts(entry, "name", claim.Name, "pattern", claim.Pattern)
			claims.Content = append(claims.Content, entry)
		}

		add(node, "claims", claims)
	}

	addTexts(node, "jwks", role.JWKS)
	if role.MaxSessionDuration != nil {
		duration := &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.Itoa(*role.MaxSessionDuration)}
		add(node, "max-session-duration", duration)
	}

	return node
}
