package sandbox

import (
	"crypto/rand"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/db"
)

// sessionKeyPrefix is the prefix of the access key ids of AssumeRole. AWS has no such
// ids.
const sessionKeyPrefix = "LSBX"

var (
	rolePattern    = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):role/([\w+=,.@/-]{1,512})$`)
	sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

type getCallerIdentityResult struct {
	UserID  string `xml:"UserId"`
	Account string
	Arn     string
}

func (c *call) getCallerIdentity() (any, error) {
	return getCallerIdentityResult{UserID: c.caller.userID, Account: c.caller.account, Arn: c.caller.arn}, nil
}

type assumeRoleResult struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      awsquery.Time
	}
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	PackedPolicySize int
}

// assumeRole returns an access key for any role of the caller's account, and for a
// caller with access to all accounts of any: roles have no permissions. The account of
// the key is that of the role.
func (c *call) assumeRole() (any, error) {
	role := c.form.Text("RoleArn")
	match := rolePattern.FindStringSubmatch(role)
	if match == nil || len(role) < 20 || len(role) > 2048 {
		return nil, validationError("%s is invalid", syntax.Clip(role))
	}

	if match[2] != c.caller.account && c.caller.access < AllAccounts {
		return nil, accessDenied(c.caller, "sts:AssumeRole")
	}

	name := c.form.Text("RoleSessionName")
	if !sessionPattern.MatchString(name) {
		return nil, constraintError("roleSessionName", name,
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}

	seconds := 3600
	if text := c.form.Text("DurationSeconds"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number < 900 || number > 43200 {
			return nil, constraintError("durationSeconds", text, "Member must have value between 900 and 43200")
		}

		seconds = number
	}

	expires := c.Tx.Now.Add(time.Duration(seconds) * time.Second)
	var out assumeRoleResult
	out.Credentials.AccessKeyID = sessionKeyPrefix + rand.Text()[:16]
	out.Credentials.SecretAccessKey = (rand.Text() + rand.Text())[:40]
	out.Credentials.SessionToken = rand.Text() + rand.Text()
	out.Credentials.Expiration = awsquery.Time(expires)
	last := match[3][strings.LastIndexByte(match[3], '/')+1:]
	out.AssumedRoleUser.AssumedRoleID = "AROASANDBOX" + match[2] + ":" + name
	out.AssumedRoleUser.Arn = "arn:" + match[1] + ":sts::" + match[2] + ":assumed-role/" + last + "/" + name
	_, err := c.Tx.Exec(`INSERT INTO session (access_key_id, secret, token, account, arn, user_id, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey,
		out.Credentials.SessionToken, match[2], out.AssumedRoleUser.Arn, out.AssumedRoleUser.AssumedRoleID,
		db.Millis(expires))
	if err != nil {
		return nil, err
	}

	_, err = c.Tx.Exec(`DELETE FROM session WHERE expires_at < $1`, db.Millis(c.Tx.Now.Add(-time.Hour)))
	return out, err
}
