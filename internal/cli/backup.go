package cli

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/server"
)

func newBackupCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE --db sqlite:PATH",
		Short: "Back up the database of a server",
		Long: "Copy the SQLite database of a server to the new file FILE, and check the copy. The server may run\n" +
			"meanwhile. The seal key is not in the copy; the command prints where it is. Keep it too: without it,\n" +
			"nothing can use the copy. docs/operations.md describes how to restore.",
		Example:               "  lockstep backup /backup/lockstep.db --db sqlite:/var/lib/lockstep/lockstep.db",
		Args:                  command.Args("FILE"),
		DisableFlagsInUseLine: true,
	}

	source := config.SealKeySource{Text: config.SealKey(env.Getenv)}
	flags := cmd.Flags()
	flags.StringVar(&source.DB, "db", env.Getenv("LOCKSTEP_DB"), "database to copy, sqlite:PATH (or LOCKSTEP_DB)")
	flags.Lookup("db").DefValue = "" // it may contain a password
	flags.StringVar(&source.File, "seal-key-file", env.Getenv("LOCKSTEP_SEAL_KEY_FILE"),
		"key that encrypts the database's secrets (or LOCKSTEP_SEAL_KEY_FILE; default next to the database)")
	flags.StringVar(&source.KMS, "seal-key-kms", env.Getenv("LOCKSTEP_SEAL_KEY_KMS"),
		"`ARN` of the AWS KMS key that encrypts the seal key file (or LOCKSTEP_SEAL_KEY_KMS)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return command.Usagef("%s: FILE is missing.", cmd.CommandPath())
		}
		path, err := backupSource(cmd, source.DB)
		if err != nil {
			return err
		}
		if err := source.Complete(); err != nil {
			return command.Usagef("%s: %s.", cmd.CommandPath(), err)
		}

		err = server.Backup(cmd.Context(), path, args[0])
		if errors.Is(err, fs.ErrExist) {
			return command.Errorf("%s exists, and a backup overwrites no file.", args[0]).WithHint("Name a new file.")
		}
		if err != nil {
			return command.Errorf("%s", err)
		}

		if err := env.Printf("Copied %s to %s, and checked the copy.\n", path, args[0]); err != nil {
			return err
		}
		return showSealKey(env, source)
	}

	return cmd
}

// backupSource returns the path of the SQLite database to copy.
func backupSource(cmd *cobra.Command, url string) (string, error) {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	switch {
	case url == "":
		return "", command.Usagef("%s: --db is missing.", cmd.CommandPath()).
			WithHint("For example: --db sqlite:/var/lib/lockstep/lockstep.db.")
	case strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://"):
		return "", command.Usagef("%s copies SQLite databases only.", cmd.CommandPath()).
			WithHint("Use pg_dump: pg_dump --format=custom --file FILE URL.")
	case !isSQLite || path == "":
		return "", command.Usagef("%s: --db must be sqlite:PATH.", cmd.CommandPath())
	}
	return path, nil
}

// showSealKey prints where the key is that the backup needs.
func showSealKey(env *command.Env, source config.SealKeySource) error {
	if source.Text.Reveal() != "" {
		return env.Printf("Keep LOCKSTEP_SEAL_KEY too: the secrets in the copy can be opened only with it.\n")
	}

	if _, err := os.Stat(source.File); errors.Is(err, fs.ErrNotExist) {
		env.PrintError("the seal key file "+source.File+" does not exist.",
			"The secrets in the copy can be opened only with the seal key. Find it, and name it with --seal-key-file.")
		return command.Exit(command.ExitFailed)
	}

	kms := ""
	if source.KMS != "" {
		kms = ", and AWS KMS key " + source.KMS
	}
	return env.Printf("Keep the seal key file %s%s too: the secrets in the copy can be opened only with it.\n"+
		"Keep it in another place than the copy.\n", source.File, kms)
}
