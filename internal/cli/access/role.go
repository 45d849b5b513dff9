package access

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The issuers with a short name.
const (
	issuerGitHub = "https://token.actions.githubusercontent.com"
	issuerGitLab = "https://gitlab.com"
)

// maxJWKS is above the API's limit of an issuer's keys, in bytes.
const maxJWKS = 1 << 18

// NewRoleCommand returns the command role.
func NewRoleCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{
			Use:   "role",
			Short: "Manage roles for CI jobs",
			Long: "Manage roles that CI jobs assume with the OpenID Connect tokens of their CI system, so that they\n" +
				"need no stored key. A role names the tokens it accepts: their issuer, audience and subject. Its\n" +
				"keys expire after an hour at most.",
		},
		newRolePutCommand(env), newRoleListCommand(env), newRoleDeleteCommand(env))
}

func newRolePutCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put NAME --issuer ISSUER --audience AUDIENCE --subject PATTERN",
		Short: "Create or replace a role",
		Long: "Create a role, or replace the one with this name, which ends its sessions. In patterns, *\n" +
			"matches any text.",
		Example: "  lockstep role put ci --issuer github --audience lockstep " +
			"--subject repo:acme/infra:ref:refs/heads/main",
		Args:                  command.Args("NAME"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	permissions := role("reader")
	flags := cmd.Flags()
	issuer := flags.String("issuer", "", "issuer of the tokens: github, gitlab (gitlab.com) or a URL")
	audiences := flags.StringArray("audience", nil, "audience of the tokens; repeatable")
	subjects := flags.StringArray("subject", nil, "`PATTERN` of the tokens' subject; repeatable")
	claims := flags.StringArray("claim", nil, "`NAME=PATTERN` of another claim; repeatable")
	flags.Var(&permissions, "role", roleUsage)
	jwks := flags.String("jwks", "", "`FILE` with the issuer's keys (JWKS), if the server cannot reach the issuer")
	duration := flags.Duration("duration", 0, "maximum session duration, 15m to 1h (default 1h)")
	var request wire.WebIdentityRole
	cmd.PreRunE = func(cmd *cobra.Command, args []string) (err error) {
		if err := command.RequireFlags(cmd, "issuer", "audience", "subject"); err != nil {
			return err
		}
		if err := checkSeconds(cmd, "duration", *duration); err != nil {
			return err
		}

		request = wire.WebIdentityRole{
			RoleName:           args[0],
			Role:               permissions.wire(),
			Issuer:             issuerURL(*issuer),
			Audiences:          *audiences,
			Subjects:           *subjects,
			MaxSessionDuration: optionalSeconds(*duration),
		}
		if request.Claims, err = claimPatterns(cmd, *claims); err != nil {
			return err
		}

		if *jwks != "" {
			request.Jwks, err = env.ReadFile("file of --jwks", *jwks, maxJWKS)
		}
		return err
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		response, err := remote.PutWebIdentityRole(ctx, &wire.PutWebIdentityRoleInput{WebIdentityRole: request})
		if err != nil {
			return err
		}

		return showNewRole(env, request, response.RoleArn, remote.Settings().Endpoint, *format)
	})

	return cmd
}

// issuerURL returns the URL of an issuer, which may be given by a short name.
func issuerURL(issuer string) string {
	switch strings.ToLower(issuer) {
	case "github":
		return issuerGitHub
	case "gitlab":
		return issuerGitLab
	}
	return issuer
}

// claimPatterns parses NAME=PATTERN.
func claimPatterns(cmd *cobra.Command, pairs []string) ([]wire.ClaimPattern, error) {
	var patterns []wire.ClaimPattern
	for _, pair := range pairs {
		name, pattern, ok := strings.Cut(pair, "=")
		if !ok || name == "" || pattern == "" {
			return nil, command.Usagef("%s: --claim %q must be NAME=PATTERN.", cmd.CommandPath(), pair)
		}
		patterns = append(patterns, wire.ClaimPattern{Name: name, Pattern: pattern})
	}
	return patterns, nil
}

func showNewRole(env *command.Env, role wire.WebIdentityRole, arn, endpoint string, format output.Format) error {
	if format.IsDocument() {
		return format.Write(env.Stdout, struct {
			RoleArn         string
			WebIdentityRole wire.WebIdentityRole
		}{arn, role})
	}

	return env.Printf(`Role %s (%s) can be assumed with tokens of %s
%s

Set in the job, which writes its token to the file:
LOCKSTEP_ENDPOINT_URL=%s
LOCKSTEP_ROLE_ARN=%s
LOCKSTEP_WEB_IDENTITY_TOKEN_FILE=/path/to/token

AWS SDKs read AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS, AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE.
`, role.RoleName, strings.ToLower(role.Role), role.Issuer, arn, endpoint, arn)
}

func newRoleListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List roles", Args: command.Args()}
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		roles, err := client.All(remote.WebIdentityRoles(ctx))
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, struct{ WebIdentityRoles []wire.WebIdentityRole }{roles})
		}

		table := &output.Table{}
		table.Add("NAME", "ROLE", "DURATION", "ISSUER", "AUDIENCES", "SUBJECTS AND CLAIMS")
		for _, role := range roles {
			duration := time.Hour
			if role.MaxSessionDuration != nil {
				duration = time.Duration(*role.MaxSessionDuration) * time.Second
			}

			table.Add(role.RoleName, strings.ToLower(role.Role), output.Duration(duration), role.Issuer,
				strings.Join(role.Audiences, " "), subjectsAndClaims(role))
		}

		return table.WriteList(env.Stdout, "No roles. `lockstep role put` creates one.")
	})

	return cmd
}

// subjectsAndClaims returns the patterns that a role's tokens must match.
func subjectsAndClaims(role wire.WebIdentityRole) string {
	text := strings.Join(role.Subjects, " ")
	for _, claim := range role.Claims {
		text += " " + claim.Name + "=" + claim.Pattern
	}
	return output.Truncate(text, 2*output.CellWidth)
}

func newRoleDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a role",
		Long:  "Delete a role, and end its sessions.",
		Args:  command.Args("NAME"),
	}

	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		if _, err := remote.DeleteWebIdentityRole(ctx, &wire.DeleteWebIdentityRoleInput{
			RoleName: args[0],
		}); err != nil {
			return err
		}
		return env.Printf("Deleted role %s and ended its sessions.\n", args[0])
	})
	return cmd
}
