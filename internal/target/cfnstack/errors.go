package cfnstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep"
)

// errorKinds are the kinds of the error codes of CloudFormation and STS. Codes have
// no suffix Exception or Error here, since endpoints differ in that.
var errorKinds = map[string]lockstep.Kind{
	"Throttling":             lockstep.Unavailable,
	"Throttled":              lockstep.Unavailable,
	"RequestLimitExceeded":   lockstep.Unavailable,
	"TooManyRequests":        lockstep.Unavailable,
	"SlowDown":               lockstep.Unavailable,
	"RequestTimeout":         lockstep.Unavailable,
	"ServiceUnavailable":     lockstep.Unavailable,
	"InternalFailure":        lockstep.Unavailable,
	"Internal":               lockstep.Unavailable,
	"InternalServer":         lockstep.Unavailable,
	"OperationInProgress":    lockstep.Unavailable,
	"InvalidChangeSetStatus": lockstep.Unavailable,
	"IDPCommunication":       lockstep.Unavailable,

	"AccessDenied":               lockstep.Denied,
	"UnauthorizedOperation":      lockstep.Denied,
	"NotAuthorized":              lockstep.Denied,
	"AuthFailure":                lockstep.Denied,
	"ExpiredToken":               lockstep.Denied,
	"RequestExpired":             lockstep.Denied,
	"InvalidClientTokenId":       lockstep.Denied,
	"UnrecognizedClient":         lockstep.Denied,
	"InvalidAccessKeyId":         lockstep.Denied,
	"SignatureDoesNotMatch":      lockstep.Denied,
	"InvalidSignature":           lockstep.Denied,
	"IncompleteSignature":        lockstep.Denied,
	"MissingAuthenticationToken": lockstep.Denied,
	"OptInRequired":              lockstep.Denied,
	"RegionDisabled":             lockstep.Denied,

	"LimitExceeded": lockstep.Limit,
}

// toError converts the error of a call into one for the attempt's owner. Its kind is
// Invalid if a service refused the call with an unknown code.
func (s *session) toError(operation string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*lockstep.Error](err); ok {
		return err
	}

	call, who := "cloudformation:"+operation, s.principal
	if operation == "AssumeRole" {
		call, who = "sts:"+operation, ownPrincipal
	}

	code, message := apiError(err)
	switch kind, known := errorKinds[normalizeCode(code)]; {
	case isPlain(err):
		return s.plainError(call, err)
	case isExpired(code) && s.driver.renewRole(s.cfg):
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s New credentials are requested.", call,
			asSentence(message, code))
	case kind == lockstep.Denied:
		e := lockstep.Wrapf(kind, err, "%s was denied to %s: %s", call, who, asSentence(message, code))
		e.Contexts = []lockstep.Context{{Key: "Action", Value: call}, {Key: "Principal", Value: who}}
		return e
	case known:
		return lockstep.Wrapf(kind, err, "%s: %s", call, asSentence(message, code))
	case httpStatus(err) >= http.StatusInternalServerError:
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s", call, asSentence(message, code))
	default:
		return lockstep.Wrapf(lockstep.Invalid, err, "%s: %s", call, asSentence(message, code))
	}
}

// plainError is the error of a call that CloudFormation has not answered: the
// connection broke, or something else has answered in its place. That passes, but for
// answers that an endpoint gives to what it does not support; those count after a
// while.
func (s *session) plainError(call string, err error) error {
	endpoint := s.driver.endpointName()
	status := httpStatus(err)
	switch {
	case status == 0:
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s cannot be reached: %s.", call, endpoint, networkReason(err))
	case status < http.StatusMultipleChoices:
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: the response of %s is not CloudFormation's%s.", call,
			endpoint, quotedBody(err))
	}

	answer := fmt.Sprintf("%s: %s answered HTTP %d and no CloudFormation error%s", call, endpoint, status, quotedBody(err))
	if s.isPatient || isPassing(status) && !s.mayBeUnsupported(status) || isCut(err) {
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s.", answer)
	}

	return lockstep.Wrapf(lockstep.Invalid, err, "%s: it does not support this, or cannot read the template.", answer)
}

// emptyError is the error of a call that was answered with success and nothing else,
// as something between this server and CloudFormation may do.
func (s *session) emptyError(operation, missing string) error {
	return lockstep.Errorf(lockstep.Unavailable, "cloudformation:%s: %s returned no %s and no error.",
		operation, s.driver.endpointName(), missing)
}

// isPassing reports whether proxies and load balancers answer with an HTTP status for
// a time.
func isPassing(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError
}

// mayBeUnsupported reports whether an endpoint that emulates CloudFormation answers
// with an HTTP status to what it does not support.
func (s *session) mayBeUnsupported(status int) bool {
	return status == http.StatusInternalServerError && s.driver.options.Target != ""
}

func networkReason(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "its name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the request timed out"
	}
	return "no response"
}

// isCut reports whether the connection broke before the whole response was read.
func isCut(err error) bool {
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network)
}

var htmlTag = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>|<[^>]*>`)

// quotedBody returns the first words of a response, for a message; "" if they are not
// known.
func quotedBody(err error) string {
	var undecoded *smithy.DeserializationError
	if !errors.As(err, &undecoded) || len(undecoded.Snapshot) == 0 {
		return ""
	}

	words := strings.Fields(htmlTag.ReplaceAllString(string(undecoded.Snapshot), " "))
	text := lockstep.SanitizeLine(strings.Join(words, " "))
	if text == "" {
		return ""
	}
	return ": \"" + lockstep.Truncate(text, 80) + "\""
}

// isExpired reports whether a code says that credentials have expired.
func isExpired(code string) bool { return normalizeCode(code) == "ExpiredToken" }

// apiError returns the code and the message of a service's error, or "" if the
// error is not from a service.
func apiError(err error) (code, message string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", ""
	}
	return api.ErrorCode(), api.ErrorMessage()
}

// normalizeCode removes the suffixes in which endpoints differ.
func normalizeCode(code string) string {
	return strings.TrimSuffix(strings.TrimSuffix(code, "Exception"), "Error")
}

func hasCode(err error, codes ...string) bool {
	code, _ := apiError(err)
	for _, c := range codes {
		if code != "" && normalizeCode(code) == c {
			return true
		}
	}
	return false
}

// httpStatus returns the HTTP status of a response, or 0 if there was none.
func httpStatus(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// isPlain reports whether an error is not an answer of CloudFormation or STS.
func isPlain(err error) bool {
	code, _ := apiError(err)
	return err != nil && (code == "" || code == "UnknownError")
}

// asSentence returns a service's message, or its code, as a sentence.
func asSentence(message, code string) string {
	message = strings.TrimSpace(message)
	if message == "" {
		message = code
	}
	return lockstep.Truncate(strings.TrimRight(message, ".")+".", 1000)
}
