package interop

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

// A testCase is one operation of one service: what is sent to it, and what it
// may answer.
type testCase struct {
	Input, Output map[string]any
	Errors        []exception
}

// An exception is what an operation is made to answer with.
type exception struct {
	Code    string
	Status  int
	Message string
	// Declared says that the operation's model declares it, Modelled that any of
	// the service does.
	Declared, Modelled bool
}

// cases are the test cases of the two AWS services, by service and operation.
// Some shapes can be left out.
func cases(without ...string) map[string]map[string]testCase {
	all := map[string]map[string]testCase{}
	for _, s := range awsServices() {
		for _, shape := range without {
			delete(s.Shapes, shape)
		}

		all[s.Name] = map[string]testCase{}
		var modelled []string
		for _, op := range s.Operations {
			modelled = append(modelled, op.Errors...)
		}

		for _, op := range s.Operations {
			c := testCase{Input: sample(s, op.Input), Output: sample(s, op.Output)}
			for _, code := range slices.Compact(slices.Sorted(slices.Values(append(common(), op.Errors...)))) {
				c.Errors = append(c.Errors, exception{
					Code: code, Status: status(code), Message: message(code),
					Declared: slices.Contains(op.Errors, code), Modelled: slices.Contains(modelled, code),
				})
			}

			all[s.Name][op.Name] = c
		}
	}

	return all
}

func awsServices() []wire.Service {
	return []wire.Service{wire.CodeConnections(), wire.CodeStarConnections()}
}

// common are the exceptions that any operation can answer with: the protocol's
// own, those of the gate, and what AWS lets every service throw.
func common() []string {
	return []string{
		"AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException", "InternalFailure", "InvalidSignatureException",
		"MissingAuthenticationTokenException", "RequestEntityTooLargeException", "SerializationException", "ThrottlingException",
		"UnknownOperationException", "UnrecognizedClientException", "ValidationException",
	}
}

func status(code string) int {
	switch code {
	case "InternalFailure", "InternalServerException":
		return http.StatusInternalServerError
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// message has what a client could stumble over. AWS says nothing of an operation
// that it does not know.
func message(code string) string {
	if code == "UnknownOperationException" {
		return ""
	}
	return code + `: "é漢😀" <a href='b'>\n</a>; ` + "line 2\n\ttab"
}

// sample gives a value of a structure that has every member. A timestamp is the
// number that it is on the wire.
func sample(s wire.Service, t reflect.Type) map[string]any {
	v := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		if one := sampleMember(s, f.Type, f.Tag.Get("shape")); one != nil {
			v[f.Name] = one
		}
	}
	return v
}

// sampleMember gives nil for what is no member of this service.
func sampleMember(s wire.Service, t reflect.Type, name string) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}

	if t.Kind() == reflect.Struct && t != reflect.TypeFor[wire.Time]() {
		return sample(s, t)
	}

	shape, ok := s.Shapes[name]
	if !ok {
		return nil
	}

	switch {
	case t == reflect.TypeFor[wire.Time]():
		return 1795305723.456
	case t.Kind() == reflect.Int:
		return float64(shape.Max)
	case t.Kind() == reflect.String:
		return sampleText(shape, name, "")
	case t.Elem().Kind() == reflect.Struct:
		return []any{sample(s, t.Elem()), sample(s, t.Elem())}
	}

	return []any{sampleText(s.Shapes[shape.Member], shape.Member, ""), sampleText(s.Shapes[shape.Member], shape.Member, "1")}
}

// sampleText gives a string that satisfies a shape: where it can, one of odd
// letters.
func sampleText(s wire.Shape, name, suffix string) string {
	known := map[string]string{
		"AccountId":          "111122223333",
		"AmazonResourceName": "arn:aws:codeconnections:eu-central-1:111122223333:host/a-00000000",
		"ConnectionArn":      "arn:aws:codeconnections:eu-central-1:111122223333:connection/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
		"HostArn":            "arn:aws:codestar-connections:eu-central-1:111122223333:host/a-00000000",
		"IamRoleArn":         "arn:aws:iam::111122223333:role/path/to+role=,.@-_",
		"KmsKeyArn":          "arn:aws:kms:eu-central-1:111122223333:key/0a1b",
		"RepositoryLinkArn":  "arn:aws:codestar-connections:eu-central-1:111122223333:repository-link/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
		"RepositoryLinkId":   "0a1b2c3d-0A1B-0a1b-0a1b-0a1b2c3d4e5f",
		"ResourceName":       `Web_9\-a`,
		"SecurityGroupId":    "sg-0000000" + max(suffix, "0"),
		"SubnetId":           "subnet-0000000" + max(suffix, "0"),
		"VpcId":              "vpc-00000000000000000",
	}
	switch text, ok := known[name]; {
	case ok:
		return text
	case len(s.Enum) > 0:
		return s.Enum[len(s.Enum)-1] // of ProviderType that is Git, which AWS does not know
	case name == "TlsCertificate":
		return "-----BEGIN CERTIFICATE-----\n" + strings.Repeat("A", 64) + "\r\n-----END CERTIFICATE-----\n"
	}

	return fmt.Sprintf(`%s "é漢😀" <&> \%s`, name[:min(len(name), 8)], suffix)
}

// A seen exception is what a client says of one.
type seen struct {
	Code, Class, Message string
	Status               int
	RequestID            bool
}

// An answered operation is what a client makes of one operation's answers: the
// members that it got, and the exceptions by code.
type answered struct {
	Output map[string]any
	Errors map[string]seen
}

// compareAnswers compares what a client saw with what the double answered. class
// says what the client calls an exception.
func compareAnswers(t *testing.T, d *double, got map[string]map[string]answered, class func(e exception) string) {
	t.Helper()
	for service, operations := range d.cases {
		for operation, c := range operations {
			want := answered{Output: c.Output, Errors: map[string]seen{}}
			for _, e := range c.Errors {
				want.Errors[e.Code] = seen{Code: e.Code, Class: class(e), Message: e.Message, Status: e.Status, RequestID: true}
			}

			have := got[service][operation]
			for code, e := range have.Errors {
				if e.Message == "UnknownError" { // the word of two SDKs for no message
					e.Message = ""
					have.Errors[code] = e
				}
			}

			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("%s.%s (-want +seen):\n%s", service, operation, diff)
			}
		}
	}
}
