package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// Issuers that have names of their own.
const (
	issuerGitHub = "https://token.actions.githubusercontent.com"
	issuerGitLab = "https://gitlab.com"
)

// maxJWKS is more than the most keys of an issuer that the API takes, in bytes.
const maxJWKS = 1 << 18

func newRoleCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "role",
		Short: "Let jobs in by the tokens that their CI gives them",
		Long: "Let jobs in by the tokens that their CI gives them, so that they need no stored key. A role says which tokens\n" +
			"it takes: of which issuer, for which audience, about which subject. The keys of it last an hour at most.",
	})
	c.AddCommand(newRolePutCommand(p), newRoleListCommand(p), newRoleDeleteCommand(p))
	return c
}

func newRolePutCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "put NAME --issuer ISSUER --audience AUDIENCE --subject PATTERN",
		Short: "Make a role for the tokens of an issuer, or replace it",
		Long: "Make a role for the tokens of an issuer, or replace the one with the name, which ends its sessions.\n" +
			"In patterns * stands for any text. For example, for the main branch of a repository at GitHub:\n\n" +
			"  lockstep role put ci --issuer github --audience lockstep --subject repo:acme/infra:ref:refs/heads/main",
		Args: arguments("NAME"), DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	may := role("reader")
	f := c.Flags()
	issuer := f.String("issuer", "", "who issues the tokens: github, gitlab (gitlab.com) or a URL")
	audiences := f.StringArray("audience", nil, "audience that a token must be for; may be given more than once")
	subjects := f.StringArray("subject", nil, "`PATTERN` that a token's subject must be like; may be given more than once")
	claims := f.StringArray("claim", nil, "`NAME=PATTERN` that another claim of a token must be like; may be given more than once")
	f.Var(&may, "role", roleUsage)
	jwks := f.String("jwks", "", "`FILE` with the issuer's keys (JWKS), where the server cannot ask the issuer for them")
	duration := f.Duration("duration", 0, "how long its keys last at most, 15m to 1h (default 1h)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := require(c, "issuer", "audience", "subject"); err != nil {
			return err
		}

		r := wire.WebIdentityRole{RoleName: args[0], Role: may.wire(), Issuer: issuerURL(*issuer), Audiences: *audiences, Subjects: *subjects}
		var err error
		if r.Claims, err = claimPatterns(c, *claims); err != nil {
			return err
		}

		if err := wholeSeconds(c, "duration", *duration); err != nil {
			return err
		}

		if *duration > 0 {
			r.MaxSessionDuration = seconds(*duration)
		}

		if r.Jwks, err = readJWKS(*jwks); err != nil {
			return err
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		out, err := remote.PutWebIdentityRole(c.Context(), &wire.PutWebIdentityRoleInput{WebIdentityRole: r})
		if err != nil {
			return err
		}

		return p.showNewRole(r, out.RoleArn, remote.Settings().Endpoint, *format)
	}

	return c
}

// issuerURL gives the URL of an issuer that was given by name.
func issuerURL(issuer string) string {
	switch strings.ToLower(issuer) {
	case "github":
		return issuerGitHub
	case "gitlab":
		return issuerGitLab
	}
	return issuer
}

// claimPatterns takes NAME=PATTERN apart.
func claimPatterns(c *cobra.Command, pairs []string) ([]wire.ClaimPattern, error) {
	var all []wire.ClaimPattern
	for _, pair := range pairs {
		name, pattern, ok := strings.Cut(pair, "=")
		if !ok || name == "" || pattern == "" {
			return nil, usagef("%s: --claim %q is not NAME=PATTERN.", c.CommandPath(), pair)
		}
		all = append(all, wire.ClaimPattern{Name: name, Pattern: pattern})
	}
	return all, nil
}

func readJWKS(file string) (string, error) {
	if file == "" {
		return "", nil
	}

	info, err := os.Stat(file)
	if err != nil {
		return "", usagef("--jwks: %s.", err)
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxJWKS {
		return "", usagef("--jwks: %s is not a file of 1 to %d bytes.", file, maxJWKS)
	}

	text, err := os.ReadFile(file)
	return string(text), err
}

func (p *program) showNewRole(r wire.WebIdentityRole, arn, endpoint string, f format) error {
	if f != asTable {
		return f.write(p.stdout, struct {
			RoleArn         string
			WebIdentityRole wire.WebIdentityRole
		}{arn, r})
	}

	_, err := fmt.Fprintf(p.stdout, `%s (%s) may be assumed with tokens of %s
%s

For a job, which puts its token into the file:
LOCKSTEP_ENDPOINT_URL=%s
LOCKSTEP_ROLE_ARN=%s
LOCKSTEP_WEB_IDENTITY_TOKEN_FILE=/path/to/token

SDKs of AWS read AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS, AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE.
`, plain(r.RoleName), strings.ToLower(r.Role), plain(r.Issuer), plain(arn), endpoint, plain(arn))

	return err
}

func newRoleListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the roles and which tokens they take", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		all, err := client.All(remote.WebIdentityRoles(ctx))
		if err != nil {
			return err
		}
		if *format != asTable {
			return format.write(p.stdout, struct{ WebIdentityRoles []wire.WebIdentityRole }{all})
		}

		t := &table{}
		t.add("NAME", "ROLE", "LASTS", "ISSUER", "AUDIENCES", "SUBJECTS AND CLAIMS")
		for _, r := range all {
			t.add(r.RoleName, strings.ToLower(r.Role), lasting(r.MaxSessionDuration), r.Issuer, strings.Join(r.Audiences, " "), demands(r))
		}

		return p.listed(t, "There is no role. `lockstep role put` makes one.")
	})

	return c
}

// demands lists what a token must be like, beside its issuer and audience.
func demands(r wire.WebIdentityRole) string {
	all := strings.Join(r.Subjects, " ")
	for _, claim := range r.Claims {
		all += " " + claim.Name + "=" + claim.Pattern
	}
	return cut(all, 2*lastWidth)
}

// lasting says how long the keys of a role last at most.
func lasting(most *int) string {
	if most == nil {
		return "1h"
	}
	return brief(time.Duration(*most) * time.Second)
}

// brief writes a time without the units that are nought at its end.
func brief(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func newRoleDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "delete NAME", Short: "Delete a role, which ends its sessions", Args: arguments("NAME")}
	reach := reaches(p, c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		if _, err := remote.DeleteWebIdentityRole(ctx, &wire.DeleteWebIdentityRoleInput{RoleName: args[0]}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(p.stdout, "Role %s is gone, and its sessions with it.\n", plain(args[0]))
		return err
	})
	return c
}
