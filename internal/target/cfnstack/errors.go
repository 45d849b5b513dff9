package cfnstack

import (
	"context"
	"errors"
	"net"
	"net/http"
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
	case isNotXML(err):
		return s.notXMLError(call, err)
	case code == "":
		return s.unreachableError(call, err)
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

// notXMLError is the error of an HTTP 500 that is not CloudFormation's. An endpoint
// that emulates CloudFormation sends it for what it does not support, which is
// permanent. From AWS it comes from a proxy, which is temporary.
func (s *session) notXMLError(call string, err error) error {
	if s.driver.options.Target == "" {
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: AWS answered HTTP 500.", call)
	}
	return lockstep.Wrapf(lockstep.Invalid, err, "%s: the endpoint %s answered HTTP 500 and no CloudFormation error: "+
		"it does not support this, or cannot read the template.", call, s.driver.endpointName())
}

func (s *session) unreachableError(call string, err error) error {
	if code := httpStatus(err); code >= 400 && code < 500 {
		return lockstep.Wrapf(lockstep.Invalid, err,
			"%s: the endpoint %s answered HTTP %d and no CloudFormation error.", call, s.driver.endpointName(), code)
	}
	if code := httpStatus(err); code != 0 && code < 300 {
		return lockstep.Wrapf(lockstep.Unavailable, err,
			"%s: the endpoint %s sent a response that is not CloudFormation's.", call, s.driver.endpointName())
	}

	reason := "no response"
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		reason = "its name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		reason = "the request timed out"
	}

	return lockstep.Wrapf(lockstep.Unavailable, err,
		"%s: %s cannot be reached: %s.", call, s.driver.endpointName(), reason)
}

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

// isNotXML reports whether an error is an HTTP 500 that is not CloudFormation's.
func isNotXML(err error) bool {
	code, _ := apiError(err)
	return httpStatus(err) == http.StatusInternalServerError && (code == "" || code == "UnknownError")
}

// asSentence returns a service's message, or its code, as a sentence.
func asSentence(message, code string) string {
	message = strings.TrimSpace(message)
	if message == "" {
		message = code
	}
	return lockstep.Truncate(strings.TrimRight(message, ".")+".", 1000)
}
