package sigv4

import (
	"fmt"
	"time"
)

// A Reason is why a request was refused.
type Reason int

// The reasons, in the order in which they are looked for.
const (
	Missing     Reason = iota // it is not signed at all
	Unsupported               // it is signed in a way that is refused: presigned, chunked, unsigned payload, another algorithm
	Incomplete                // the signature lacks something or is malformed
	Scope                     // it is signed for another service, region or day
	Unsigned                  // a header that must be signed is not
	Expired                   // it was signed too long ago, or in the future
	UnknownKey                // nobody has this access key
	Mismatch                  // the signature is wrong
)

// An Error says why a request was refused. Message is AWS's and may be shown.
type Error struct {
	Reason  Reason
	Message string
}

// Error returns the exception's name and the message.
func (e *Error) Error() string { return e.Code() + ": " + e.Message }

// Code returns the exception's name in services that speak JSON, which answer
// it with HTTP status 400.
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

// QueryCode returns the error's name in services that speak Query, such as
// CloudFormation and STS, which answer it with HTTP status 403.
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

// UnknownKeyError is for the caller to return when it finds no secret for an
// access key, or when the key is disabled.
func UnknownKeyError() *Error {
	return &Error{UnknownKey, "The security token included in the request is invalid."}
}

func mismatch() *Error {
	return &Error{Mismatch, "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{reason, fmt.Sprintf(format, args...)}
}

// timeFormat is ISO 8601's basic format.
const timeFormat = "20060102T150405Z"

// checkTime refuses what was signed more than skew before or after now.
func checkTime(signed, now time.Time, skew time.Duration) error {
	now = now.UTC().Truncate(time.Second)
	limit := now.Add(-skew)
	if signed.Before(limit) {
		return refuse(Expired, "Signature expired: %s is now earlier than %s (%s - %s.)",
			signed.Format(timeFormat), limit.Format(timeFormat), now.Format(timeFormat), minutes(skew))
	}

	limit = now.Add(skew)
	if signed.After(limit) {
		return refuse(Expired, "Signature not yet current: %s is still later than %s (%s + %s.)",
			signed.Format(timeFormat), limit.Format(timeFormat), now.Format(timeFormat), minutes(skew))
	}

	return nil
}

func minutes(d time.Duration) string { return fmt.Sprintf("%g min", d.Minutes()) }
