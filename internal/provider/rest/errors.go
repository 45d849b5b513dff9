package rest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/provider"
)

const (
	// maxMessage is how much of a host's message an error repeats, in bytes.
	maxMessage = 300
	maxWait    = time.Hour
	// minSecret is the shortest text that is redacted: shorter ones occur by chance.
	minSecret = 8
)

// TransportError returns the error of a library's call that [Client.HTTP] carried; resp
// is nil if there was no response. A *lockstep.Error in err is returned as it is. A
// response that the library could not read is not repeated, because it may contain the
// credential. message is what the host says, "" for nothing.
func (c *Client) TransportError(resp *http.Response, err error, message string) error {
	if translated, ok := errors.AsType[*lockstep.Error](err); ok {
		return translated
	}
	switch {
	case resp == nil:
		return c.requestError(nil, err)
	case resp.StatusCode/100 != 2:
		return c.ResponseError(resp, message)
	}
	return decodeError(resp.Request, err)
}

// decodeError returns the error of a 2xx response with other content than expected.
func decodeError(req *http.Request, err error) error {
	if errors.Is(err, errTooLong) {
		return lockstep.Errorf(lockstep.Limit, "%s: the answer has more than %d bytes.", describe(req), maxResponse)
	}
	return lockstep.Errorf(lockstep.Unavailable, "%s: the answer is not the JSON that was expected.", describe(req))
}

// requestError returns the error of a request without response. req is nil if it is
// unknown.
func (c *Client) requestError(req *http.Request, err error) error {
	if translated, ok := errors.AsType[*lockstep.Error](err); ok {
		return translated
	}

	where := c.base.Scheme + "://" + c.base.Host
	if req != nil {
		where = describe(req)
	}

	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err // its own text repeats the query
	}

	if errors.Is(err, giterr.ErrAddress) || errors.Is(err, giterr.ErrProxy) {
		return lockstep.Wrapf(lockstep.Denied, errors.Join(provider.ErrCredentialNotSent, err), "%s: %s", where, err)
	}

	return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s", where, err)
}

// ResponseError returns what a response with a status other than 2xx means. message is
// what the host says, "" for nothing.
func (c *Client) ResponseError(resp *http.Response, message string) error {
	text := describe(resp.Request) + ": the host answers " + strconv.Itoa(resp.StatusCode) + " " +
		http.StatusText(resp.StatusCode)
	if resp.StatusCode/100 == 3 {
		if to, err := resp.Location(); err == nil {
			text += " and points to " + to.Scheme + "://" + to.Host + to.EscapedPath() + ", which is not followed"
		}
	}

	if message != "" {
		text += " and says " + strconv.Quote(lockstep.Truncate(redactSent(message, resp.Request.Header), maxMessage))
	}

	text = c.network.WithProxy(resp.Request.URL, text)
	// A redirect on the same origin leads to an address of the host's choice, which may
	// repeat the credential.
	fault := &lockstep.Error{Kind: kindOf(resp), Message: redactSent(text, resp.Request.Header) + "."}
	if wait := retryAfter(resp.Header, time.Now()); fault.Kind == lockstep.Unavailable && wait > 0 {
		fault.Err = &provider.RetryAfterError{Wait: wait}
	}

	return fault
}

// kindOf returns the kind of error of a response. Hosts report rate limits by 403 too.
func kindOf(resp *http.Response) lockstep.Kind {
	code, header := resp.StatusCode, resp.Header
	switch {
	case code == http.StatusForbidden && (header.Get("Retry-After") != "" ||
		header.Get("X-RateLimit-Remaining") == "0"):
		return lockstep.Unavailable
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return lockstep.Unavailable
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return lockstep.Denied
	case code == http.StatusNotFound, code == http.StatusGone:
		return lockstep.NotFound
	case code == http.StatusConflict:
		return lockstep.Exists
	}

	return lockstep.Invalid
}

// retryAfter returns how long a host wants no requests: Retry-After in seconds or as a
// date, else the end of its rate limit's window.
func retryAfter(header http.Header, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		wait = date.Sub(now)
	} else {
		for _, name := range []string{"X-RateLimit-", "RateLimit-"} { // GitHub and others, GitLab
			reset, err := strconv.ParseInt(header.Get(name+"Reset"), 10, 64)
			if err == nil && header.Get(name+"Remaining") == "0" {
				wait = time.Unix(reset, 0).Sub(now)
			}
		}
	}

	return min(max(wait, 0), maxWait)
}

// describe names a request without its query.
func describe(req *http.Request) string {
	return req.Method + " " + req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
}

// messageIn returns the message in the body of an error: the field that hosts use for
// it, else the first line of the text.
func messageIn(body []byte) string {
	var fields struct {
		Message any `json:"message"` // GitHub, GitLab, Gitea, Azure DevOps
		Error   any `json:"error"`   // GitLab, Bitbucket
		// Description belongs to a code in Error, as in RFC 6750. GitLab names the missing
		// permission in it.
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &fields) == nil {
		if code, ok := fields.Error.(string); ok && fields.Description != "" {
			fields.Error = code + ": " + fields.Description
		}

		for _, field := range []any{fields.Message, fields.Error} {
			if nested, ok := field.(map[string]any); ok && nested["message"] != nil {
				field = nested["message"]
			}

			switch field := field.(type) {
			case nil:
			case string:
				if field != "" {
					return field
				}
			default:
				if encoded, err := json.Marshal(field); err == nil {
					return string(encoded)
				}
			}
		}
	}

	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if strings.HasPrefix(line, "<") { // a page for people
		return ""
	}

	return line
}

// redactSent removes the credential of a request from a text.
func redactSent(text string, sent http.Header) string {
	for _, name := range []string{"Authorization", "Private-Token"} {
		_, value, ok := strings.Cut(sent.Get(name), " ")
		if !ok {
			value = sent.Get(name)
		}

		secrets := []string{value}
		if pair, err := base64.StdEncoding.DecodeString(value); err == nil {
			_, password, _ := strings.Cut(string(pair), ":")
			secrets = append(secrets, password)
		}

		for _, secret := range secrets {
			if len(secret) >= minSecret {
				text = strings.ReplaceAll(text, secret, "****")
			}
		}
	}

	return text
}

// RedactSecret removes a secret that was sent in a body from the message of an error.
func RedactSecret(err error, secret string) error {
	fault, ok := errors.AsType[*lockstep.Error](err)
	if !ok || secret == "" {
		return err
	}

	redacted := *fault
	redacted.Message = strings.ReplaceAll(fault.Message, secret, "****")
	for n := len(secret) - 1; n >= minSecret; n-- { // where the host's message was cut
		redacted.Message = strings.ReplaceAll(redacted.Message, secret[:n]+"…", "****…")
	}

	return &redacted
}
