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
	// maxSaid is how much of a host's words an error repeats.
	maxSaid = 300
	maxWait = time.Hour
	// minSecret is the shortest text that is hidden: what is shorter stands in
	// every text by chance.
	minSecret = 8
)

// Failed gives the error of a library that met one on the way to the host, for
// a request that [Client.HTTP] carried; resp is nil where there was no answer. A
// *lockstep.Error in it is given as it is. Of an answer that the library could not
// read nothing is repeated: it may hold the credential.
func (c *Client) Failed(resp *http.Response, err error, words string) error {
	if ours, ok := errors.AsType[*lockstep.Error](err); ok {
		return ours
	}
	switch {
	case resp == nil:
		return c.failed(nil, err)
	case resp.StatusCode/100 != 2:
		return c.Refused(resp, words)
	}
	return unread(resp.Request, err)
}

// unread is for an answer of 2xx that is not what was asked for.
func unread(req *http.Request, err error) error {
	if errors.Is(err, errTooLong) {
		return lockstep.Errorf(lockstep.Limit, "%s: the answer has more than %d bytes.", asked(req), maxAnswer)
	}
	return lockstep.Errorf(lockstep.Unavailable, "%s: the answer is not the JSON that was expected.", asked(req))
}

// failed is for a request that got no answer.
func (c *Client) failed(req *http.Request, err error) error {
	if ours, ok := errors.AsType[*lockstep.Error](err); ok {
		return ours
	}

	where := c.base.Scheme + "://" + c.base.Host
	if req != nil {
		where = asked(req)
	}

	if wire, ok := errors.AsType[*url.Error](err); ok {
		err = wire.Err // its own text repeats the query
	}

	if errors.Is(err, giterr.ErrAddress) || errors.Is(err, giterr.ErrProxy) {
		return lockstep.Wrapf(lockstep.Denied, errors.Join(provider.ErrNotShown, err), "%s: %s", where, err)
	}

	return lockstep.Wrapf(lockstep.Unavailable, err, "%s: %s", where, err)
}

// Refused gives the error that an answer of another status than 2xx means. words
// are what the host says, "" for none.
func (c *Client) Refused(resp *http.Response, words string) error {
	text := asked(resp.Request) + ": the host answers " + strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	if resp.StatusCode/100 == 3 {
		if to, err := resp.Location(); err == nil {
			text += " and points to " + to.Scheme + "://" + to.Host + to.EscapedPath() + ", which is not followed"
		}
	}

	if words != "" {
		text += " and says " + strconv.Quote(lockstep.Truncate(hide(words, resp.Request.Header), maxSaid))
	}

	text = c.network.Through(resp.Request.URL, text)
	// A redirect on the same origin leads to an address of the host's choice.
	fault := &lockstep.Error{Kind: kindOf(resp), Message: hide(text, resp.Request.Header) + "."}
	if wait := waitOf(resp.Header, time.Now()); fault.Kind == lockstep.Unavailable && wait > 0 {
		fault.Err = &provider.Later{Wait: wait}
	}

	return fault
}

// kindOf says who has to act on an answer. Hosts say "later" with 403 too.
func kindOf(resp *http.Response) lockstep.Kind {
	code, h := resp.StatusCode, resp.Header
	switch {
	case code == http.StatusForbidden && (h.Get("Retry-After") != "" || h.Get("X-RateLimit-Remaining") == "0"):
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

// waitOf gives how long a host asks to be left alone: Retry-After in seconds or
// as a date, else the end of the window of its rate limit.
func waitOf(h http.Header, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		wait = date.Sub(now)
	} else {
		for _, name := range []string{"X-RateLimit-", "RateLimit-"} { // GitHub and others, GitLab
			reset, err := strconv.ParseInt(h.Get(name+"Reset"), 10, 64)
			if err == nil && h.Get(name+"Remaining") == "0" {
				wait = time.Unix(reset, 0).Sub(now)
			}
		}
	}

	return min(max(wait, 0), maxWait)
}

// asked names a request without its query.
func asked(req *http.Request) string {
	return req.Method + " " + req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
}

// said finds the sentence in what a host answers: that of a field that hosts put
// it in, else the first line of the text.
func said(body []byte) string {
	var fields struct {
		Message any `json:"message"` // GitHub, GitLab, Gitea, Azure DevOps
		Error   any `json:"error"`   // GitLab, Bitbucket
	}
	if json.Unmarshal(body, &fields) == nil {
		for _, v := range []any{fields.Message, fields.Error} {
			if nested, ok := v.(map[string]any); ok && nested["message"] != nil {
				v = nested["message"]
			}

			switch v := v.(type) {
			case nil:
			case string:
				if v != "" {
					return v
				}
			default:
				if b, err := json.Marshal(v); err == nil {
					return string(b)
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

// hide takes out of a host's words what the request showed it.
func hide(words string, sent http.Header) string {
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
				words = strings.ReplaceAll(words, secret, "****")
			}
		}
	}

	return words
}

// Without takes a secret that was sent in a body out of what the host says about
// it.
func Without(err error, secret string) error {
	said, ok := errors.AsType[*lockstep.Error](err)
	if !ok || secret == "" {
		return err
	}
	hidden := *said
	hidden.Message = strings.ReplaceAll(said.Message, secret, "****")
	for n := len(secret) - 1; n >= minSecret; n-- { // where the host's words were cut
		hidden.Message = strings.ReplaceAll(hidden.Message, secret[:n]+"…", "****…")
	}
	return &hidden
}
