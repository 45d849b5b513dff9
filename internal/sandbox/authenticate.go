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

// authenticate verifies the signature of a request and returns its caller.
func (s *Sandbox) authenticate(r *http.Request, body []byte) (caller, error) {
	authorization, err := s.verifier.Parse(r, "cloudformation", "sts")
	if err != nil {
		return caller{}, err
	}
	if strings.HasPrefix(authorization.AccessKeyID, sessionKeyPrefix) {
		return s.verifySessionKey(r, body, authorization)
	}

	account := s.options.Account
	if s.options.LookUpKey != nil {
		var secret string
		if secret, account, err = s.options.LookUpKey(r.Context(), authorization.AccessKeyID); err != nil {
			return caller{}, err
		}
		if err := s.verifier.Verify(r, body, authorization, secret, time.Now()); err != nil {
			return caller{}, err
		}
	}

	who := caller{account: account, region: authorization.Region, userID: authorization.AccessKeyID}
	who.arn = "arn:" + who.partition() + ":iam::" + account + ":user/sandbox"
	return who, nil
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

// verifySessionKey verifies a request that is signed with an access key of AssumeRole.
func (s *Sandbox) verifySessionKey(r *http.Request, body []byte, authorization *sigv4.Authorization) (caller, error) {
	ses, err := s.findSession(r, authorization.AccessKeyID)
	if err != nil {
		return caller{}, err
	}
	if subtle.ConstantTimeCompare([]byte(authorization.SecurityToken), []byte(ses.token)) != 1 {
		return caller{}, sigv4.UnknownKeyError()
	}

	if err := s.verifier.Verify(r, body, authorization, ses.secret, time.Now()); err != nil {
		return caller{}, err
	}
	if time.Now().UnixMilli() >= ses.expires {
		return caller{}, &awsquery.Error{
			Code:    "ExpiredToken",
			Message: "The security token included in the request is expired",
			Status:  http.StatusForbidden,
		}
	}

	return caller{
		account: ses.account,
		region:  authorization.Region,
		arn:     ses.arn,
		userID:  ses.userID,
	}, nil
}
