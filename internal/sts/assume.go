package sts

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/identity"
)

// An assumed is the answer of AssumeRoleWithWebIdentity.
type assumed struct {
	SubjectFromWebIdentityToken string
	Audience                    string
	AssumedRoleUser             struct {
		Arn           string
		AssumedRoleID string `xml:"AssumedRoleId"`
	}
	Credentials struct {
		SessionToken    string
		SecretAccessKey string
		Expiration      awsquery.Time
		AccessKeyID     string `xml:"AccessKeyId"`
	}
	Provider string
}

var roleARN = regexp.MustCompile(`\Aarn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):role/([A-Za-z0-9+=,.@_/-]+)\z`)

func (c *call) assumeRoleWithWebIdentity() (any, error) {
	r, partition, err := c.assumeRequest()
	if err != nil {
		return nil, err
	}

	c.note(slog.String("account", r.Account), slog.String("role", r.Role), slog.String("session", r.SessionName))
	if c.WebIdentities == nil {
		return nil, &awsquery.Error{Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity", Status: 403}
	}

	a, err := c.WebIdentities.AssumeRole(c.r.Context(), r)
	if err != nil {
		return nil, err
	}

	c.note(slog.String("key", a.AccessKeyID), slog.String("issuer", a.Issuer), slog.String("subject", a.Subject))
	out := assumed{SubjectFromWebIdentityToken: a.Subject, Audience: a.Audience, Provider: a.Issuer}
	out.AssumedRoleUser.Arn, out.AssumedRoleUser.AssumedRoleID = a.ARN(partition), a.UserID()
	out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey = a.AccessKeyID, a.Secret.Reveal()
	out.Credentials.SessionToken, out.Credentials.Expiration = a.Token.Reveal(), awsquery.Time(a.Expires)

	return out, nil
}

// assumeRequest reads the form and tells all that is wrong with its shape, as
// AWS does.
func (c *call) assumeRequest() (r identity.AssumeRoleInput, partition string, err error) {
	for _, name := range []string{"Policy", "PolicyArns", "ProviderId"} {
		if c.form.Listed(name) {
			return r, "", &awsquery.Error{Code: "ValidationError",
				Message: name + " is not supported: what a session may do is said by its role and the account's policies."}
		}
	}

	var v violations
	arn := v.text(c.form, "RoleArn", 20, 2048)
	r.SessionName = v.text(c.form, "RoleSessionName", 2, 64)
	r.Token = v.text(c.form, "WebIdentityToken", 4, 20_000)

	if r.SessionName != "" && !identity.IsValidSessionName(r.SessionName) {
		v.add("roleSessionName", r.SessionName, `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}

	if text := c.form.Text("DurationSeconds"); text != "" {
		r.Duration = v.seconds(text)
	}

	if err := v.err(); err != nil {
		return r, "", err
	}

	parts := roleARN.FindStringSubmatch(arn)
	if parts == nil {
		return r, "", &awsquery.Error{Code: "ValidationError", Message: clip(arn) + " is invalid"}
	}

	r.Account, r.Role = parts[2], parts[3]
	return r, parts[1], nil
}

// violations are what is wrong with a request's members.
type violations []string

func (v *violations) add(member, value, constraint string) {
	shown := "'" + clip(value) + "'"
	switch {
	case value == "":
		shown = "null"
	case member == "webIdentityToken":
		shown = "'***'" // a secret, be it a wrong one
	}
	*v = append(*v, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, member, constraint))
}

// text reads a member that must be there.
func (v *violations) text(form awsquery.Form, name string, least, most int) string {
	value, member := form.Text(name), strings.ToLower(name[:1])+name[1:]
	switch {
	case value == "":
		v.add(member, "", "Member must not be null")
		return ""
	case len(value) < least:
		v.add(member, value, "Member must have length greater than or equal to "+strconv.Itoa(least))
		return ""
	case len(value) > most:
		v.add(member, value, "Member must have length less than or equal to "+strconv.Itoa(most))
		return ""
	}

	return value
}

// seconds reads DurationSeconds within AWS's bounds; the role's own come later.
func (v *violations) seconds(text string) time.Duration {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		v.add("durationSeconds", text, "Member must be a number")
	case n < 900:
		v.add("durationSeconds", text, "Member must have value greater than or equal to 900")
	case n > 43200:
		v.add("durationSeconds", text, "Member must have value less than or equal to 43200")
	default:
		return time.Duration(n) * time.Second
	}

	return 0
}

func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	head := "1 validation error detected: "
	if len(v) > 1 {
		head = strconv.Itoa(len(v)) + " validation errors detected: "
	}
	return &awsquery.Error{Code: "ValidationError", Message: head + strings.Join(v, "; ")}
}
