package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateConnection makes a connection, PENDING until CompleteConnection. Names
// need not be unique, as at AWS.
func (s *Service) CreateConnection(ctx context.Context, c Caller, in *wire.CreateConnectionInput) (*wire.CreateConnectionOutput, error) {
	tags, around, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}

	conn := lockstep.Connection{
		ARN:          c.arn("connection", uuid.NewString()),
		Account:      c.Account,
		Region:       c.Region,
		Name:         in.ConnectionName,
		ProviderType: lockstep.ProviderType(in.ProviderType),
		HostARN:      lockstep.ARN(in.HostArn),
		Status:       lockstep.ConnectionPending,
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := s.settleProvider(tx, c, &conn); err != nil {
			return err
		}
		if err := c.with(tx, "codeconnections:CreateConnection", theConnection(conn).but(nil), around); err != nil {
			return err
		}
		if err := c.room(tx, store.CountConnections, s.o.Quotas.Connections, "connections"); err != nil {
			return err
		}

		if err := store.InsertConnection(tx, &conn); err != nil {
			return err
		}

		return c.tagNew(tx, theConnection(conn), conn.ARN, tags, around)
	})
	if err != nil {
		return nil, err
	}

	return &wire.CreateConnectionOutput{ConnectionArn: string(conn.ARN), Tags: in.Tags}, nil
}

// settleProvider finds a new connection's provider type, which a host decides
// where there is one. Naming both is allowed when they agree.
func (s *Service) settleProvider(tx *db.Tx, c Caller, conn *lockstep.Connection) error {
	if conn.HostARN == "" && conn.ProviderType == "" {
		return lockstep.Errorf(lockstep.Invalid, "Either ProviderType or HostArn must be given.")
	}

	if conn.HostARN != "" {
		h, err := store.Host(tx, c.Account, c.Region, conn.HostARN)
		if err != nil {
			return err
		}
		if err := c.on(tx, "codeconnections:GetHost", theHost(h)); err != nil {
			return err
		}

		if conn.ProviderType != "" && conn.ProviderType != h.ProviderType {
			return lockstep.Errorf(lockstep.Invalid, "ProviderType %s differs from the host's, %s.", conn.ProviderType, h.ProviderType)
		}
		if h.Status != lockstep.HostAvailable {
			return lockstep.Errorf(lockstep.Unavailable, "Host %s is %s.", h.ARN, h.Status)
		}

		conn.ProviderType = h.ProviderType
	}

	p, err := s.provider(conn.ProviderType)
	if err != nil {
		return err
	}
	if p.NeedsHost && conn.HostARN == "" {
		return lockstep.Errorf(lockstep.Invalid, "A connection of provider type %s needs a HostArn.", conn.ProviderType)
	}

	return nil
}

// GetConnection reads a connection.
func (s *Service) GetConnection(ctx context.Context, c Caller, in *wire.GetConnectionInput) (*wire.GetConnectionOutput, error) {
	const action = "codeconnections:GetConnection"
	out := &wire.GetConnectionOutput{}
	err := s.read(ctx, c, action, policy.Connection, func(tx *db.Tx) error {
		conn, err := store.Connection(tx, c.Account, c.Region, lockstep.ARN(in.ConnectionArn))
		if err != nil {
			return err
		}

		shown := showConnection(conn)
		out.Connection = &shown
		return c.on(tx, action, theConnection(conn))
	})

	return out, err
}

// ListConnections reads connections, oldest first.
func (s *Service) ListConnections(ctx context.Context, c Caller, in *wire.ListConnectionsInput) (*wire.ListConnectionsOutput, error) {
	if err := c.onAccount("codeconnections:ListConnections"); err != nil {
		return nil, err
	}

	filter := store.ConnectionFilter{
		ProviderType: lockstep.ProviderType(in.ProviderTypeFilter),
		HostARN:      lockstep.ARN(in.HostArnFilter),
	}
	list := s.listing(c, "connections", filter)
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListConnectionsOutput{Connections: []wire.Connection{}}
	err = s.list(ctx, c, policy.Connection, func(tx *db.Tx) error {
		all, next, err := visible(tx, c, policy.Connection, page, func(p store.Page) ([]lockstep.Connection, store.Cursor, error) {
			return store.Connections(tx, c.Account, c.Region, filter, p)
		}, theConnection)
		if err != nil {
			return err
		}

		for _, conn := range all {
			out.Connections = append(out.Connections, showConnection(conn))
		}

		out.NextToken, err = list.token(next)
		return err
	})

	return out, err
}

// DeleteConnection removes a connection that no repository link uses.
func (s *Service) DeleteConnection(ctx context.Context, c Caller, in *wire.DeleteConnectionInput) (*wire.DeleteConnectionOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := store.LockConnection(tx, c.Account, c.Region, lockstep.ARN(in.ConnectionArn))
		if err != nil {
			return err
		}
		if err := c.on(tx, "codeconnections:DeleteConnection", theConnection(conn)); err != nil {
			return err
		}
		return store.DeleteConnection(tx, c.Account, c.Region, conn.ARN)
	})
	return &wire.DeleteConnectionOutput{}, err
}

func showConnection(c lockstep.Connection) wire.Connection {
	return wire.Connection{
		ConnectionName:   c.Name,
		ConnectionArn:    string(c.ARN),
		ProviderType:     string(c.ProviderType),
		OwnerAccountId:   string(c.Account),
		ConnectionStatus: string(c.Status),
		HostArn:          string(c.HostARN),
	}
}
