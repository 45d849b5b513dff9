package model

import (
	"bytes"
	"encoding/json"
	"html"
	"strings"

	"github.com/lockstephq/lockstep/internal/wire"
)

// A File is one of a folder that botocore reads a service from.
type File struct {
	// Path is below the folder of models, with slashes.
	Path string
	Text []byte
}

// Files gives what botocore needs to know of a service, the service itself
// first.
func (m Model) Files() ([]File, error) {
	folder := strings.ToLower(m.ID) + "/" + m.Version + "/"
	var files []File
	for _, f := range []struct {
		name    string
		content object
	}{
		{"service-2.json", m.service()},
		{"paginators-1.json", m.paginators()},
		{"endpoint-rule-set-1.json", m.endpointRules()},
	} {
		text, err := encode(f.content)
		if err != nil {
			return nil, err
		}

		files = append(files, File{Path: folder + f.name, Text: text})
	}

	return files, nil
}

// An object is a JSON object in an order of its own.
type object []entry

type entry struct {
	key   string
	value any
}

// MarshalJSON writes the entries in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteByte('{')

	for i, entry := range o {
		if i > 0 {
			b.WriteByte(',')
		}

		if err := e.Encode(entry.key); err != nil {
			return nil, err
		}

		b.WriteByte(':')
		if err := e.Encode(entry.value); err != nil {
			return nil, err
		}
	}

	b.WriteByte('}')
	return b.Bytes(), nil
}

func encode(o object) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(o)
	return b.Bytes(), err
}

// documented appends a text, which botocore takes for HTML.
func (o object) documented(text string) object {
	if text == "" {
		return o
	}
	return append(o, entry{"documentation", "<p>" + html.EscapeString(text) + "</p>"})
}

func reference(shape string) object { return object{{"shape", shape}} }

func (m Model) service() object {
	operations := object{}
	for _, op := range m.Operations {
		errors := []object{}
		for _, e := range op.Errors {
			errors = append(errors, reference(e))
		}

		operations = append(operations, entry{op.Name, object{
			{"name", op.Name},
			{"http", object{{"method", "POST"}, {"requestUri", "/"}}},
			{"input", reference(op.Input)},
			{"output", reference(op.Output)},
			{"errors", errors},
		}.documented(op.Text)})
	}

	return object{
		{"version", "2.0"},
		{"metadata", m.metadata()},
		{"operations", operations},
		{"shapes", m.shapes()},
	}.documented(m.ID + ": stacks that follow branches in Git.")
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
	for _, s := range m.Structures {
		required, members := []string{}, object{}
		for _, member := range s.Members {
			if member.Required {
				required = append(required, member.Name)
			}
			members = append(members, entry{member.Name, reference(member.Shape).documented(member.Text)})
		}

		o := object{{"type", "structure"}}
		if len(required) > 0 {
			o = append(o, entry{"required", required})
		}

		all = append(all, entry{s.Name, append(o, entry{"members", members}).documented(s.Text)})
	}

	for _, e := range m.Exceptions {
		members := object{{"Message", reference("ErrorMessage")}}
		all = append(all, entry{e.Name, object{{"type", "structure"}, {"members", members}, {"exception", true}}.documented(e.Text)})
	}

	for _, s := range m.Shapes {
		all = append(all, entry{s.Name, s.object().documented(s.text())})
	}

	return append(all, entry{"ErrorMessage", object{{"type", String}, {"max", wire.MessageLimit}}})
}

func (s Shape) object() object {
	o := object{{"type", s.Kind}}
	if s.Element != "" {
		o = append(o, entry{"member", reference(s.Element)})
	}

	if len(s.Enum) > 0 {
		o = append(o, entry{"enum", s.Enum})
	}

	if s.Bounded {
		o = append(o, entry{"max", s.Max}, entry{"min", s.Min})
	}

	if s.Pattern != "" {
		o = append(o, entry{"pattern", s.Pattern})
	}

	if s.Sensitive {
		o = append(o, entry{"sensitive", true})
	}

	return o
}

// text says what the values of an enumeration mean.
func (s Shape) text() string {
	var meanings []string
	for _, value := range s.Enum {
		if meaning := s.Values[value]; meaning != "" {
			meanings = append(meanings, value+": "+meaning)
		}
	}
	return strings.Join(meanings, "; ")
}

// paginators are of the operations that take and give a NextToken. The cursor of
// a listing that goes on for ever is none.
func (m Model) paginators() object {
	pages := object{}
	for _, op := range m.Operations {
		in, out := m.structure(op.Input), m.structure(op.Output)
		if !in.has("NextToken") || !out.has("NextToken") {
			continue
		}

		o := object{{"input_token", "NextToken"}, {"output_token", "NextToken"}, {"limit_key", "MaxResults"}}
		var beside []string
		for _, member := range out.Members {
			if m.isList(member.Shape) {
				o = append(o, entry{"result_key", member.Name})
			} else if member.Name != "NextToken" {
				beside = append(beside, member.Name)
			}
		}

		if len(beside) > 0 {
			o = append(o, entry{"non_aggregate_keys", beside})
		}

		pages = append(pages, entry{op.Name, o})
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

// endpointRules take the endpoint that was named and know no other.
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
			{{"conditions", named}, {"endpoint", object{{"url", object{{"ref", "Endpoint"}}}, {"properties", object{}}, {"headers", object{}}}},
				{"type", "endpoint"}},
			{{"conditions", []object{}}, {"error", "Name the server of " + m.ID + ", by --endpoint-url or endpoint_url, AWS_ENDPOINT_URL_" +
				strings.ToUpper(m.Name) + ", or the services section of your AWS profile."}, {"type", "error"}},
		}},
	}
}
