package api

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CompleteConnection gives a connection its credential, which makes it
// AVAILABLE. The Git host is asked first: one that it refuses is not stored, and
// where the host is away the connection is PENDING until it answers. Doing so again
// replaces the credential. The repositories that are followed over it are looked at
// now: the old one may have been refused.
func (s *Service) CompleteConnection(ctx context.Context, caller access.Caller, input *wire.CompleteConnectionInput) (*wire.CompleteConnectionOutput, error) {
	given, err := parseCredential(input.Credential)
	if err != nil {
		return nil, err
	}

	var handshake *connection.Handshake
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := lockedConnection(tx, caller, input.ConnectionArn, "lockstep:CompleteConnection")
		if err != nil {
			return err
		}

		handshake, err = s.o.Connections.BeginHandshake(tx, conn, given)
		return err
	})
	if err != nil {
		return nil, err
	}

	if err := handshake.Verify(ctx); err != nil {
		return nil, err
	}

	out := &wire.CompleteConnectionOutput{}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		// Asked again: the host may have taken its time.
		conn, err := lockedConnection(tx, caller, input.ConnectionArn, "lockstep:CompleteConnection")
		if err != nil {
			return err
		}

		status, err := handshake.Complete(tx, conn)
		out.ConnectionStatus = string(status)
		return err
	})

	return out, err
}

// parseCredential takes what a caller gives a connection. What belongs to another kind is
// refused, lest it be thought to count.
func parseCredential(credential wire.Credential) (connection.HandshakeInput, error) {
	given := connection.HandshakeInput{Credential: lockstep.Credential{
		Kind: lockstep.CredentialKind(credential.Kind), Username: credential.Username, Secret: credential.Secret,
		AppID: credential.AppId, InstallationID: credential.InstallationId,
	}}
	if credential.Kind != wire.CredentialOAuthCode {
		if credential.State != "" || credential.Kind != wire.CredentialApp && (credential.AppId != "" || credential.InstallationId != "") {
			return given, lockstep.Errorf(lockstep.Invalid,
				"A credential of kind %s has no State, and AppId and InstallationId are of kind APP.", credential.Kind)
		}
		return given, given.Credential.Validate()
	}

	if credential.Secret == "" || credential.State == "" || credential.Username != "" || credential.AppId != "" || credential.InstallationId != "" {
		return given, lockstep.Errorf(lockstep.Invalid, "A credential of kind OAUTH_CODE needs Secret and State, and nothing else.")
	}

	return connection.HandshakeInput{Code: credential.Secret, State: credential.State}, nil
}

// StartConnectionHandshake begins to let an application in by OAuth 2, with PKCE.
// It ends any that the connection waits for.
func (s *Service) StartConnectionHandshake(ctx context.Context, caller access.Caller, input *wire.StartConnectionHandshakeInput) (*wire.StartConnectionHandshakeOutput, error) {
	out := &wire.StartConnectionHandshakeOutput{}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := lockedConnection(tx, caller, input.ConnectionArn, "lockstep:StartConnectionHandshake")
		if err != nil {
			return err
		}

		started, err := s.o.Connections.StartAuthorization(tx, conn,
			connection.OAuthClient{ID: input.ClientId, Secret: input.ClientSecret, RedirectURI: input.RedirectUri})
		out.AuthorizationUrl, out.State, out.ExpiresAt = started.URL, started.State, wire.Time{Time: started.Expires}
		return err
	})

	return out, err
}

// GetConnectionHandshake says where the handshake of a connection stands, and why.
func (s *Service) GetConnectionHandshake(ctx context.Context, caller access.Caller, in *wire.GetConnectionHandshakeInput) (*wire.GetConnectionHandshakeOutput, error) {
	out := &wire.GetConnectionHandshakeOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		conn, err := store.Connection(tx, caller.Account, caller.Region, lockstep.ARN(in.ConnectionArn))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:GetConnectionHandshake", access.ConnectionSubject(conn)); err != nil {
			return err
		}

		state, err := s.o.Connections.CredentialStatus(tx, conn)
		*out = wire.GetConnectionHandshakeOutput{
			ConnectionArn: string(conn.ARN), ConnectionStatus: string(conn.Status), Reason: state.Reason,
			CredentialKind: string(state.Kind), ExpiresAt: wire.Time{Time: state.ExpiresAt}, Renewed: state.IsRenewed,
			CheckedAt: wire.Time{Time: state.CheckedAt}, NextCheckAt: wire.Time{Time: state.CheckAt},
		}

		return err
	})

	return out, err
}

// PutHostCertificate says which certificate a host is known by. AWS has a place
// for it in a VPC configuration alone, which needs a VPC.
func (s *Service) PutHostCertificate(ctx context.Context, caller access.Caller, input *wire.PutHostCertificateInput) (*wire.PutHostCertificateOutput, error) {
	if err := checkCertificates(input.TlsCertificate); err != nil {
		return nil, err
	}

	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		host, err := store.LockHost(tx, caller.Account, caller.Region, lockstep.ARN(input.HostArn))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:PutHostCertificate", access.HostSubject(host)); err != nil {
			return err
		}

		if err := validateHost(host); err != nil {
			return err
		}

		host.OwnCertificate = input.TlsCertificate
		return store.UpdateHost(tx, host)
	})

	return &wire.PutHostCertificateOutput{}, err
}

// checkCertificates refuses what is not one certificate after the other.
func checkCertificates(text string) error {
	rest := []byte(text)
	for strings.TrimSpace(string(rest)) != "" {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block != nil && block.Type == "CERTIFICATE" {
			if _, err := x509.ParseCertificate(block.Bytes); err == nil {
				continue
			}
		}

		return lockstep.Errorf(lockstep.Invalid, "TlsCertificate must be one certificate in PEM, or several.")
	}

	return nil
}

// lockedConnection locks a connection for an action that the caller may do to it.
func lockedConnection(tx *db.Tx, caller access.Caller, arn, action string) (lockstep.Connection, error) {
	conn, err := store.LockConnection(tx, caller.Account, caller.Region, lockstep.ARN(arn))
	if err != nil {
		return conn, err
	}
	return conn, caller.Authorize(tx, action, access.ConnectionSubject(conn))
}
