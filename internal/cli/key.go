package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/server"
)

// defaultAccount is the account of an installation that needs only one.
const defaultAccount = "000000000000"

func newKeyCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "key",
		Short: "Make and disable access keys, in the server's database",
		Long: "Make, list and disable the access keys with which programs sign their requests. These commands go to the\n" +
			"server's database itself, whether the server runs or not: they make the first key.",
	})
	c.AddCommand(newKeyCreateCommand(p), newKeyListCommand(p), newKeyDisableCommand(p))
	return c
}

// keeps gives a command the flags that name the database.
func keeps(p *program, c *cobra.Command) *server.KeyOptions {
	o := &server.KeyOptions{}
	c.Flags().StringVar(&o.DB, "db", p.getenv("LOCKSTEP_DB"), "URL of the server's database: sqlite:PATH or postgres://… (or LOCKSTEP_DB)")
	c.Flags().Lookup("db").DefValue = "" // it may hold a password
	return o
}

func checkDB(c *cobra.Command, o *server.KeyOptions) error {
	if o.DB == "" {
		return usagef("%s: --db is missing.", c.CommandPath()).
			try("Give the database of the server, such as --db sqlite:/var/lib/lockstep/lockstep.db.")
	}
	return nil
}

func newKeyCreateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "create --db URL (--admin | --reader)",
		Short: "Make an access key and print its secret, this once",
		Args:  arguments(), DisableFlagsInUseLine: true,
	}
	o, format := keeps(p, c), formats(c)
	f := c.Flags()
	f.StringVar(&o.SealKeyFile, "seal-key-file", p.getenv("LOCKSTEP_SEAL_KEY_FILE"),
		"key that seals the database's secrets (or LOCKSTEP_SEAL_KEY_FILE; default beside an SQLite database)")
	f.StringVar(&o.SealKeyKMS, "seal-key-kms", p.getenv("LOCKSTEP_SEAL_KEY_KMS"),
		"`ARN` of the AWS KMS key that the seal key file is encrypted under (or LOCKSTEP_SEAL_KEY_KMS)")
	o.SealKey = server.SealKeyOf(p.getenv)
	n := server.NewKey{}
	f.StringVar(&n.Account, "account", defaultAccount, "account of twelve digits that the key sees and changes")
	f.StringVar(&n.Principal, "principal", userName(), "whose key it is")
	f.Bool("admin", false, "it may do everything")
	f.Bool("reader", false, "it may only read")
	c.RunE = func(c *cobra.Command, _ []string) error {
		role, err := oneOf(c, "admin", "reader")
		if err != nil {
			return err
		}
		if n.Role = server.Admin; role == "reader" {
			n.Role = server.Reader
		}
		if err := checkDB(c, o); err != nil {
			return err
		}
		k, err := server.CreateKey(c.Context(), *o, n)
		if err != nil {
			return shown(err)
		}
		return p.showNewKey(k, *format)
	}
	return c
}

// newKey is the document of `key create`, the only one that holds a secret.
type newKey struct {
	AccessKeyId     string
	SecretAccessKey string
	Account         string
	Principal       string
	Role            string
}

func (p *program) showNewKey(k server.AccessKey, f format) error {
	if f != asTable {
		return f.write(p.stdout, newKey{k.AccessKeyID, k.Secret.Reveal(), k.Account, k.Name, string(k.Role)})
	}
	_, err := fmt.Fprintf(p.stdout, `Made a key for %s (%s of account %s). The secret is shown this once.

Into ~/.aws/credentials:
[lockstep]
aws_access_key_id = %s
aws_secret_access_key = %s

Into ~/.aws/config:
[profile lockstep]
region = %s
endpoint_url = http://127.0.0.1:4747

Put your server's address there. Then: lockstep status; aws codeconnections list-connections --profile lockstep
`, k.Name, k.Role, k.Account, k.AccessKeyID, k.Secret.Reveal(), client.DefaultRegion)
	return err
}

func newKeyListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list --db URL", Short: "List the access keys, without secrets", Args: arguments(), DisableFlagsInUseLine: true}
	o, format := keeps(p, c), formats(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkDB(c, o); err != nil {
			return err
		}
		if err := databaseExists(o.DB); err != nil {
			return err
		}
		keys, err := server.ListKeys(c.Context(), *o)
		if err != nil {
			return shown(err)
		}
		return p.showKeys(keys, *format)
	}
	return c
}

// listedKey is a key in the document of `key list`.
type listedKey struct {
	AccessKeyId string
	Account     string
	Principal   string
	Role        string
	Disabled    bool
	CreatedAt   time.Time
}

func (p *program) showKeys(keys []server.AccessKey, f format) error {
	all := []listedKey{}
	t := &table{}
	t.add("KEY", "ACCOUNT", "PRINCIPAL", "ROLE", "STATUS", "CREATED")
	for _, k := range keys {
		all = append(all, listedKey{k.AccessKeyID, k.Account, k.Name, string(k.Role), k.Disabled, k.CreatedAt})
		status := "active"
		if k.Disabled {
			status = "disabled"
		}
		t.add(k.AccessKeyID, k.Account, k.Name, k.Role, status, k.CreatedAt.Local().Format(time.DateTime))
	}
	if f != asTable {
		return f.write(p.stdout, struct{ AccessKeys []listedKey }{all})
	}
	return t.write(p.stdout)
}

func newKeyDisableCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "disable ID --db URL",
		Short: "Disable an access key for good",
		Args:  arguments("ID"), DisableFlagsInUseLine: true,
	}
	o := keeps(p, c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkDB(c, o); err != nil {
			return err
		}
		if err := databaseExists(o.DB); err != nil {
			return err
		}
		if err := server.DisableKey(c.Context(), *o, args[0]); err != nil {
			return shown(err)
		}
		_, err := fmt.Fprintf(p.stdout, "%s is disabled. Servers take notice within seconds.\n", args[0])
		return err
	}
	return c
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
