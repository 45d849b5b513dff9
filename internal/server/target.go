package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

// SandboxAccount is the account of everything where no AWS account is behind it.
const SandboxAccount = "000000000000"

// sandboxPrincipal is the principal of the server's own calls to its sandbox.
const sandboxPrincipal = "lockstep.sandbox"

// resolveTarget fills in the target, with the credentials for it. The role of each sync
// configuration does the work there.
func (o *Options) resolveTarget(ctx context.Context, settings config.Settings) error {
	endpoint, err := config.TargetEndpoint(settings.Target)
	if err != nil {
		return fmt.Errorf("--target: %w", err)
	}

	o.Target = Target{Name: settings.Target, Endpoint: endpoint, AssumeRoles: true}
	if settings.Target == "sandbox" {
		o.Target.Endpoint = o.Listeners.SandboxURL()
		o.SandboxFile = settings.SandboxFile
		o.Target.Credentials, err = sandboxCredentials(ctx, o.DB, o.SealKey)
		return err
	}

	cfg, err := config.LoadAWS(ctx, endpoint)
	o.Target.Credentials = cfg.Credentials
	return err
}

// sandboxCredentials returns the credentials for the server's own calls to its sandbox.
func sandboxCredentials(ctx context.Context, d *db.DB, sealKey *seal.Key) (aws.CredentialsProvider, error) {
	key, err := EnsureKey(ctx, d, sealKey, identity.CreateKeyInput{
		Account:     SandboxAccount,
		Principal:   sandboxPrincipal,
		Role:        identity.Reader,
		ServerOwned: true,
	})
	return credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.Secret.Reveal(), ""), err
}

// sandboxKeyIn lets the sandbox verify signatures made with our access keys. The server's own
// key deploys for all accounts; others act in their own account, as their built-in role permits.
func sandboxKeyIn(directory *identity.Directory) func(context.Context, string) (sandbox.Key, error) {
	return func(ctx context.Context, id string) (sandbox.Key, error) {
		principal, secret, err := directory.Lookup(ctx, id, "")
		if errors.Is(err, identity.ErrUnknownKey) {
			return sandbox.Key{}, nil
		}

		access := sandbox.NoAccess
		switch {
		case principal.Name == sandboxPrincipal:
			access = sandbox.AllAccounts
		case principal.Role == identity.Admin:
			access = sandbox.WriteAccess
		case principal.Role == identity.Operator, principal.Role == identity.Reader:
			access = sandbox.ReadAccess
		}

		return sandbox.Key{Secret: secret.Reveal(), Account: principal.Account, Access: access}, err
	}
}

// EnsureKey returns the active access key of a principal, with its secret. It creates one if there
// is none.
func EnsureKey(ctx context.Context, database *db.DB, sealKey *seal.Key, wanted identity.CreateKeyInput) (
	key identity.AccessKey, err error,
) {
	var keys []identity.AccessKey
	err = database.View(ctx, func(tx *db.Tx) (err error) {
		keys, err = identity.AllKeys(tx)
		return err
	})
	if err != nil {
		return key, err
	}

	for _, existing := range keys {
		isActive := !existing.Disabled && existing.ExpiresAt.IsZero()
		if isActive && existing.Name == wanted.Principal && existing.Account == wanted.Account {
			key = existing
		}
	}

	if key.AccessKeyID != "" {
		directory, err := identity.NewDirectory(identity.Options{DB: database, Key: sealKey})
		if err != nil {
			return key, err
		}
		_, key.Secret, err = directory.Lookup(ctx, key.AccessKeyID, "")
		return key, err
	}

	err = database.Update(ctx, func(tx *db.Tx) (err error) {
		key, err = identity.CreateKey(tx, sealKey, wanted)
		return err
	})

	return key, err
}

// errRollback rolls back a transaction that succeeded.
var errRollback = errors.New("roll back")

// CheckTargetBinding returns an Invalid error if a database is bound to another target: what it stores
// about stacks is about one target. It does not bind the database yet, because a target that cannot be
// reached is probably a typing error.
func CheckTargetBinding(ctx context.Context, d *db.DB, target string) error {
	err := d.Update(ctx, func(tx *db.Tx) error {
		if _, err := store.BindTarget(tx, target); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}
