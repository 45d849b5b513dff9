package sigv4

import (
	"fmt"
	"time"
)

// A Reason is the reason why a request is refused.
type Reason int

// The reasons, in the order of the checks.
const (
	Missing     Reason = iota // not signed
	Unsupported               // presigned, chunked, unsigned payload, or another algorithm
	Incomplete                // incomplete or malformed
	Scope                     // signed for another service, region or day
	Unsigned                  // a required header is not signed
	Expired                   // signed too long ago, or in the future
	UnknownKey                // unknown access key
	Mismatch                  // wrong signature
)

// An Error is a refusal. Message is AWS's and safe to show.
type Error struct {
	Reason  Reason
	Message string
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code() + ": " + e.Message }

// Code returns the exception in services that use JSON. Its HTTP status is 400.
func (e *Error) Code() string {
	switch e.Reason {
	case Missing:
		return "MissingAuthenticationTokenException"
	case Unsupported, Incomplete:
		return "IncompleteSignatureException"
	case UnknownKey:
		return "UnrecognizedClientException"
	}
	return "InvalidSignatureException"
}

// QueryCode returns the error code in services that use Query, such as
// CloudFormation and STS. Its HTTP status is 403.
func (e *Error) QueryCode() string {
	switch e.Reason {
	case Missing:
		return "MissingAuthenticationToken"
	case Unsupported, Incomplete:
		return "IncompleteSignature"
	case UnknownKey:
		return "InvalidClientTokenId"
	}
	return "SignatureDoesNotMatch"
}

// UnknownKeyError returns the error for an access key that is unknown or disabled.
func UnknownKeyError() *Error {
	return &Error{UnknownKey, "The security token included in the request is invalid."}
}

func mismatchError() *Error {
	return &Error{Mismatch, "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

func errorf(reason Reason, format string, args ...any) *Error {
	return &Error{reason, fmt.Sprintf(format, args...)}
}

// timeFormat is the basic format of ISO 8601.
const timeFormat = "20060102T150405Z"

// checkTime returns an error if signed is more than skew before or after now.
func checkTime(signed, now time.Time, skew time.Duration) error {
	now = now.UTC().Truncate(time.Second)
	limit := now.Add(-skew)
	if signed.Before(limit) {
		return errorf(Expired, "Signature expired: %s is now earlier than %s (%s - %s.)",
			signed.Format(timeFormat), limit.Format(timeFormat), now.Format(timeFormat), minutes(skew))
	}

	limit = now.Add(skew)
	if signed.After(limit) {
		return errorf(Expired, "Signature not yet current: %s is still later than %s (%s + %s.)",
			signed.Format(timeFormat), limit.Format(timeFormat), now.Format(timeFormat), minutes(skew))
	}

	return nil
}

func minutes(d time.Duration) string { return fmt.Sprintf("%g min", d.Minutes()) }
