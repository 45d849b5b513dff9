// Package awsquery implements the server side of the AWS Query protocol: a form in,
// XML out. CloudFormation and STS use it, and so do the sandbox and package sts.
//
// A request is a POST of a form with the parameters Action and Version. Structures
// and lists are flattened into keys such as Parameters.member.1.ParameterKey. A
// response is <ActionResponse><ActionResult>…, an error <ErrorResponse>.
//
// The package knows no service and no operation.
package awsquery

import (
	"net/url"
	"strconv"
	"strings"
)

const (
	// MaxBody is the maximum size of a request: a template and 200 parameters of 4
	// KB, each byte escaped as three.
	MaxBody = 3 << 20
	// maxKeys and maxMembers bound the work that a form can cause.
	maxKeys    = 4000
	maxMembers = 1000
)

// A Form is the parameters of a request that have a prefix.
type Form struct {
	values url.Values
	prefix string
}

// Read parses the body of a request. The error is an *[Error].
func Read(body []byte) (Form, error) {
	if strings.Count(string(body), "&") >= maxKeys {
		return Form{}, &Error{Code: "MalformedQueryString", Message: "The request has too many parameters."}
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return Form{}, &Error{Code: "MalformedQueryString", Message: "The query string contains a syntax error."}
	}
	return Form{values: values}, nil
}

// Text returns a parameter, or "" if it is absent.
func (f Form) Text(name string) string { return f.values.Get(f.prefix + name) }

// Has reports whether a parameter is present, even if it is empty.
func (f Form) Has(name string) bool { return f.values.Has(f.prefix + name) }

// Pointer returns a parameter, or nil if it is absent.
func (f Form) Pointer(name string) *string {
	if !f.Has(name) {
		return nil
	}
	v := f.Text(name)
	return &v
}

// Flag returns a boolean parameter, or false if it is absent.
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

// HasList reports whether a list is present, even if it is empty. An empty list
// clears what an absent one leaves unchanged.
func (f Form) HasList(name string) bool {
	return f.Has(name) || f.Has(name+".member") || len(f.Members(name)) > 0
}

// Texts returns a list of strings.
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

// Encode returns the form as text. Equal forms have equal text.
func (f Form) Encode() string { return f.values.Encode() }
