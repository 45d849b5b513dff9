// Package awsquery speaks AWS's Query protocol: a form comes in, XML goes out.
// CloudFormation and STS are called with it, and so are those parts of ours that
// stand where they do: the sandbox and the token service.
//
// A request is a POST whose form names the Action and the Version; structures
// and lists are flattened into keys such as Parameters.member.1.ParameterKey.
// An answer is <ActionResponse><ActionResult>…, an error <ErrorResponse>. The
// package knows no service and no operation.
package awsquery

import (
	"net/url"
	"strconv"
	"strings"
)

const (
	// MaxBody is the largest request read: a template and 200 parameters of 4 KB,
	// each byte escaped as three.
	MaxBody = 3 << 20
	// maxKeys and maxMembers bound the work a form can ask for.
	maxKeys    = 4000
	maxMembers = 1000
)

// A Form is the part of a request below one prefix.
type Form struct {
	values url.Values
	prefix string
}

// Read parses the body of a request.
func Read(body []byte) (Form, error) {
	if strings.Count(string(body), "&") >= maxKeys {
		return Form{}, &Error{Code: "MalformedQueryString", Message: "The request has too many parameters."}
	}
	v, err := url.ParseQuery(string(body))
	if err != nil {
		return Form{}, &Error{Code: "MalformedQueryString", Message: "The query string contains a syntax error."}
	}
	return Form{values: v}, nil
}

// Text returns a value, "" when it is absent.
func (f Form) Text(name string) string { return f.values.Get(f.prefix + name) }

// Has says whether a value was sent, be it empty.
func (f Form) Has(name string) bool { return f.values.Has(f.prefix + name) }

// Pointer returns a value, nil when it is absent.
func (f Form) Pointer(name string) *string {
	if !f.Has(name) {
		return nil
	}
	v := f.Text(name)
	return &v
}

// Flag returns a boolean, false when it is absent.
func (f Form) Flag(name string) (bool, error) {
	switch v := f.Text(name); v {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, &Error{Code: "MalformedInput", Message: name + " must be true or false"}
	}
}

// Listed says whether a list was sent, be it empty: absent and empty differ,
// an empty list clears what an absent one leaves alone.
func (f Form) Listed(name string) bool {
	return f.Has(name) || f.Has(name+".member") || len(f.Members(name)) > 0
}

// Texts returns a list of values.
func (f Form) Texts(name string) []string {
	var out []string
	for _, m := range f.Members(name) {
		out = append(out, m.values.Get(strings.TrimSuffix(m.prefix, ".")))
	}
	return out
}

// Members returns a list of structures.
func (f Form) Members(name string) []Form {
	present := map[int]bool{}
	head := f.prefix + name + ".member."
	for key := range f.values {
		rest, ok := strings.CutPrefix(key, head)
		if !ok {
			continue
		}

		number, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(number); err == nil && i > 0 && i <= maxMembers {
			present[i] = true
		}
	}

	var out []Form
	for i := 1; present[i]; i++ {
		out = append(out, Form{values: f.values, prefix: head + strconv.Itoa(i) + "."})
	}

	return out
}

// Encode returns the whole form in one text, equal for equal forms.
func (f Form) Encode() string { return f.values.Encode() }
