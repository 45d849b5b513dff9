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

// Export writes the file that a server's things would come from. Every list is
// in it, be it empty, each in the order of its names. A name that two things
// have cannot be written: the error is a *FileError that names the ARNs.
func Export(name string, have Resources) ([]byte, error) {
	p := &planner{file: File{Name: name}}
	single(p, HostKind, have.Hosts)
	single(p, ConnectionKind, have.Connections)
	single(p, LinkKind, have.Links)

	if len(p.problems) > 0 {
		return nil, &FileError{name, p.problems}
	}

	root := &yaml.Node{Kind: yaml.MappingNode}
	add(root, "hosts", sequence(have.Hosts, hostNode))
	add(root, "connections", sequence(have.Connections, connectionNode))
	add(root, "links", sequence(have.Links, linkNode))
	add(root, "configurations", sequence(have.Configurations, configurationNode))
	policies := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range sorted(have.Policies) {
		add(policies, p.Name, scalar(p.Document))
	}

	add(root, "policies", policies)
	roles := &yaml.Node{Kind: yaml.MappingNode}
	for _, w := range sorted(have.Roles) {
		add(roles, w.Name, roleNode(w))
	}

	add(root, "roles", roles)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)

	if err := e.Encode(root); err != nil {
		return nil, err
	}

	return b.Bytes(), e.Close()
}

func single[T Resource](p *planner, kind Kind, all []T) {
	there := byID(all)
	for _, id := range slices.Sorted(maps.Keys(there)) {
		if found := there[id]; len(found) > 1 {
			p.ambiguous(Position{}, kind, id, addresses(found))
		}
	}
}

func sorted[T Resource](all []T) []T {
	return slices.SortedFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(a.ID(), b.ID()) })
}

func sequence[T Resource](all []T, node func(T) *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, t := range sorted(all) {
		n.Content = append(n.Content, node(t))
	}
	return n
}

func add(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, scalar(key), value)
}

// scalar writes a text so that it is read as one, byte for byte: what looks like
// a number gets quotes, what has lines a block, unless a block would lose
// something.
func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	if strings.HasPrefix(text, "\t") { // yaml.v3 writes such a block and then does not read it
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// texts adds the pairs of keys and values whose values are not empty.
func texts(mapping *yaml.Node, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			add(mapping, pairs[i], scalar(pairs[i+1]))
		}
	}
}

func list(mapping *yaml.Node, key string, values []string) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range values {
		n.Content = append(n.Content, scalar(v))
	}
	add(mapping, key, n)
}

func tags(mapping *yaml.Node, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		add(n, k, scalar(tags[k]))
	}
	add(mapping, "tags", n)
}

func hostNode(h Host) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	texts(n, "name", h.Name, "provider", h.Provider, "endpoint", h.Endpoint)
	if h.VPC != nil {
		v := &yaml.Node{Kind: yaml.MappingNode}
		texts(v, "id", h.VPC.ID)
		list(v, "subnets", h.VPC.Subnets)
		list(v, "security-groups", h.VPC.SecurityGroups)
		texts(v, "certificate", h.VPC.Certificate)
		add(n, "vpc", v)
	}

	tags(n, h.Tags)
	return n
}

func connectionNode(c Connection) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	texts(n, "name", c.Name)
	if c.Host != "" {
		texts(n, "host", c.Host)
	} else {
		texts(n, "provider", c.Provider)
	}
	tags(n, c.Tags)
	return n
}

func linkNode(l Link) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	texts(n, "repository", l.Repository, "connection", l.Connection, "encryption-key", l.EncryptionKey)
	tags(n, l.Tags)
	return n
}

func configurationNode(c Configuration) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	texts(n, "resource", c.Resource)
	if c.Type != DefaultSyncType {
		texts(n, "type", c.Type)
	}
	texts(n, "link", c.Link, "branch", c.Branch, "file", c.File, "role", c.Role, "trigger", c.Trigger,
		"publish-deployment-status", c.PublishDeploymentStatus, "pull-request-comment", c.PullRequestComment)
	if c.Signers != nil {
		texts(n, allowedKey, c.Signers.Allowed, keysKey, c.Signers.Keys)
	}
	return n
}

func roleNode(w Role) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	texts(n, "role", w.Role, "issuer", w.Issuer)
	list(n, "audiences", w.Audiences)
	list(n, "subjects", w.Subjects)

	if len(w.Claims) > 0 {
		claims := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range w.Claims {
			claim := &yaml.Node{Kind: yaml.MappingNode}
			texts(claim, "name", c.Name, "pattern", c.Pattern)
			claims.Content = append(claims.Content, claim)
		}

		add(n, "claims", claims)
	}

	texts(n, "jwks", w.JWKS)
	if w.MaxSessionDuration != nil {
		add(n, "max-session-duration", &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.Itoa(*w.MaxSessionDuration)})
	}

	return n
}
