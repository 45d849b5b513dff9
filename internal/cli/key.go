package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/wire"
)

// defaultAccount is the account of an installation that needs only one.
const defaultAccount = "000000000000"

func newKeyCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "key",
		Short: "Make, rotate and disable access keys",
		Long: "Make, list, rotate, disable and delete the access keys with which programs sign their requests: those of the\n" +
			"account, asked of the server. With --db, create, list and disable go to the server's database itself,\n" +
			"whether the server runs or not: so the first key is made.",
	})
	c.AddCommand(newKeyCreateCommand(p), newKeyListCommand(p), newKeyDisableCommand(p), newKeyEnableCommand(p),
		newKeyRotateCommand(p), newKeyDeleteCommand(p))
	return c
}

// A keyring is where keys are: in a server that is asked, or in a database.
type keyring struct {
	*reach
	db *server.KeyOptions
}

// keeps gives a command the flags that name either.
func keeps(p *program, c *cobra.Command) keyring {
	k := keyring{reaches(p, c), &server.KeyOptions{}}
	c.Flags().StringVar(&k.db.DB, "db", p.getenv("LOCKSTEP_DB"),
		"URL of the server's database, sqlite:PATH or postgres://…, instead of asking the server (or LOCKSTEP_DB)")
	c.Flags().Lookup("db").DefValue = "" // it may hold a password
	return k
}

// inDatabase says whether the database is meant. A flag that names a server
// beats a variable that names a database.
func (k keyring) inDatabase(c *cobra.Command) (bool, error) {
	f := c.Flags()
	remote := f.Changed("endpoint-url") || f.Changed("profile") || f.Changed("data")
	if remote && f.Changed("db") {
		return false, usagef("%s: --db names a database, and another flag a server.", c.CommandPath()).try("Give one of them.")
	}
	return k.db.DB != "" && !remote, nil
}

// existing is inDatabase for a database that must be there.
func (k keyring) existing(c *cobra.Command) (bool, error) {
	local, err := k.inDatabase(c)
	if err != nil || !local {
		return false, err
	}
	return true, databaseExists(k.db.DB)
}

// A role is the value of a flag: one of the ready-made ones. It is written in
// capitals on the wire.
type role string

// String gives the value.
func (r *role) String() string { return string(*r) }

// Type names the value in help.
func (r *role) Type() string { return "role" }

// Set takes the value.
func (r *role) Set(text string) error {
	switch strings.ToUpper(text) {
	case wire.RoleAdmin, wire.RoleOperator, wire.RoleReader, wire.RoleNone:
		*r = role(strings.ToLower(text))
		return nil
	}
	return usagef("it is none of admin, operator, reader, none")
}

func (r role) wire() string { return strings.ToUpper(string(r)) }

// roleUsage explains the roles.
const roleUsage = "what it may do: admin everything, operator start syncs and resolve blockers, reader read, none what policies permit"

func newKeyCreateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "create NAME --role ROLE [--db URL]",
		Short: "Make an access key and print its secret, this once",
		Long: "Make an access key for whoever has the name, and print its secret, this once. With --db the name may be left out:\n" +
			"it is then that of the user.",
		Args: arguments("[NAME]"), DisableFlagsInUseLine: true,
	}

	k, format := keeps(p, c), formats(c)
	f := c.Flags()
	f.StringVar(&k.db.SealKeyFile, "seal-key-file", p.getenv("LOCKSTEP_SEAL_KEY_FILE"),
		"with --db: key that seals the database's secrets (or LOCKSTEP_SEAL_KEY_FILE; default beside an SQLite database)")
	f.StringVar(&k.db.SealKeyKMS, "seal-key-kms", p.getenv("LOCKSTEP_SEAL_KEY_KMS"),
		"with --db: `ARN` of the AWS KMS key that the seal key file is encrypted under (or LOCKSTEP_SEAL_KEY_KMS)")
	k.db.SealKey = config.SealKey(p.getenv)
	account := f.String("account", defaultAccount, "with --db: account of twelve digits that the key sees and changes")
	principal := f.String("principal", "", "whose key it is: NAME")
	var may role
	f.Var(&may, "role", roleUsage)
	f.Bool("admin", false, "--role admin")
	f.Bool("reader", false, "--role reader")
	c.RunE = func(c *cobra.Command, args []string) error {
		given, err := oneOf(c, "role", "admin", "reader")
		if err != nil {
			return err
		}

		if given != "role" {
			may = role(given)
		}

		if len(args) == 1 {
			if *principal != "" {
				return usagef("%s: give either NAME or --principal.", c.CommandPath())
			}
			*principal = args[0]
		}

		local, err := k.inDatabase(c)
		if err != nil {
			return err
		}
		if local {
			return p.createLocally(c.Context(), *k.db, *account, *principal, may, *format)
		}

		if *principal == "" {
			return usagef("%s: NAME is missing: whose key it is.", c.CommandPath()).
				try("Give it, or, to make the first key of a server, its database: --db sqlite:/var/lib/lockstep/lockstep.db.")
		}
		if f.Changed("account") {
			return usagef("%s: --account goes with --db.", c.CommandPath()).try("A server makes keys of the account that asks it.")
		}

		return p.createAt(c.Context(), k.reach, wire.CreateAccessKeyInput{PrincipalName: *principal, Role: may.wire()}, *format)
	}

	return c
}

// createLocally makes a key in a database.
func (p *program) createLocally(ctx context.Context, o server.KeyOptions, account, principal string, may role, f format) error {
	if principal == "" {
		principal = userName()
	}
	n := server.NewKey{Account: account, Principal: principal, Role: like(server.Admin, may)}
	k, err := server.CreateKey(ctx, o, n)
	if err != nil {
		return shown(err)
	}
	made := newKey{localKey: localKey{keyOf(k), k.Account}, SecretAccessKey: k.Secret.Reveal()}
	return p.showNewKey(made, "http://127.0.0.1:4747", client.DefaultRegion, f)
}

// like makes a text one of another's type, which this room has no name for.
func like[T ~string](_ T, text role) T { return T(text) }

// createAt has a server make a key.
func (p *program) createAt(ctx context.Context, r *reach, in wire.CreateAccessKeyInput, f format) error {
	remote, err := r.connect(ctx)
	if err != nil {
		return err
	}
	out, err := remote.CreateAccessKey(ctx, &in)
	if err != nil {
		return err
	}
	return p.showNewKey(newKey{localKey{AccessKey: out.AccessKey}, out.SecretAccessKey}, remote.Settings().Endpoint, remote.Settings().Region, f)
}

// localKey is a key with its account, which goes without saying where a server
// was asked.
type localKey struct {
	wire.AccessKey
	Account string `json:",omitzero"`
}

// newKey is the document of `key create` and `key rotate`, the only ones that
// hold a secret.
type newKey struct {
	localKey
	SecretAccessKey string
}

func (p *program) showNewKey(k newKey, endpoint, region string, f format) error {
	if f != asTable {
		return f.write(p.stdout, k)
	}

	next := "Then: lockstep status; aws codeconnections list-connections --profile lockstep"
	if k.Account != "" {
		next = "Put your server's address there. " + next
	}

	_, err := fmt.Fprintf(p.stdout, `Made a key for %s (%s). The secret is shown this once.

Into ~/.aws/credentials:
[lockstep]
aws_access_key_id = %s
aws_secret_access_key = %s

Into ~/.aws/config:
[profile lockstep]
region = %s
endpoint_url = %s

%s
`, plain(k.PrincipalName), plain(k.rights()), plain(k.AccessKeyId), plain(k.SecretAccessKey), region, endpoint, next)

	return err
}

// rights says what a key may do, and of which account where that is known.
func (k newKey) rights() string {
	if k.Account == "" {
		return strings.ToLower(k.Role)
	}
	return strings.ToLower(k.Role) + " of account " + k.Account
}

// keyOf is a key of a database as the wire has it.
func keyOf(k server.AccessKey) wire.AccessKey {
	status := wire.KeyActive
	if k.Disabled {
		status = wire.KeyDisabled
	}
	return wire.AccessKey{AccessKeyId: k.AccessKeyID, PrincipalName: k.Name, Role: strings.ToUpper(string(k.Role)), Status: status,
		CreatedAt: wire.Time{Time: k.CreatedAt}, ExpiresAt: wire.Time{Time: k.ExpiresAt}}
}

// databaseExists keeps a misspelt path from becoming an empty database.
func databaseExists(url string) error {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return usagef("--db: there is no database %s.", path).try("Name the one of your server.")
	}
	return nil
}

// shown makes an error of the words one to be printed: its message is for
// people. What has none comes from whoever runs the server, who may see it all.
func shown(err error) error {
	var e *lockstep.Error
	if errors.As(err, &e) && e.Kind != lockstep.Internal {
		return &failure{problem: e.Message}
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return &failure{problem: err.Error()}
}

// userName is a name for whoever makes a key and does not say for whom.
func userName() string {
	u, err := user.Current()
	if err == nil && regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`).MatchString(u.Username) {
		return u.Username
	}
	return "admin"
}
