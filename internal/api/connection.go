package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateConnection creates a connection. It is PENDING until CompleteConnection. As
// at AWS, names need not be unique.
func (s *Service) CreateConnection(
	ctx context.Context, caller access.Caller, input *wire.CreateConnectionInput,
) (*wire.CreateConnectionOutput, error) {
	tags, request, err := parseTags(input.Tags)
	if err != nil {
		return nil, err
	}

	conn := lockstep.Connection{
		ARN:          caller.NewARN("connection", uuid.NewString()),
		Account:      caller.Account,
		Region:       caller.Region,
		Name:         input.ConnectionName,
		ProviderType: lockstep.ProviderType(input.ProviderType),
		HostARN:      lockstep.ARN(input.HostArn),
		Status:       lockstep.ConnectionPending,
	}
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		if err := s.resolveProvider(tx, caller, &conn); err != nil {
			return err
		}
		subject := access.ConnectionSubject(conn).WithNotFound(nil)
		if err := caller.AuthorizeTagged(tx, "codeconnections:CreateConnection", subject, request); err != nil {
			return err
		}
		err := access.CheckQuota(tx, store.CountConnections, caller.Scope(), s.options.Quotas.Connections,
			"connections")
		if err != nil {
			return err
		}

		if err := store.InsertConnection(tx, &conn); err != nil {
			return err
		}

		return addTags(tx, caller, access.ConnectionSubject(conn), conn.ARN, tags, request)
	})
	if err != nil {
		return nil, err
	}

	return &wire.CreateConnectionOutput{ConnectionArn: string(conn.ARN), Tags: input.Tags}, nil
}

// resolveProvider sets the provider type of a new connection. If there is a host,
// its provider type decides, and a given provider type must be the same.
func (s *Service) resolveProvider(tx *db.Tx, caller access.Caller, conn *lockstep.Connection) error {
	if conn.HostARN == "" && conn.ProviderType == "" {
		return lockstep.Errorf(lockstep.Invalid, "Either ProviderType or HostArn must be given.")
	}

	if conn.HostARN != "" {
		host, err := store.Host(tx, caller.Account, caller.Region, conn.HostARN)
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "codeconnections:GetHost", access.HostSubject(host)); err != nil {
			return err
		}

		if conn.ProviderType != "" && conn.ProviderType != host.ProviderType {
			return lockstep.Errorf(lockstep.Invalid, "ProviderType %s differs from the host's, %s.",
				conn.ProviderType, host.ProviderType)
		}
		if host.Status != lockstep.HostAvailable {
			return lockstep.Errorf(lockstep.Unavailable, "Host %s is %s.", host.ARN, host.Status)
		}

		conn.ProviderType = host.ProviderType
	}

	rules, err := s.providerRules(conn.ProviderType)
	if err != nil {
		return err
	}
	if rules.NeedsHost && conn.HostARN == "" {
		return lockstep.Errorf(lockstep.Invalid, "A connection of provider type %s needs a HostArn.", conn.ProviderType)
	}

	return nil
}

// GetConnection returns a connection.
func (s *Service) GetConnection(
	ctx context.Context, caller access.Caller, input *wire.GetConnectionInput,
) (*wire.GetConnectionOutput, error) {
	const action = "codeconnections:GetConnection"
	out := &wire.GetConnectionOutput{}
	err := s.view(ctx, caller, action, policy.Connection, func(tx *db.Tx) error {
		conn, err := store.Connection(tx, caller.Account, caller.Region, lockstep.ARN(input.ConnectionArn))
		if err != nil {
			return err
		}

		shown := conversion.ToWireConnection(conn)
		out.Connection = &shown
		return caller.Authorize(tx, action, access.ConnectionSubject(conn))
	})

	return out, err
}

// ListConnections returns connections, oldest first.
func (s *Service) ListConnections(
	ctx context.Context, caller access.Caller, input *wire.ListConnectionsInput,
) (*wire.ListConnectionsOutput, error) {
	if err := caller.AuthorizeAccount("codeconnections:ListConnections"); err != nil {
		return nil, err
	}

	filter := store.ConnectionFilter{
		ProviderType: lockstep.ProviderType(input.ProviderTypeFilter),
		HostARN:      lockstep.ARN(input.HostArnFilter),
	}
	list := access.NewList(s.options.Seal, caller, "connections", filter)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListConnectionsOutput{Connections: []wire.Connection{}}
	err = s.viewList(ctx, caller, policy.Connection, func(tx *db.Tx) error {
		all, next, err := access.Visible(tx, caller, policy.Connection, page,
			func(page db.Page) ([]lockstep.Connection, db.Cursor, error) {
				return store.Connections(tx, caller.Account, caller.Region, filter, page)
			}, access.ConnectionSubject)
		if err != nil {
			return err
		}

		for _, conn := range all {
			out.Connections = append(out.Connections, conversion.ToWireConnection(conn))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// DeleteConnection deletes a connection. No repository link may use it.
func (s *Service) DeleteConnection(
	ctx context.Context, caller access.Caller, input *wire.DeleteConnectionInput,
) (*wire.DeleteConnectionOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := lockConnection(tx, caller, "codeconnections:DeleteConnection", input.ConnectionArn)
		if err != nil {
			return err
		}
		return store.DeleteConnection(tx, caller.Account, caller.Region, conn.ARN)
	})
	return &wire.DeleteConnectionOutput{}, err
}

// lockConnection returns a connection for an action that changes it, and locks it.
func lockConnection(tx *db.Tx, caller access.Caller, action, arn string) (lockstep.Connection, error) {
	conn, err := store.LockConnection(tx, caller.Account, caller.Region, lockstep.ARN(arn))
	if err != nil {
		return conn, err
	}
	return conn, caller.Authorize(tx, action, access.ConnectionSubject(conn))
}
