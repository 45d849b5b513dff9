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

// A testCase is an operation of a service, with its request and possible responses.
type testCase struct {
	Input, Output map[string]any
	Errors        []exception
}

// An exception is an exception that an operation returns.
type exception struct {
	Code    string
	Status  int
	Message string
	// Declared says that the operation's model declares it, Modelled that any of
	// the service does.
	Declared, Modelled bool
}

// testCases returns the test cases of the two AWS services, by service and operation,
// without some members.
func testCases(without ...string) map[string]map[string]testCase {
	all := map[string]map[string]testCase{}
	for _, service := range awsServices() {
		for _, shape := range without {
			delete(service.Shapes, shape)
		}

		all[service.Name] = map[string]testCase{}
		var modelled []string
		for _, operation := range service.Operations {
			modelled = append(modelled, operation.Errors...)
		}

		for _, operation := range service.Operations {
			test := testCase{
				Input:  sampleStructure(service, operation.Input),
				Output: sampleStructure(service, operation.Output),
			}
			codes := append(commonExceptions(), operation.Errors...)
			for _, code := range slices.Compact(slices.Sorted(slices.Values(codes))) {
				test.Errors = append(test.Errors, exception{
					Code: code, Status: httpStatus(code), Message: exceptionMessage(code),
					Declared: slices.Contains(operation.Errors, code), Modelled: slices.Contains(modelled, code),
				})
			}

			all[service.Name][operation.Name] = test
		}
	}

	return all
}

func awsServices() []wire.Service {
	return []wire.Service{wire.CodeConnections(), wire.CodeStarConnections()}
}

// commonExceptions are the exceptions that every operation can return: those of the
// protocol, of authorization and rate limits, and AWS's common errors.
func commonExceptions() []string {
	return []string{
		"AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException",
		"InternalFailure", "InvalidSignatureException", "MissingAuthenticationTokenException",
		"RequestEntityTooLargeException", "SerializationException", "ThrottlingException",
		"UnknownOperationException", "UnrecognizedClientException", "ValidationException",
	}
}

func httpStatus(code string) int {
	switch code {
	case "InternalFailure", "InternalServerException":
		return http.StatusInternalServerError
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// exceptionMessage returns a message with unusual characters. AWS has none for
// unknown operations.
func exceptionMessage(code string) string {
	if code == "UnknownOperationException" {
		return ""
	}
	return code + `: "é漢😀" <a href='b'>\n</a>; ` + "line 2\n\ttab"
}

// sampleStructure returns a value of a structure with every member. Timestamps are
// numbers, as on the wire.
func sampleStructure(service wire.Service, t reflect.Type) map[string]any {
	values := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		if one := sampleMember(service, f.Type, f.Tag.Get("shape")); one != nil {
			values[f.Name] = one
		}
	}
	return values
}

// sampleMember returns a value of a member, or nil if this service does not have it.
func sampleMember(service wire.Service, t reflect.Type, name string) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}

	if t.Kind() == reflect.Struct && t != reflect.TypeFor[wire.Time]() {
		return sampleStructure(service, t)
	}

	shape, ok := service.Shapes[name]
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
		return []any{sampleStructure(service, t.Elem()), sampleStructure(service, t.Elem())}
	}

	return []any{
		sampleText(service.Shapes[shape.Member], shape.Member, ""),
		sampleText(service.Shapes[shape.Member], shape.Member, "1"),
	}
}

// sampleText returns a string that satisfies a shape, with unusual characters if
// possible.
func sampleText(shape wire.Shape, name, suffix string) string {
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
	case len(shape.Enum) > 0:
		return shape.Enum[len(shape.Enum)-1] // of ProviderType that is Git, which AWS does not know
	case name == "TlsCertificate":
		return "-----BEGIN CERTIFICATE-----\n" + strings.Repeat("A", 64) + "\r\n-----END CERTIFICATE-----\n"
	}

	return fmt.Sprintf(`%s "é漢😀" <&> \%s`, name[:min(len(name), 8)], suffix)
}

// A seenException is an exception as a client reports it.
type seenException struct {
	Code, Class, Message string
	Status               int
	RequestID            bool
}

// A clientResult is what a client decoded of an operation's responses: the members,
// and the exceptions by code.
type clientResult struct {
	Output map[string]any
	Errors map[string]seenException
}

// compareResults compares what a client decoded with what the fake server returned.
// class returns the client's name of an exception.
func compareResults(
	t *testing.T,
	server *fakeServer,
	got map[string]map[string]clientResult,
	class func(exception exception) string,
) {
	t.Helper()
	for service, operations := range server.cases {
		for operation, c := range operations {
			want := clientResult{Output: c.Output, Errors: map[string]seenException{}}
			for _, exception := range c.Errors {
				want.Errors[exception.Code] = seenException{
					Code:      exception.Code,
					Class:     class(exception),
					Message:   exception.Message,
					Status:    exception.Status,
					RequestID: true,
				}
			}

			have := got[service][operation]
			for code, exception := range have.Errors {
				if exception.Message == "UnknownError" { // the word of two SDKs for no message
					exception.Message = ""
					have.Errors[code] = exception
				}
			}

			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("%s.%s (-want +seen):\n%s", service, operation, diff)
			}
		}
	}
}
