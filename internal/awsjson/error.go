package awsjson

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// messageLimit is AWS's limit of an exception's message, in characters.
const messageLimit = 600

// An Error is a complete error response. An operation, Authenticate or what they
// call may return one, wrapped or not. [Options.Errors] is not called for it.
type Error struct {
	// Code is the name of the exception, without a namespace.
	Code    string
	Status  int
	Message string
	// Err is only logged. It may be nil.
	Err error
}

// Error returns the exception and its cause, for logs.
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

func serializationError(message string) *Error {
	return &Error{Code: "SerializationException", Status: http.StatusBadRequest, Message: message}
}

// unknownOperation has no message, as at AWS.
func unknownOperation() *Error {
	return &Error{Code: "UnknownOperationException", Status: http.StatusBadRequest}
}

func internalFailure(cause error) *Error {
	return &Error{Code: "InternalFailure", Status: http.StatusInternalServerError, Err: cause}
}

// appendError appends the body of an exception. Exceptions of the protocol have a
// namespace of AWS's framework and a member message. Those of a model have the
// service's namespace and a member Message.
func appendError(b []byte, namespace string, failure *Error) []byte {
	space, member := namespace, "Message"
	switch failure.Code {
	case "ValidationException":
		space, member = "com.amazon.coral.validate", "message"
	case "AccessDeniedException", "SerializationException":
		space = "com.amazon.coral.service"
	case "ExpiredTokenException", "IncompleteSignatureException", "InternalFailure", "InvalidSignatureException",
		"MissingAuthenticationTokenException", "RequestEntityTooLargeException", "UnknownOperationException",
		"UnrecognizedClientException":
		space, member = "com.amazon.coral.service", "message"
	}

	name := failure.Code
	if space != "" {
		name = space + "#" + failure.Code
	}

	b = append(b, `{"__type":`...)
	b = appendText(b, name)
	if failure.Message != "" {
		b = append(b, `,"`...)
		b = append(b, member...)
		b = append(b, `":`...)
		b = appendText(b, truncate(failure.Message, messageLimit))
	}

	return append(b, '}')
}

// truncate returns the first limit characters of text.
func truncate(text string, limit int) string {
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}

	var b strings.Builder
	for _, char := range text {
		if limit == 0 {
			break
		}

		b.WriteRune(char)
		limit--
	}

	return b.String()
}
