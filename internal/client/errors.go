package client

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/aws/smithy-go"
)

// A ConfigError says that the server, or a key for it, is not known or may not
// be used.
type ConfigError struct {
	Problem string
	Remedy  string
	Err     error // may be nil
}

// Error is the problem and the remedy.
func (e *ConfigError) Error() string { return e.Problem + " " + e.Remedy }

// Unwrap gives the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// An UnreachableError says that no answer came from the server.
type UnreachableError struct {
	Endpoint string
	Err      error
	// stranger says that something else answered.
	stranger bool
}

// Error names the server and the cause.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.Endpoint, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// RetryableError tells the SDK not to try again where nothing listens: a person
// waits for the answer, and who polls does so anyway.
func (e *UnreachableError) RetryableError() bool { return !e.dialing() && !e.stranger }

func (e *UnreachableError) dialing() bool {
	var op *net.OpError
	return errors.As(e.Err, &op) && op.Op == "dial"
}

// Unreachable says whether err means that the server gave no answer at all.
func Unreachable(err error) bool {
	var e *UnreachableError
	return errors.As(err, &e)
}

// Code gives the name of the exception that the server answered with, "" where
// it did not answer with one.
func Code(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorCode()
}

// Explain says to a person what went wrong and what to do, the latter "" where
// the first says it all.
func (s Settings) Explain(err error) (problem, remedy string) {
	var configuration *ConfigError
	var unreachable *UnreachableError
	var answer smithy.APIError
	switch {
	case errors.As(err, &configuration):
		return configuration.Problem, configuration.Remedy
	case errors.Is(err, context.Canceled):
		return "Interrupted.", ""
	case errors.As(err, &unreachable):
		return s.explainUnreachable(unreachable)
	case errors.As(err, &answer):
		return s.explainAnswer(answer)
	}

	return err.Error(), ""
}

func (s Settings) explainUnreachable(e *UnreachableError) (problem, remedy string) {
	if e.dialing() {
		return fmt.Sprintf("Nothing listens at %s (from %s).", e.Endpoint, s.EndpointFrom),
			"Start the server with `lockstep up` or `lockstep serve`, or name another with --endpoint-url, --profile or --data."
	}
	return fmt.Sprintf("%s (from %s) gave no answer: %v.", e.Endpoint, s.EndpointFrom, e.Err),
		"Look whether a Lockstep server runs there."
}

func (s Settings) explainAnswer(e smithy.APIError) (problem, remedy string) {
	problem = e.ErrorCode()
	if m := e.ErrorMessage(); m != "" {
		problem += ": " + m
	}

	if s.RoleARN != "" {
		if remedy := s.explainAssuming(e); remedy != "" {
			return problem, remedy
		}
	}

	switch e.ErrorCode() {
	case "UnrecognizedClientException":
		return problem, fmt.Sprintf("The server at %s does not know the %s, or it was disabled. "+
			"Use one that `lockstep key list` shows, or make one with `lockstep key create`.", s.Endpoint, s.caller())
	case "ExpiredTokenException":
		return problem, fmt.Sprintf("The session of the %s is over: begin another.", s.caller())
	case "InvalidSignatureException":
		return problem, fmt.Sprintf("The secret from %s does not belong to the %s, or something between here and %s "+
			"changes requests.", s.KeyFrom, s.caller(), s.Endpoint)
	case "AccessDeniedException":
		return problem, fmt.Sprintf("The %s may not do this. Whoever administers the server can permit it with `lockstep policy put`, "+
			"or make a key with another role: `lockstep key create NAME --role operator`.", s.caller())
	case "UnknownOperationException":
		return problem, fmt.Sprintf("Look whether %s is a Lockstep server, and of this version (`lockstep version`).", s.Endpoint)
	}

	return problem, ""
}

// explainAssuming says what to do where a role was not given, "" where it was.
func (s Settings) explainAssuming(e smithy.APIError) (remedy string) {
	switch e.ErrorCode() {
	case "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError", "AccessDenied":
		return fmt.Sprintf("The token in %s does not give the %s. `lockstep role list` shows which tokens a role takes.", s.tokenFile, s.caller())
	case "ExpiredTokenException":
		return fmt.Sprintf("The token in %s is too old: have the job fetch another.", s.tokenFile)
	}
	return ""
}

// caller names the key or the role in use, and where it was found.
func (s Settings) caller() string {
	if s.AccessKeyID == "" {
		return fmt.Sprintf("role %s (from %s)", s.RoleARN, s.KeyFrom)
	}
	return fmt.Sprintf("key %s (from %s)", s.AccessKeyID, s.KeyFrom)
}

// Message gives what the server said with its exception, without the exception's
// name and the operation's; the error's own text where it did not answer with one.
func Message(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) && e.ErrorMessage() != "" {
		return e.ErrorMessage()
	}
	return err.Error()
}
