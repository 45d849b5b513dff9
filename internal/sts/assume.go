package sts

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/identity"
)

// An assumedRole is the result of AssumeRoleWithWebIdentity.
type assumedRole struct {
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
	input, partition, err := c.parseAssumeRole()
	if err != nil {
		return nil, err
	}

	c.annotate(
		slog.String("account", input.Account),
		slog.String("role", input.Role),
		slog.String("session", input.SessionName),
	)
	if c.WebIdentities == nil {
		return nil, &awsquery.Error{
			Code:    "AccessDenied",
			Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity",
			Status:  http.StatusForbidden,
		}
	}

	session, err := c.WebIdentities.AssumeRole(c.r.Context(), input)
	if err != nil {
		return nil, err
	}

	c.annotate(
		slog.String("key", session.AccessKeyID),
		slog.String("issuer", session.Issuer),
		slog.String("subject", session.Subject),
	)

	var result assumedRole
	result.SubjectFromWebIdentityToken = session.Subject
	result.Audience = session.Audience
	result.Provider = session.Issuer
	result.AssumedRoleUser.Arn = session.ARN(partition)
	result.AssumedRoleUser.AssumedRoleID = session.UserID()
	result.Credentials.AccessKeyID = session.AccessKeyID
	result.Credentials.SecretAccessKey = session.Secret.Reveal()
	result.Credentials.SessionToken = session.Token.Reveal()
	result.Credentials.Expiration = awsquery.Time(session.Expires)

	return result, nil
}

// parseAssumeRole parses the form. The error lists everything that is wrong with it,
// as AWS does.
func (c *call) parseAssumeRole() (input identity.AssumeRoleInput, partition string, err error) {
	for _, name := range []string{"Policy", "PolicyArns", "ProviderId"} {
		if c.form.HasList(name) {
			return input, "", &awsquery.Error{Code: "ValidationError",
				Message: name + " is not supported: a session has the permissions of its role and of the account's " +
					"policies."}
		}
	}

	var problems violations
	arn := problems.requireText(c.form, "RoleArn", 20, 2048)
	input.SessionName = problems.requireText(c.form, "RoleSessionName", 2, 64)
	input.Token = problems.requireText(c.form, "WebIdentityToken", 4, 20_000)

	if input.SessionName != "" && !identity.IsValidSessionName(input.SessionName) {
		problems.add("roleSessionName", input.SessionName,
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}

	if text := c.form.Text("DurationSeconds"); text != "" {
		input.Duration = problems.parseDuration(text)
	}

	if err := problems.err(); err != nil {
		return input, "", err
	}

	parts := roleARN.FindStringSubmatch(arn)
	if parts == nil {
		return input, "", &awsquery.Error{Code: "ValidationError", Message: truncate(arn) + " is invalid"}
	}

	input.Account, input.Role = parts[2], parts[3]
	return input, parts[1], nil
}

// violations are the violated constraints of a request.
type violations []string

func (v *violations) add(member, value, constraint string) {
	shown := "'" + truncate(value) + "'"
	switch {
	case value == "":
		shown = "null"
	case member == "webIdentityToken":
		shown = "'***'" // secret, even if it is invalid
	}
	*v = append(*v, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, member, constraint))
}

// requireText returns a required member.
func (v *violations) requireText(form awsquery.Form, name string, least, most int) string {
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

// parseDuration parses DurationSeconds within AWS's bounds. Those of the role are
// checked later.
func (v *violations) parseDuration(text string) time.Duration {
	seconds, err := strconv.Atoi(text)
	switch {
	case err != nil:
		v.add("durationSeconds", text, "Member must be a number")
	case seconds < 900:
		v.add("durationSeconds", text, "Member must have value greater than or equal to 900")
	case seconds > 43200:
		v.add("durationSeconds", text, "Member must have value less than or equal to 43200")
	default:
		return time.Duration(seconds) * time.Second
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
