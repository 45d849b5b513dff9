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

// CompleteConnection gives a connection its credential, or replaces it, and makes
// the connection AVAILABLE. A credential that the Git host refuses is not stored. If
// the Git host cannot be reached, the connection is PENDING until it can.
//
// The branches of the connection are probed at once, since the host may have refused
// the old credential.
func (s *Service) CompleteConnection(
	ctx context.Context, caller access.Caller, input *wire.CompleteConnectionInput,
) (*wire.CompleteConnectionOutput, error) {
	given, err := parseCredential(input.Credential)
	if err != nil {
		return nil, err
	}

	var handshake *connection.Handshake
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := lockConnection(tx, caller, "lockstep:CompleteConnection", input.ConnectionArn)
		if err != nil {
			return err
		}

		handshake, err = s.options.Connections.BeginHandshake(tx, conn, given)
		return err
	})
	if err != nil {
		return nil, err
	}

	if err := handshake.Verify(ctx); err != nil {
		return nil, err
	}

	out := &wire.CompleteConnectionOutput{}
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		// Asked again: the host may have taken its time.
		conn, err := lockConnection(tx, caller, "lockstep:CompleteConnection", input.ConnectionArn)
		if err != nil {
			return err
		}

		status, err := handshake.Complete(tx, conn)
		out.ConnectionStatus = string(status)
		return err
	})

	return out, err
}

// parseCredential returns the credential of a request. A member that its kind does
// not use is Invalid rather than ignored.
func parseCredential(credential wire.Credential) (connection.HandshakeInput, error) {
	given := connection.HandshakeInput{Credential: lockstep.Credential{
		Kind:           lockstep.CredentialKind(credential.Kind),
		Username:       credential.Username,
		Secret:         credential.Secret,
		AppID:          credential.AppId,
		InstallationID: credential.InstallationId,
	}}
	if credential.Kind != wire.CredentialOAuthCode {
		if credential.State != "" {
			return given, lockstep.Errorf(lockstep.Invalid,
				"State is for credentials of kind OAUTH_CODE, not %s.", credential.Kind)
		}
		if credential.Kind != wire.CredentialApp && (credential.AppId != "" || credential.InstallationId != "") {
			return given, lockstep.Errorf(lockstep.Invalid,
				"AppId and InstallationId are for credentials of kind APP, not %s.", credential.Kind)
		}

		return given, given.Credential.Validate()
	}

	isComplete := credential.Secret != "" && credential.State != ""
	if !isComplete || credential.Username != "" || credential.AppId != "" || credential.InstallationId != "" {
		return given, lockstep.Errorf(lockstep.Invalid,
			"A credential of kind OAUTH_CODE must have Secret and State, and nothing else.")
	}

	return connection.HandshakeInput{Code: credential.Secret, State: credential.State}, nil
}

// StartConnectionHandshake starts to authorize an application by OAuth 2.0 with
// PKCE. It ends an earlier handshake of the connection.
func (s *Service) StartConnectionHandshake(
	ctx context.Context, caller access.Caller, input *wire.StartConnectionHandshakeInput,
) (*wire.StartConnectionHandshakeOutput, error) {
	out := &wire.StartConnectionHandshakeOutput{}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := lockConnection(tx, caller, "lockstep:StartConnectionHandshake", input.ConnectionArn)
		if err != nil {
			return err
		}

		started, err := s.options.Connections.StartAuthorization(tx, conn,
			connection.OAuthClient{ID: input.ClientId, Secret: input.ClientSecret, RedirectURI: input.RedirectUri})
		out.AuthorizationUrl, out.State, out.ExpiresAt = started.URL, started.State, wire.Time{Time: started.Expires}
		return err
	})

	return out, err
}

// GetConnectionHandshake returns the state of a connection's credential, and why the
// connection is not AVAILABLE.
func (s *Service) GetConnectionHandshake(
	ctx context.Context, caller access.Caller, input *wire.GetConnectionHandshakeInput,
) (*wire.GetConnectionHandshakeOutput, error) {
	out := &wire.GetConnectionHandshakeOutput{}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		conn, err := store.Connection(tx, caller.Account, caller.Region, lockstep.ARN(input.ConnectionArn))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:GetConnectionHandshake", access.ConnectionSubject(conn)); err != nil {
			return err
		}

		state, err := s.options.Connections.CredentialStatus(tx, conn)
		*out = wire.GetConnectionHandshakeOutput{
			ConnectionArn:    string(conn.ARN),
			ConnectionStatus: string(conn.Status),
			Reason:           state.Reason,
			CredentialKind:   string(state.Kind),
			ExpiresAt:        wire.Time{Time: state.ExpiresAt},
			Renewed:          state.IsRenewed,
			CheckedAt:        wire.Time{Time: state.CheckedAt},
			NextCheckAt:      wire.Time{Time: state.CheckAt},
		}

		return err
	})

	return out, err
}

// PutHostCertificate sets the TLS certificate that a host is trusted by.
//
// AWS has a certificate only in a VPC configuration, which needs a VPC.
func (s *Service) PutHostCertificate(
	ctx context.Context, caller access.Caller, input *wire.PutHostCertificateInput,
) (*wire.PutHostCertificateOutput, error) {
	if err := checkCertificates(input.TlsCertificate); err != nil {
		return nil, err
	}

	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		host, err := lockHost(tx, caller, "lockstep:PutHostCertificate", input.HostArn)
		if err != nil {
			return err
		}

		host.OwnCertificate = input.TlsCertificate
		return store.UpdateHost(tx, host)
	})

	return &wire.PutHostCertificateOutput{}, err
}

// checkCertificates returns Invalid unless text is a sequence of certificates in
// PEM.
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

		return lockstep.Errorf(lockstep.Invalid, "TlsCertificate must be one or more certificates in PEM format.")
	}

	return nil
}
