package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

// sandboxAccount is the account that everything is in where no AWS account is
// behind it.
const sandboxAccount = "000000000000"

type accessKey struct{ id, secret string }

// ownKey gives the active key of a principal of ours, made if there is none.
func ownKey(ctx context.Context, d *db.DB, key *seal.Key, n identity.CreateKeyInput) (accessKey, error) {
	directory, err := identity.NewDirectory(identity.Options{DB: d, Key: key})
	if err != nil {
		return accessKey{}, err
	}

	var id string
	err = d.View(ctx, func(tx *db.Tx) error {
		all, err := identity.AllKeys(tx)
		for _, k := range all {
			if k.Name == n.Principal && k.Account == n.Account && !k.Disabled && k.ExpiresAt.IsZero() {
				id = k.AccessKeyID
			}
		}

		return err
	})
	if err != nil {
		return accessKey{}, err
	}

	if id != "" {
		_, secret, err := directory.Lookup(ctx, id, "")
		return accessKey{id, secret.Reveal()}, err
	}

	var made identity.AccessKey
	err = d.Update(ctx, func(tx *db.Tx) (err error) {
		made, err = identity.CreateKey(tx, key, n)
		return err
	})
	return accessKey{made.AccessKeyID, made.Secret.Reveal()}, err
}

// sandboxPrincipal is whose key that of sandboxCaller is.
const sandboxPrincipal = "lockstep.sandbox"

// sandboxCaller gives the credentials with which the server calls its own
// sandbox.
func sandboxCaller(ctx context.Context, d *db.DB, key *seal.Key) (aws.CredentialsProvider, error) {
	k, err := ownKey(ctx, d, key, identity.CreateKeyInput{Account: sandboxAccount, Principal: sandboxPrincipal, Role: identity.Reader, ServerOwned: true})
	return credentials.NewStaticCredentialsProvider(k.id, k.secret, ""), err
}
