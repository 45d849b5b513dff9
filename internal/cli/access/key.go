package access

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/wire"
)

// defaultAccount is the account of a server that needs only one.
const defaultAccount = "000000000000"

// NewKeyCommand returns the command key.
func NewKeyCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{
			Use:   "key",
			Short: "Manage access keys",
			Long: "Manage the access keys of the account, with which clients sign their requests. With --db,\n" +
				"create, list and disable open the server's database instead of asking the server. Use this to\n" +
				"create the first key.",
		},
		newKeyCreateCommand(env), newKeyListCommand(env), newKeyDisableCommand(env), newKeyEnableCommand(env),
		newKeyRotateCommand(env), newKeyDeleteCommand(env))
}

// sourceFlags select a server, or its database.
type sourceFlags struct {
	*command.ServerFlags
	database *server.KeyOptions
}

func addSourceFlags(env *command.Env, cmd *cobra.Command) sourceFlags {
	source := sourceFlags{command.AddServerFlags(env, cmd), &server.KeyOptions{}}
	cmd.Flags().StringVar(&source.database.DB, "db", env.Getenv("LOCKSTEP_DB"),
		"URL of the server's database, sqlite:PATH or postgres://…, to use instead of the server (or LOCKSTEP_DB)")
	cmd.Flags().Lookup("db").DefValue = "" // it may contain a password
	return source
}

// isDatabase reports whether the source is the database. A flag that names a
// server has precedence over a variable that names a database.
func (s sourceFlags) isDatabase(cmd *cobra.Command) (bool, error) {
	flags := cmd.Flags()
	isServer := flags.Changed("endpoint-url") || flags.Changed("profile") || flags.Changed("data")
	if isServer && flags.Changed("db") {
		return false, command.Usagef("%s: --db cannot be used with a flag that names a server.", cmd.CommandPath())
	}
	return s.database.DB != "" && !isServer, nil
}

// isExistingDatabase is isDatabase, and returns an error if the database does not
// exist: a misspelled path must not become an empty database.
func (s sourceFlags) isExistingDatabase(cmd *cobra.Command) (bool, error) {
	isDatabase, err := s.isDatabase(cmd)
	if err != nil || !isDatabase {
		return false, err
	}

	if path, ok := strings.CutPrefix(s.database.DB, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return false, command.Usagef("--db: there is no database %s.", path)
		}
	}
	return true, nil
}

// A role is the value of a flag: a predefined role in lower case.
type role string

// String returns the value of the flag.
func (r *role) String() string { return string(*r) }

// Type returns the name of the value in help.
func (r *role) Type() string { return "role" }

// Set sets the value of the flag.
func (r *role) Set(text string) error {
	switch strings.ToUpper(text) {
	case wire.RoleAdmin, wire.RoleOperator, wire.RoleReader, wire.RoleNone:
		*r = role(strings.ToLower(text))
		return nil
	}
	return errors.New("must be admin, operator, reader or none")
}

// wire returns the role as the API spells it.
func (r role) wire() string { return strings.ToUpper(string(r)) }

const roleUsage = "permissions: admin (everything), operator (start syncs, resolve blockers), reader (read)," +
	" none (only what policies permit)"

func newKeyCreateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE [--db URL]",
		Short: "Create an access key",
		Long: "Create an access key for the principal NAME, and print its secret. The secret is not shown\n" +
			"again. With --db, NAME defaults to your user name.",
		Example: "  lockstep key create ci --role operator\n" +
			"  lockstep key create --admin --db sqlite:/var/lib/lockstep/lockstep.db",
		Args:                  command.Args("[NAME]"),
		DisableFlagsInUseLine: true,
	}

	source, format := addSourceFlags(env, cmd), command.AddFormatFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&source.database.SealKeyFile, "seal-key-file", env.Getenv("LOCKSTEP_SEAL_KEY_FILE"),
		"with --db: key that encrypts the database's secrets (or LOCKSTEP_SEAL_KEY_FILE; "+
			"default next to an SQLite database)")
	flags.StringVar(&source.database.SealKeyKMS, "seal-key-kms", env.Getenv("LOCKSTEP_SEAL_KEY_KMS"),
		"with --db: `ARN` of the AWS KMS key that encrypts the seal key file (or LOCKSTEP_SEAL_KEY_KMS)")
	source.database.SealKey = config.SealKey(env.Getenv)
	account := flags.String("account", defaultAccount, "with --db: account of the key, twelve digits")
	principal := flags.String("principal", "", "same as NAME")
	var permissions role
	flags.Var(&permissions, "role", roleUsage)
	flags.Bool("admin", false, "same as --role admin")
	flags.Bool("reader", false, "same as --role reader")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		roleFlag, err := command.ExactlyOneFlag(cmd, "role", "admin", "reader")
		if err != nil {
			return err
		}
		if roleFlag != "role" {
			permissions = role(roleFlag)
		}

		if len(args) == 1 {
			if *principal != "" {
				return command.Usagef("%s: give either NAME or --principal.", cmd.CommandPath())
			}
			*principal = args[0]
		}

		isDatabase, err := source.isDatabase(cmd)
		if err != nil {
			return err
		}
		if isDatabase {
			request := server.NewKey{Account: *account, Principal: cmp.Or(*principal, userName())}
			request.Role = likeRole(request.Role, permissions)
			return createKeyInDatabase(cmd.Context(), env, *source.database, request, *format)
		}

		if *principal == "" {
			return command.Usagef("%s: NAME is missing.", cmd.CommandPath()).
				WithHint("To create the first key of a server, use its database: " +
					"--db sqlite:/var/lib/lockstep/lockstep.db.")
		}
		if flags.Changed("account") {
			return command.Usagef("%s: --account requires --db.", cmd.CommandPath()).
				WithHint("A server creates keys only in the account of the caller.")
		}

		return source.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
			response, err := remote.CreateAccessKey(ctx, &wire.CreateAccessKeyInput{
				PrincipalName: *principal,
				Role:          permissions.wire(),
			})
			if err != nil {
				return err
			}

			created := newKey{accessKey{AccessKey: response.AccessKey}, response.SecretAccessKey}
			return showNewKey(env, created, remote.Settings().Endpoint, remote.Settings().Region, *format)
		})(cmd, args)
	}

	return cmd
}

// likeRole returns a role as the type of like, which this package may not import.
func likeRole[Role ~string](like Role, permissions role) Role { return Role(permissions) }

func createKeyInDatabase(
	ctx context.Context, env *command.Env, database server.KeyOptions, request server.NewKey, format output.Format,
) error {
	key, err := server.CreateKey(ctx, database, request)
	if err != nil {
		return databaseError(err)
	}
	created := newKey{accessKey{keyFrom(key), key.Account}, key.Secret.Reveal()}
	return showNewKey(env, created, "http://127.0.0.1:4747", client.DefaultRegion, format)
}

// accessKey is a key with its account, which a server omits: it is the caller's.
type accessKey struct {
	wire.AccessKey
	Account string `json:",omitzero"`
}

// newKey is the document of key create and key rotate. It holds a secret.
type newKey struct {
	accessKey
	SecretAccessKey string
}

func showNewKey(env *command.Env, key newKey, endpoint, region string, format output.Format) error {
	if format.IsDocument() {
		return format.Write(env.Stdout, key)
	}

	next := "Next: lockstep status; aws codeconnections list-connections --profile lockstep"
	permissions := strings.ToLower(key.Role)
	if key.Account != "" {
		next = "Replace endpoint_url by the address of your server. " + next
		permissions += " of account " + key.Account
	}

	return env.Printf(`Created an access key for %s (%s). The secret is not shown again.

Add to ~/.aws/credentials:
[lockstep]
aws_access_key_id = %s
aws_secret_access_key = %s

Add to ~/.aws/config:
[profile lockstep]
region = %s
endpoint_url = %s

%s
`, key.PrincipalName, permissions, key.AccessKeyId, key.SecretAccessKey, region, endpoint, next)
}

// keyFrom returns a key of a database as a document.
func keyFrom(key server.AccessKey) wire.AccessKey {
	status := wire.KeyActive
	if key.Disabled {
		status = wire.KeyDisabled
	}
	return wire.AccessKey{
		AccessKeyId:   key.AccessKeyID,
		PrincipalName: key.Name,
		Role:          strings.ToUpper(string(key.Role)),
		Status:        status,
		CreatedAt:     wire.Time{Time: key.CreatedAt},
		ExpiresAt:     wire.Time{Time: key.ExpiresAt},
	}
}

// databaseError returns an error of the database as one to print: its message if it
// has one, and otherwise all of it, since the reader operates the server.
func databaseError(err error) error {
	if failed, ok := errors.AsType[*lockstep.Error](err); ok && failed.Kind != lockstep.Internal {
		return command.Errorf("%s", failed.Message)
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return command.Errorf("%s", err)
}

var principalName = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`)

// userName returns the name of the user, or admin if it cannot name a principal.
func userName() string {
	current, err := user.Current()
	if err == nil && principalName.MatchString(current.Username) {
		return current.Username
	}
	return "admin"
}
