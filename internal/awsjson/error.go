package awsjson

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// messageLimit is AWS's limit, in characters, of an exception's message.
const messageLimit = 600

// An Error is an answer already: code is the exception's name without a
// namespace. An operation, Authenticate or anything they call may return one,
// wrapped or not, and [Options.Errors] does not see it.
type Error struct {
	Code    string
	Status  int
	Message string
	// Err is for the log only. It may be nil.
	Err error
}

// Error names the exception and its cause for a log.
func (e *Error) Error() string {
	text := e.Code
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func serialization(message string) *Error {
	return &Error{Code: "SerializationException", Status: http.StatusBadRequest, Message: message}
}

// unknownOperation has no message, as at AWS.
func unknownOperation() *Error {
	return &Error{Code: "UnknownOperationException", Status: http.StatusBadRequest}
}

func internalFailure(cause error) *Error {
	return &Error{Code: "InternalFailure", Status: http.StatusInternalServerError, Err: cause}
}

// appendError writes the body of an exception. The protocol's own exceptions
// have namespaces of AWS's framework and a member message; those of a model
// have the service's namespace and a member Message.
func appendError(b []byte, namespace string, e *Error) []byte {
	space, member := namespace, "Message"
	switch e.Code {
	case "ValidationException":
		space, member = "com.amazon.coral.validate", "message"
	case "AccessDeniedException", "SerializationException":
		space = "com.amazon.coral.service"
	case "ExpiredTokenException", "IncompleteSignatureException", "InternalFailure", "InvalidSignatureException",
		"MissingAuthenticationTokenException", "RequestEntityTooLargeException", "UnknownOperationException",
		"UnrecognizedClientException":
		space, member = "com.amazon.coral.service", "message"
	}

	name := e.Code
	if space != "" {
		name = space + "#" + e.Code
	}

	b = append(b, `{"__type":`...)
	b = appendText(b, name)
	if e.Message != "" {
		b = append(b, `,"`...)
		b = append(b, member...)
		b = append(b, `":`...)
		b = appendText(b, cut(e.Message, messageLimit))
	}

	return append(b, '}')
}

// cut returns the first n characters of s.
func cut(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}

	var b strings.Builder
	for _, r := range s {
		if n == 0 {
			break
		}

		b.WriteRune(r)
		n--
	}

	return b.String()
}
