package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
)

// sealKeyVariable holds a seal key in place of a file.
const sealKeyVariable = prefix + "SEAL_KEY"

// kmsTimeout bounds a call that decrypts or creates a key with AWS KMS.
const kmsTimeout = 30 * time.Second

// A SealKeySource is where the key is that the secrets in a database are sealed with: in a file, in
// a file encrypted under an AWS KMS key, or in the environment.
type SealKeySource struct {
	DB   string      // next to an SQLite database the file is by default
	File string      // path
	KMS  string      // ARN; "" if the file is the key
	Text seal.Secret // from the environment
}

// Complete checks the source and fills in the default of File.
func (s *SealKeySource) Complete() error {
	var found problems
	inEnvironment := s.Text.Reveal() != ""
	switch {
	case inEnvironment && s.File != "":
		found.add("seal-key-file", "%s holds a seal key too: leave out one of the two", sealKeyVariable)
	case inEnvironment && s.KMS != "":
		found.add("seal-key-kms", "%s holds a seal key too: leave out one of the two", sealKeyVariable)
	case inEnvironment:
		if _, err := seal.Parse(s.Text); err != nil {
			found = append(found, fmt.Errorf("%s: %w", sealKeyVariable, err))
		}
	case s.File == "":
		s.File = DefaultSealKeyFile(s.DB)
		if s.File == "" {
			found.add("seal-key-file", "the file must be named with PostgreSQL; all servers need the same")
		}
	}

	if s.KMS != "" {
		if err := seal.CheckKeyARN(s.KMS); err != nil {
			found.add("seal-key-kms", "%s", err)
		}
	}

	return errors.Join(found...)
}

// OpenOrCreate returns the key of a complete source. It creates a missing file.
func (s *SealKeySource) OpenOrCreate(ctx context.Context) (*seal.Key, error) {
	return s.load(ctx, seal.OpenOrCreate, (*seal.KMS).OpenOrCreate)
}

// Open returns the key of a complete source, for a database that has secrets sealed with it. The
// error is Invalid if the file is missing.
func (s *SealKeySource) Open(ctx context.Context) (*seal.Key, error) {
	key, err := s.load(ctx, seal.Open, (*seal.KMS).Open)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lockstep.Wrapf(lockstep.Invalid, err,
			"%s does not exist, and the database has keys sealed with another: name that with --seal-key-file.", s)
	}
	return key, err
}

// load parses the key in the environment, or reads the file with one of the two functions.
func (s *SealKeySource) load(
	ctx context.Context,
	read func(path string) (*seal.Key, error),
	readWithKMS func(kms *seal.KMS, ctx context.Context, path string) (*seal.Key, error),
) (*seal.Key, error) {
	if s.Text.Reveal() != "" {
		key, err := seal.Parse(s.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sealKeyVariable, err)
		}
		return key, nil
	}
	if s.KMS == "" {
		return read(s.File)
	}

	ctx, cancel := context.WithTimeout(ctx, kmsTimeout)
	defer cancel()

	cfg, err := LoadAWS(ctx, "")
	if err != nil {
		return nil, err
	}
	kms, err := seal.NewKMS(cfg, s.KMS)
	if err != nil {
		return nil, err
	}

	return readWithKMS(kms, ctx, s.File)
}

// String names the source in a sentence.
func (s *SealKeySource) String() string {
	if s.Text.Reveal() != "" {
		return "The seal key in " + sealKeyVariable
	}
	return "The seal key file " + s.File
}

// Flags returns the flags of another command that needs the same key, for a shell. Each begins with
// a space.
func (s *SealKeySource) Flags() string {
	var flags strings.Builder
	if s.File != DefaultSealKeyFile(s.DB) && s.File != "" {
		flags.WriteString(" --seal-key-file " + lockstep.ShellQuote(s.File))
	}
	if s.KMS != "" {
		flags.WriteString(" --seal-key-kms " + lockstep.ShellQuote(s.KMS))
	}
	return flags.String()
}

// DefaultSealKeyFile returns the default seal key file of a database: "" for PostgreSQL, which is in
// no folder.
func DefaultSealKeyFile(dbURL string) string {
	path, ok := strings.CutPrefix(dbURL, "sqlite:")
	if !ok {
		return ""
	}
	return path + ".key"
}
