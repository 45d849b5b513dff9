package client

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/aws/smithy-go"
)

// A ConfigError is returned if there is no server or no key, or if it must not be
// used.
type ConfigError struct {
	Problem string
	Hint    string
	Err     error // optional
}

// Error returns the problem and the hint.
func (e *ConfigError) Error() string { return e.Problem + " " + e.Hint }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// An UnreachableError is returned if the server did not respond.
type UnreachableError struct {
	Endpoint string
	Err      error
	// wrongServer is whether something that is not a Lockstep server responded.
	wrongServer bool
}

// Error returns the server and the cause.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.Endpoint, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// RetryableError reports whether the SDK should retry. It does not if nothing
// listens: a person is waiting, and callers that poll retry anyway.
func (e *UnreachableError) RetryableError() bool { return !e.dialing() && !e.wrongServer }

func (e *UnreachableError) dialing() bool {
	var op *net.OpError
	return errors.As(e.Err, &op) && op.Op == "dial"
}

// Unreachable reports whether the server did not respond.
func Unreachable(err error) bool {
	var e *UnreachableError
	return errors.As(err, &e)
}

// Code returns the name of the exception in the server's response, or "" if err is
// not one.
func Code(err error) string {
	var exception smithy.APIError
	if !errors.As(err, &exception) {
		return ""
	}
	return exception.ErrorCode()
}

// Explain returns an error as text for a person: the problem, and a hint on what to
// do, which may be empty.
func (s Settings) Explain(err error) (problem, hint string) {
	var configuration *ConfigError
	var unreachable *UnreachableError
	var answer smithy.APIError
	switch {
	case errors.As(err, &configuration):
		return configuration.Problem, configuration.Hint
	case errors.Is(err, context.Canceled):
		return "Interrupted.", ""
	case errors.As(err, &unreachable):
		return s.explainUnreachable(unreachable)
	case errors.As(err, &answer):
		return s.explainAnswer(answer)
	}

	return err.Error(), ""
}

func (s Settings) explainUnreachable(unreachable *UnreachableError) (problem, hint string) {
	if unreachable.dialing() {
		return fmt.Sprintf("Nothing listens at %s (from %s).", unreachable.Endpoint, s.EndpointFrom),
			"Start the server with `lockstep up` or `lockstep serve`, or name another with --endpoint-url, " +
				"--profile or --data."
	}
	return fmt.Sprintf("%s (from %s) did not respond: %v.", unreachable.Endpoint, s.EndpointFrom, unreachable.Err),
		"Check that a Lockstep server runs there."
}

func (s Settings) explainAnswer(exception smithy.APIError) (problem, hint string) {
	problem = exception.ErrorCode()
	if m := exception.ErrorMessage(); m != "" {
		problem += ": " + m
	}

	if s.RoleARN != "" {
		if hint := s.explainAssumeRole(exception); hint != "" {
			return problem, hint
		}
	}

	switch exception.ErrorCode() {
	case "UnrecognizedClientException":
		return problem, fmt.Sprintf("The server at %s does not know the %s, or it was disabled. "+
			"Use one that `lockstep key list` shows, or create one with `lockstep key create`.", s.Endpoint, s.caller())
	case "ExpiredTokenException":
		return problem, fmt.Sprintf("The session of the %s has expired. Start another.", s.caller())
	case "InvalidSignatureException":
		return problem, fmt.Sprintf("The secret from %s does not belong to the %s, or something on the way to %s "+
			"changes requests.", s.KeyFrom, s.caller(), s.Endpoint)
	case "AccessDeniedException":
		return problem, fmt.Sprintf("The %s is not permitted to do this. An administrator can permit it with "+
			"`lockstep policy put`, or create a key with another role: `lockstep key create NAME --role operator`.",
			s.caller())
	case "UnknownOperationException":
		return problem, fmt.Sprintf("Check that %s is a Lockstep server of this version (`lockstep version`).",
			s.Endpoint)
	}

	return problem, ""
}

// explainAssumeRole returns a hint if assuming the role failed, and "" otherwise.
func (s Settings) explainAssumeRole(e smithy.APIError) (hint string) {
	switch e.ErrorCode() {
	case "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError", "AccessDenied":
		return fmt.Sprintf("The %s cannot be assumed with the token in %s. `lockstep role list` shows which "+
			"tokens a role accepts.", s.caller(), s.tokenFile)
	case "ExpiredTokenException":
		return fmt.Sprintf("The token in %s has expired. Let the job fetch another.", s.tokenFile)
	}
	return ""
}

// caller returns the key or role in use, and where it was found.
func (s Settings) caller() string {
	if s.AccessKeyID == "" {
		return fmt.Sprintf("role %s (from %s)", s.RoleARN, s.KeyFrom)
	}
	return fmt.Sprintf("key %s (from %s)", s.AccessKeyID, s.KeyFrom)
}

// Message returns the message of the exception in the server's response, without
// its name and the operation, or the text of err if it is not one.
func Message(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) && e.ErrorMessage() != "" {
		return e.ErrorMessage()
	}
	return err.Error()
}
