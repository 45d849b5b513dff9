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

// kinds says who has to act on an error code of CloudFormation or STS. Codes
// are matched without the endings Exception and Error, which endpoints do not
// agree on.
var kinds = map[string]lockstep.Kind{
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

// fault turns the error of a call into one for the attempt's owner. What a
// service refused for a reason of its own is Invalid.
func (s *session) fault(operation string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*lockstep.Error](err); ok {
		return err
	}

	call, who := "cloudformation:"+operation, s.who
	if operation == "AssumeRole" {
		call, who = "sts:"+operation, ownCredentials
	}

	code, message := refusal(err)
	switch kind, known := kinds[plainCode(code)]; {
	case isNotXML(err):
		return s.notXML(call, err)
	case code == "":
		return s.unreachable(call, err)
	case kind == lockstep.Denied:
		e := lockstep.Wrapf(kind, err, "%s was denied to %s: %s", call, who, sentence(message, code))
		e.Contexts = []lockstep.Context{{Key: "Action", Value: call}, {Key: "Principal", Value: who}}
		return e
	case known:
		return lockstep.Wrapf(kind, err, "%s: %s", call, sentence(message, code))
	case status(err) >= http.StatusInternalServerError:
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s", call, sentence(message, code))
	default:
		return lockstep.Wrapf(lockstep.Invalid, err, "%s: %s", call, sentence(message, code))
	}
}

// notXML is how an endpoint that imitates CloudFormation breaks on what it
// does not know: for good. From AWS it is a proxy's answer: for now.
func (s *session) notXML(call string, err error) error {
	if s.d.options.Target == "" {
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: AWS answered HTTP 500.", call)
	}
	return lockstep.Wrapf(lockstep.Invalid, err, "%s: the endpoint %s answered HTTP 500 and no CloudFormation error: "+
		"it does not support this, or cannot read the template.", call, s.d.endpointName())
}

func (s *session) unreachable(call string, err error) error {
	if code := status(err); code >= 400 && code < 500 {
		return lockstep.Wrapf(lockstep.Invalid, err, "%s: the endpoint %s answered HTTP %d and no CloudFormation error.", call, s.d.endpointName(), code)
	}
	if code := status(err); code != 0 && code < 300 {
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: the endpoint %s gave an answer that is not CloudFormation's.", call, s.d.endpointName())
	}

	reason := "no answer"
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		reason = "its name is not known"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		reason = "no answer in time"
	}

	return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s cannot be reached: %s.", call, s.d.endpointName(), reason)
}

// refusal gives the code and the message of a service's error, "" where the
// error is not a service's.
func refusal(err error) (code, message string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", ""
	}
	return api.ErrorCode(), api.ErrorMessage()
}

// plainCode drops the endings that endpoints do not agree on.
func plainCode(code string) string {
	return strings.TrimSuffix(strings.TrimSuffix(code, "Exception"), "Error")
}

func isCode(err error, codes ...string) bool {
	code, _ := refusal(err)
	for _, c := range codes {
		if code != "" && plainCode(code) == c {
			return true
		}
	}
	return false
}

// status gives the HTTP status of an answer, 0 where there was none.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// isNotXML recognises an answer of HTTP 500 that is not CloudFormation's.
func isNotXML(err error) bool {
	code, _ := refusal(err)
	return status(err) == http.StatusInternalServerError && (code == "" || code == "UnknownError")
}

// sentence makes a sentence of a service's message.
func sentence(message, code string) string {
	message = strings.TrimSpace(message)
	if message == "" {
		message = code
	}
	return lockstep.Truncate(strings.TrimRight(message, ".")+".", 1000)
}
