package model

import (
	"bytes"
	"encoding/json"
	"html"
	"strings"

	"github.com/lockstephq/lockstep/internal/wire"
)

// A File is one of the files from which botocore reads a service.
type File struct {
	// Path is slash-separated and relative to the directory of models.
	Path string
	Text []byte
}

// Files returns the files of a service, the service itself first.
func (m Model) Files() ([]File, error) {
	folder := strings.ToLower(m.ID) + "/" + m.Version + "/"
	var files []File
	for _, part := range []struct {
		name    string
		content object
	}{
		{"service-2.json", m.service()},
		{"paginators-1.json", m.paginators()},
		{"endpoint-rule-set-1.json", m.endpointRules()},
	} {
		text, err := encode(part.content)
		if err != nil {
			return nil, err
		}

		files = append(files, File{Path: folder + part.name, Text: text})
	}

	return files, nil
}

// An object is a JSON object whose entries keep their order.
type object []entry

type entry struct {
	key   string
	value any
}

// MarshalJSON returns the entries in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	b.WriteByte('{')

	for i, entry := range o {
		if i > 0 {
			b.WriteByte(',')
		}

		if err := encoder.Encode(entry.key); err != nil {
			return nil, err
		}

		b.WriteByte(':')
		if err := encoder.Encode(entry.value); err != nil {
			return nil, err
		}
	}

	b.WriteByte('}')
	return b.Bytes(), nil
}

func encode(content object) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(content)
	return b.Bytes(), err
}

// documented appends the documentation, which botocore reads as HTML.
func (o object) documented(text string) object {
	if text == "" {
		return o
	}
	return append(o, entry{"documentation", "<p>" + html.EscapeString(text) + "</p>"})
}

func reference(shape string) object { return object{{"shape", shape}} }

func (m Model) service() object {
	operations := object{}
	for _, operation := range m.Operations {
		errors := []object{}
		for _, e := range operation.Errors {
			errors = append(errors, reference(e))
		}

		operations = append(operations, entry{operation.Name, object{
			{"name", operation.Name},
			{"http", object{{"method", "POST"}, {"requestUri", "/"}}},
			{"input", reference(operation.Input)},
			{"output", reference(operation.Output)},
			{"errors", errors},
		}.documented(operation.Text)})
	}

	return object{
		{"version", "2.0"},
		{"metadata", m.metadata()},
		{"operations", operations},
		{"shapes", m.shapes()},
	}.documented(m.ID + ": CloudFormation stacks in sync with Git.")
}

func (m Model) metadata() object {
	return object{
		{"apiVersion", m.Version},
		{"endpointPrefix", m.Name},
		{"jsonVersion", "1.0"},
		{"protocol", "json"},
		{"protocols", []string{"json"}},
		{"serviceFullName", m.ID},
		{"serviceId", m.ID},
		{"signatureVersion", "v4"},
		{"signingName", m.Name},
		{"targetPrefix", m.Prefix},
		{"uid", strings.ToLower(m.ID) + "-" + m.Version},
		{"auth", []string{"aws.auth#sigv4"}},
	}
}

func (m Model) shapes() object {
	all := object{}
	for _, structure := range m.Structures {
		required, members := []string{}, object{}
		for _, member := range structure.Members {
			if member.Required {
				required = append(required, member.Name)
			}
			members = append(members, entry{member.Name, reference(member.Shape).documented(member.Text)})
		}

		properties := object{{"type", "structure"}}
		if len(required) > 0 {
			properties = append(properties, entry{"required", required})
		}

		all = append(all, entry{
			structure.Name,
			append(properties, entry{"members", members}).documented(structure.Text),
		})
	}

	for _, e := range m.Exceptions {
		members := object{{"Message", reference("ErrorMessage")}}
		properties := object{{"type", "structure"}, {"members", members}, {"exception", true}}
		all = append(all, entry{e.Name, properties.documented(e.Text)})
	}

	for _, structure := range m.Shapes {
		all = append(all, entry{structure.Name, structure.object().documented(structure.text())})
	}

	return append(all, entry{"ErrorMessage", object{{"type", String}, {"max", wire.MessageLimit}}})
}

func (s Shape) object() object {
	properties := object{{"type", s.Kind}}
	if s.Element != "" {
		properties = append(properties, entry{"member", reference(s.Element)})
	}

	if len(s.Enum) > 0 {
		properties = append(properties, entry{"enum", s.Enum})
	}

	if s.Bounded {
		properties = append(properties, entry{"max", s.Max}, entry{"min", s.Min})
	}

	if s.Pattern != "" {
		properties = append(properties, entry{"pattern", s.Pattern})
	}

	if s.Sensitive {
		properties = append(properties, entry{"sensitive", true})
	}

	return properties
}

// text returns the descriptions of the values of an enumeration.
func (s Shape) text() string {
	var meanings []string
	for _, value := range s.Enum {
		if meaning := s.Values[value]; meaning != "" {
			meanings = append(meanings, value+": "+meaning)
		}
	}
	return strings.Join(meanings, "; ")
}

// paginators returns the paginators of the operations with a NextToken in request and
// response. ListSyncEvents has none: its cursor never ends.
func (m Model) paginators() object {
	pages := object{}
	for _, operation := range m.Operations {
		in, out := m.structure(operation.Input), m.structure(operation.Output)
		if !in.has("NextToken") || !out.has("NextToken") {
			continue
		}

		paginator := object{{"input_token", "NextToken"}, {"output_token", "NextToken"}, {"limit_key", "MaxResults"}}
		var otherMembers []string
		for _, member := range out.Members {
			if m.isList(member.Shape) {
				paginator = append(paginator, entry{"result_key", member.Name})
			} else if member.Name != "NextToken" {
				otherMembers = append(otherMembers, member.Name)
			}
		}

		if len(otherMembers) > 0 {
			paginator = append(paginator, entry{"non_aggregate_keys", otherMembers})
		}

		pages = append(pages, entry{operation.Name, paginator})
	}

	return object{{"pagination", pages}}
}

func (m Model) structure(name string) Structure {
	for _, s := range m.Structures {
		if s.Name == name {
			return s
		}
	}
	return Structure{}
}

func (s Structure) has(member string) bool {
	for _, m := range s.Members {
		if m.Name == member {
			return true
		}
	}
	return false
}

func (m Model) isList(shape string) bool {
	for _, s := range m.Shapes {
		if s.Name == shape {
			return s.Kind == List
		}
	}
	return false
}

// endpointRules returns rules that accept the configured endpoint and have no other.
func (m Model) endpointRules() object {
	option := func(builtIn, kind string) object {
		return object{{"builtIn", builtIn}, {"required", false}, {"type", kind}}
	}
	named := []object{{{"fn", "isSet"}, {"argv", []object{{{"ref", "Endpoint"}}}}}}
	return object{
		{"version", "1.0"},
		{"parameters", object{
			{"Region", option("AWS::Region", "string")},
			{"UseDualStack", option("AWS::UseDualStack", "boolean")},
			{"UseFIPS", option("AWS::UseFIPS", "boolean")},
			{"Endpoint", option("SDK::Endpoint", "string")},
		}},
		{"rules", []object{
			{
				{"conditions", named},
				{
					"endpoint",
					object{{"url", object{{"ref", "Endpoint"}}}, {"properties", object{}}, {"headers", object{}}},
				},
				{"type", "endpoint"},
			},
			{
				{"conditions", []object{}},
				{"error", "Set the endpoint of " + m.ID + ": --endpoint-url or endpoint_url, AWS_ENDPOINT_URL_" +
					strings.ToUpper(m.Name) + ", or the services section of your AWS profile."},
				{"type", "error"},
			},
		}},
	}
}
