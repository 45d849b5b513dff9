package spec

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Site is the account, the region and the stack of a resource.
type Site struct {
	Partition string
	Region    string
	Account   string
	Suffix    string // of URLs: amazonaws.com
	StackID   string
	StackName string
}

// An Order describes a resource whose values are generated.
type Order struct {
	Site      Site
	Type      string
	LogicalID string
	// Generation counts the replacements of the resource: 0 for the first.
	Generation int
	Properties map[string]any
}

// Made has the generated values of a resource.
type Made struct {
	order Order
	kind  *typeInfo
	name  string
	// ID is the physical id, which is also the value of Ref.
	ID string
}

// Make generates the values of a resource.
func (c *Catalog) Make(order Order) Made {
	kind := c.known[order.Type]
	if kind == nil {
		kind = &typeInfo{nameLength: 255, id: "{name}", open: true}
	}
	made := Made{order: order, kind: kind, name: nameInTemplate(kind, order.Properties)}
	if made.name == "" {
		made.name = made.generatedName()
	}
	made.ID = made.fill(kind.id)
	return made
}

// Unique reports whether the template has the resource's name, and no other resource
// of the type can have it.
func (c *Catalog) Unique(typ string, properties map[string]any) bool {
	k := c.known[typ]
	return k != nil && k.unique && nameInTemplate(k, properties) != ""
}

func nameInTemplate(k *typeInfo, properties map[string]any) string {
	name, _ := properties[k.nameProperty].(string)
	if len(name) > 1024 { // no service has a longer name, and values repeat it
		name = strings.ToValidUTF8(name[:1024], "")
	}
	return name
}

// UnknownAttribute is the error of an attribute that a known type does not have. Its
// text is AWS's.
type UnknownAttribute struct {
	LogicalID, Name string
}

func (e *UnknownAttribute) Error() string {
	return fmt.Sprintf("Template error: resource %s does not support attribute type %s in Fn::GetAtt",
		e.LogicalID, e.Name)
}

// Attribute returns the value of GetAtt: a string, or a list of strings. The error is
// an *[UnknownAttribute].
func (m Made) Attribute(name string) (any, error) {
	format, ok := m.kind.attributes[name]
	switch {
	case ok && strings.HasPrefix(format, "list "):
		var out []any
		for _, f := range strings.Fields(format)[1:] {
			out = append(out, m.fill(f))
		}
		return out, nil

	case ok:
		return m.fill(format), nil
	case !m.kind.open:
		return nil, &UnknownAttribute{LogicalID: m.order.LogicalID, Name: short(name)}
	}

	return m.genericAttribute(name), nil
}

// PublicParameter generates the values of AWS's parameters below /aws/service/. It
// knows the ids of machine images, which most templates read there.
func PublicParameter(site Site, name string) (string, bool) {
	if !strings.HasPrefix(name, "/aws/service/") ||
		!strings.Contains(name, "/ami") && !strings.Contains(name, "-ami") &&
			!strings.HasSuffix(name, "image_id") {
		return "", false
	}
	sum := sha256.Sum256([]byte(site.Region + name))
	return "ami-" + hex.EncodeToString(sum[:])[:17], true
}

// plural reports whether an attribute's name is that of a list.
func plural(name string) bool {
	for _, end := range []string{"Addresses", "Ids", "Arns", "ARNs", "Names", "Servers", "Blocks", "Entries", "Zones",
		"Groups", "Subnets"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// genericAttribute generates an attribute of an open type.
func (m Made) genericAttribute(name string) any {
	service, thing := "custom", "resource"
	if parts := strings.Split(m.order.Type, "::"); len(parts) == 3 {
		service, thing = strings.ToLower(parts[1]), strings.ToLower(parts[2])
	}

	switch {
	case strings.HasSuffix(name, "Arn") || strings.HasSuffix(name, "ARN"):
		return m.fill("arn:{partition}:" + service + ":{region}:{account}:" + thing + "/{name}")
	case name == "Id" || name == "Name":
		return m.ID
	case plural(name):
		return []any{m.name + "-" + short(name) + "-1", m.name + "-" + short(name) + "-2"}
	}

	return m.name + "-" + short(name)
}

func short(text string) string {
	if len(text) > 100 {
		text = text[:100]
	}
	return strings.ToValidUTF8(text, "")
}

// fill replaces the {placeholders} of a format.
func (m Made) fill(format string) string {
	if !strings.Contains(format, "{") {
		return format
	}

	site := m.order.Site
	sum := hex.EncodeToString(m.sum())
	pairs := []string{
		"{name}", m.name, "{id}", m.ID, "{region}", site.Region, "{account}", site.Account,
		"{partition}", site.Partition,
		"{suffix}", site.Suffix, "{stack}", site.StackName, "{stackid}", site.StackID, "{hex8}", sum[:8],
		"{hex10}", sum[:10],
		"{hex17}", sum[:17], "{hex32}", sum[:32], "{letters}", m.random(13), "{lower}", strings.ToLower(m.random(10)),
		"{uuid}", sum[:8] + "-" + sum[8:12] + "-" + sum[12:16] + "-" + sum[16:20] + "-" + sum[20:32],
		"{last}", m.name[strings.LastIndexAny(m.name, "/:")+1:],
		"{revision}", fmt.Sprint(m.order.Generation + 1),
		"{octet}", fmt.Sprint(m.sum()[0]), "{octet2}", fmt.Sprint(m.sum()[1]),
	}

	return m.fillProperties(format, strings.NewReplacer(pairs...))
}

// fillProperties replaces {prop:Name} by the property's text. It does not replace
// placeholders in that text, which comes from a template.
func (m Made) fillProperties(text string, fixed *strings.Replacer) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "{prop:")
		name, tail, closed := strings.Cut(after, "}")
		if !ok || !closed {
			b.WriteString(fixed.Replace(text))
			return b.String()
		}

		value, _ := m.order.Properties[name].(string)
		if len(value) > 256 {
			value = strings.ToValidUTF8(value[:256], "")
		}

		b.WriteString(fixed.Replace(before) + value)
		text = tail
	}
}

// sum returns the seed of the random parts of the values.
func (m Made) sum() []byte {
	h := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", m.order.Site.StackID, m.order.LogicalID, m.order.Generation))
	return h[:]
}

// random returns n letters and digits, the same for the same resource.
func (m Made) random(n int) string {
	return base32.StdEncoding.EncodeToString(m.sum())[:n]
}

// generatedName returns a name in CloudFormation's form: stack, logical id and random
// characters.
func (m Made) generatedName() string {
	const noise = 12
	head := m.order.Site.StackName + "-" + m.order.LogicalID
	if most := m.kind.nameLength - noise - 1; len(head) > most {
		head = head[:most]
	}
	name := head + "-" + m.random(noise)
	if m.kind.lower {
		name = strings.ToLower(name)
	}
	return name
}

// A Recreation is whether the change of a property replaces the resource.
type Recreation string

const (
	Never         Recreation = "Never"
	Conditionally Recreation = "Conditionally"
	Always        Recreation = "Always"
)

// Recreation reports whether changing a property replaces a resource of the type.
func (c *Catalog) Recreation(typ, property string) Recreation {
	kind := c.known[typ]
	if kind == nil {
		return Conditionally
	}
	switch {
	case property == kind.nameProperty, slices.Contains(kind.always, property), slices.Contains(kind.always, "*"):
		return Always
	case slices.Contains(kind.maybe, property):
		return Conditionally
	}
	return Never
}

// Taggable reports whether resources of the type get the stack's tags.
func (c *Catalog) Taggable(typ string) bool {
	k := c.known[typ]
	return !strings.HasPrefix(typ, "Custom::") && (k == nil || !k.untagged)
}
