package server

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

// sealVariable holds a seal key, in place of a file.
const sealVariable = envPrefix + "SEAL_KEY"

// SealKeyOf gives the seal key that the environment holds, if any.
func SealKeyOf(getenv func(string) string) seal.Secret { return seal.NewSecret(getenv(sealVariable)) }

// A sealSource says where the key is that a database's secrets are sealed with:
// in a file, in one that a key of AWS KMS opens, or in a text that was given.
type sealSource struct {
	db   string // beside which the file lies by default
	file string
	kms  string // ARN
	text seal.Secret
}

// complete checks the source and fills in where the file is by default.
func (s sealSource) complete() (sealSource, error) {
	var e complaints
	given := s.text.Reveal() != ""
	switch {
	case given && s.file != "":
		e.wrong("seal-key-file", "%s holds a seal key as well: leave one of the two out", sealVariable)
	case given && s.kms != "":
		e.wrong("seal-key-kms", "%s holds a seal key as well: leave one of the two out", sealVariable)
	case given:
		if _, err := seal.Parse(s.text); err != nil {
			e = append(e, fmt.Errorf("%s: %w", sealVariable, err))
		}
	case s.file == "":
		s.file = defaultSealKeyFile(s.db)
		if s.file == "" {
			e.wrong("seal-key-file", "with PostgreSQL the file must be named; all nodes need the same")
		}
	}

	if s.kms != "" {
		if err := seal.CheckKeyARN(s.kms); err != nil {
			e.wrong("seal-key-kms", "%s", err)
		}
	}

	return s, errors.Join(e...)
}

// sealPatience is how long AWS KMS may take to open or to make a key.
const sealPatience = 30 * time.Second

// open gives the key of a complete source; where make is set, a file that is
// missing is made. Else the error of a missing one is fs.ErrNotExist.
func (s sealSource) open(ctx context.Context, make bool) (*seal.Key, error) {
	if s.text.Reveal() != "" {
		key, err := seal.Parse(s.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sealVariable, err)
		}
		return key, nil
	}

	if s.kms == "" && make {
		return seal.OpenOrCreate(s.file)
	}
	if s.kms == "" {
		return seal.Open(s.file)
	}

	ctx, cancel := context.WithTimeout(ctx, sealPatience)
	defer cancel()

	cfg, err := callerConfig(ctx, "")
	if err != nil {
		return nil, err
	}

	kms, err := seal.NewKMS(cfg, s.kms)
	if err != nil {
		return nil, err
	}
	if make {
		return kms.OpenOrCreate(ctx, s.file)
	}

	return kms.Open(ctx, s.file)
}

// String says which key it is.
func (s sealSource) String() string {
	if s.text.Reveal() != "" {
		return "The seal key in " + sealVariable
	}
	return "The seal key file " + s.file
}

// flags are those of another command that needs the same key, for a shell.
func (s sealSource) flags() string {
	var b strings.Builder
	if s.file != defaultSealKeyFile(s.db) && s.file != "" {
		b.WriteString(" --seal-key-file " + quote(s.file))
	}
	if s.kms != "" {
		b.WriteString(" --seal-key-kms " + quote(s.kms))
	}
	return b.String()
}

// existing opens a key that must be there, for what it sealed is.
func (s sealSource) existing(ctx context.Context) (*seal.Key, error) {
	key, err := s.open(ctx, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lockstep.Wrapf(lockstep.Invalid, err,
			"%s does not exist, and the database has keys that were sealed with another: name that with --seal-key-file.", s)
	}
	return key, err
}

// defaultSealKeyFile is where Config.SealKeyFile is by default: "" for
// PostgreSQL, which lies in no folder.
func defaultSealKeyFile(dbURL string) string {
	path, ok := strings.CutPrefix(dbURL, "sqlite:")
	if !ok {
		return ""
	}
	return path + ".key"
}
