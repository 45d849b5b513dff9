package sandbox

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sigv4"
)

// A caller is the principal that signed a request, and the region.
type caller struct {
	account string
	region  string
	arn     string
	userID  string
	access  Access
}

// Access is what a caller may do. Each includes those before it.
type Access int

const (
	NoAccess    Access = iota // nothing but GetCallerIdentity
	ReadAccess                // read what is in the caller's account
	WriteAccess               // change it, also as a role of that account
	AllAccounts               // assume roles of any account
)

// A Key is an access key of the sandbox's callers.
type Key struct {
	Secret  string
	Account string
	Access  Access
}

// partition returns the partition of the caller's region.
func (c caller) partition() string {
	switch {
	case strings.HasPrefix(c.region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(c.region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// suffix returns the domain of the caller's region.
func (c caller) suffix() string {
	if c.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// An assumedSession is an access key of AssumeRole.
type assumedSession struct {
	secret, token, account, arn, userID string
	expires                             int64
}

// identify checks everything about a request's signature for which its body is not
// needed, and returns its caller, with the secret to verify it. The secret is "" where
// signatures are not verified.
func (s *Sandbox) identify(r *http.Request) (*sigv4.Authorization, caller, string, error) {
	authorization, err := s.verifier.Parse(r, "cloudformation", "sts")
	if err != nil {
		return nil, caller{}, "", err
	}
	if strings.HasPrefix(authorization.AccessKeyID, sessionKeyPrefix) {
		who, secret, err := s.identifySession(r, authorization)
		return authorization, who, secret, err
	}

	key := Key{Account: s.options.Account, Access: AllAccounts}
	if s.options.LookUpKey != nil {
		if key, err = s.options.LookUpKey(r.Context(), authorization.AccessKeyID); err != nil {
			return nil, caller{}, "", err
		}
		if key.Secret == "" {
			return nil, caller{}, "", sigv4.UnknownKeyError()
		}
		if err := s.verifier.CheckTime(authorization, time.Now()); err != nil {
			return nil, caller{}, "", err
		}
	}

	who := caller{
		account: key.Account,
		region:  authorization.Region,
		userID:  authorization.AccessKeyID,
		access:  key.Access,
	}
	who.arn = "arn:" + who.partition() + ":iam::" + key.Account + ":user/sandbox"
	return authorization, who, key.Secret, nil
}

// verify verifies the signature of a request that identify has accepted.
func (s *Sandbox) verify(r *http.Request, body []byte, authorization *sigv4.Authorization, secret string) error {
	if secret == "" {
		return nil
	}
	return s.verifier.Verify(r, body, authorization, secret, time.Now())
}

// refuse returns the error for a request that could not be authenticated. An address
// with many of them learns nothing from further ones.
func (s *Sandbox) refuse(r *http.Request, err error) error {
	if _, isRefusal := errors.AsType[*sigv4.Error](err); isRefusal && !s.failures.Allow(r.RemoteAddr, time.Now()) {
		return &awsquery.Error{Code: "Throttling", Message: "Rate exceeded"}
	}
	return err
}

// authorize returns an AccessDenied error if the caller may not call an operation.
func (c caller) authorize(action string, operation operation) error {
	needed := ReadAccess
	switch {
	case operation.writes:
		needed = WriteAccess
	case action == "GetCallerIdentity":
		needed = NoAccess
	}

	if c.access >= needed {
		return nil
	}

	service := "cloudformation"
	if operation.service == sts() {
		service = "sts"
	}
	return accessDenied(c, service+":"+action)
}

func accessDenied(c caller, action string) error {
	return &awsquery.Error{
		Code:    "AccessDenied",
		Message: "User: " + c.arn + " is not authorized to perform: " + action + " in the sandbox",
		Status:  http.StatusForbidden,
	}
}

// findSession returns the session of an access key of AssumeRole.
func (s *Sandbox) findSession(r *http.Request, accessKeyID string) (assumedSession, error) {
	var ses assumedSession
	err := s.database.ViewOnce(r.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT secret, token, account, arn, user_id, expires_at FROM session
			WHERE access_key_id = $1`, accessKeyID).
			Scan(&ses.secret, &ses.token, &ses.account, &ses.arn, &ses.userID, &ses.expires)
	})
	if errors.Is(err, db.ErrNoRows) {
		return ses, sigv4.UnknownKeyError()
	}
	return ses, err
}

// identifySession is identify for a request that is signed with an access key of
// AssumeRole.
func (s *Sandbox) identifySession(r *http.Request, authorization *sigv4.Authorization) (caller, string, error) {
	session, err := s.findSession(r, authorization.AccessKeyID)
	if err != nil {
		return caller{}, "", err
	}
	if subtle.ConstantTimeCompare([]byte(authorization.SecurityToken), []byte(session.token)) != 1 {
		return caller{}, "", sigv4.UnknownKeyError()
	}

	if err := s.verifier.CheckTime(authorization, time.Now()); err != nil {
		return caller{}, "", err
	}
	if time.Now().UnixMilli() >= session.expires {
		return caller{}, "", &awsquery.Error{
			Code:    "ExpiredToken",
			Message: "The security token included in the request is expired",
			Status:  http.StatusForbidden,
		}
	}

	return caller{
		account: session.account,
		region:  authorization.Region,
		arn:     session.arn,
		userID:  session.userID,
		access:  WriteAccess,
	}, session.secret, nil
}
