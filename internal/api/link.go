package api

import (
	"context"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateRepositoryLink links one repository over a connection, which may still
// be PENDING. Whether the repository is there is found out by the first sync.
func (s *Service) CreateRepositoryLink(ctx context.Context, c Caller, in *wire.CreateRepositoryLinkInput) (*wire.CreateRepositoryLinkOutput, error) {
	if err := checkRepository(in.OwnerId, in.RepositoryName); err != nil {
		return nil, err
	}

	tags, around, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}

	id := uuid.NewString()
	l := lockstep.RepositoryLink{
		ID:               id,
		ARN:              c.arn("repository-link", id),
		Account:          c.Account,
		Region:           c.Region,
		OwnerID:          in.OwnerId,
		RepositoryName:   in.RepositoryName,
		EncryptionKeyARN: in.EncryptionKeyArn,
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := c.lend(tx, lockstep.ARN(in.ConnectionArn))
		if err != nil {
			return err
		}

		l.ConnectionARN, l.ProviderType = conn.ARN, conn.ProviderType
		if err := c.with(tx, "codeconnections:CreateRepositoryLink", theLink(l).but(nil), around); err != nil {
			return err
		}
		if err := c.room(tx, store.CountLinks, s.o.Quotas.Links, "repository links"); err != nil {
			return err
		}

		if err := store.InsertLink(tx, &l); err != nil {
			return err
		}

		return c.tagNew(tx, theLink(l), l.ARN, tags, around)
	})

	return &wire.CreateRepositoryLinkOutput{RepositoryLinkInfo: showLink(l)}, err
}

// lend gives a connection that a repository link is to read over, if the caller
// may use it and hand it on.
func (c Caller) lend(tx *db.Tx, arn lockstep.ARN) (lockstep.Connection, error) {
	conn, err := store.Connection(tx, c.Account, c.Region, arn)
	if err != nil {
		return conn, err
	}
	if err := c.on(tx, "codeconnections:UseConnection", theConnection(conn)); err != nil {
		return conn, err
	}
	return conn, c.on(tx, "codeconnections:PassConnection", theConnection(conn))
}

// UpdateRepositoryLink reads a repository over another connection from now on.
// The branches that are followed are looked at at once, also where their heads are
// those last seen: over the old connection a sync may have failed. What was synced
// before is not synced again, since a commit that is the same is so anywhere.
func (s *Service) UpdateRepositoryLink(ctx context.Context, c Caller, in *wire.UpdateRepositoryLinkInput) (*wire.UpdateRepositoryLinkOutput, error) {
	var l lockstep.RepositoryLink
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if l, err = store.LockLink(tx, c.Account, c.Region, linkID(in.RepositoryLinkId)); err != nil {
			return err
		}
		if err := c.on(tx, "codeconnections:UpdateRepositoryLink", theLink(l)); err != nil {
			return err
		}

		before := l.ConnectionARN
		if in.ConnectionArn != "" {
			if err := c.relink(tx, &l, lockstep.ARN(in.ConnectionArn)); err != nil {
				return err
			}
		}

		set(&l.EncryptionKeyARN, in.EncryptionKeyArn)
		if err := store.UpdateLink(tx, l); err != nil || l.ConnectionARN == before {
			return err
		}

		return s.lookAgain(tx, l.ID)
	})

	return &wire.UpdateRepositoryLinkOutput{RepositoryLinkInfo: showLink(l)}, err
}

// relink puts a link on another connection, which must be of the same provider
// type.
func (c Caller) relink(tx *db.Tx, l *lockstep.RepositoryLink, arn lockstep.ARN) error {
	conn, err := c.lend(tx, arn)
	if err != nil {
		return err
	}
	if conn.ProviderType != l.ProviderType {
		return lockstep.Errorf(lockstep.Invalid, "The connection's provider type is %s. It must be that of the repository link, %s.",
			conn.ProviderType, l.ProviderType)
	}
	l.ConnectionARN = conn.ARN
	return c.becomes(tx, "codeconnections:UpdateRepositoryLink", theLink(*l))
}

// lookAgain has a link's branches synced that something follows, and the poller
// forget how long it meant to wait.
func (s *Service) lookAgain(tx *db.Tx, linkID string) error {
	branches, err := store.FollowedBranches(tx, linkID)
	if err != nil || len(branches) == 0 {
		return err
	}
	if err := s.requestAll(tx, linkID, branches); err != nil {
		return err
	}
	return store.Hint(tx, linkID)
}

// GetRepositoryLink reads a repository link.
func (s *Service) GetRepositoryLink(ctx context.Context, c Caller, in *wire.GetRepositoryLinkInput) (*wire.GetRepositoryLinkOutput, error) {
	const action = "codeconnections:GetRepositoryLink"
	out := &wire.GetRepositoryLinkOutput{}
	err := s.read(ctx, c, action, policy.RepositoryLink, func(tx *db.Tx) error {
		l, err := store.Link(tx, c.Account, c.Region, linkID(in.RepositoryLinkId))
		if err != nil {
			return err
		}
		out.RepositoryLinkInfo = showLink(l)
		return c.on(tx, action, theLink(l))
	})
	return out, err
}

// ListRepositoryLinks reads repository links, oldest first.
func (s *Service) ListRepositoryLinks(ctx context.Context, c Caller, in *wire.ListRepositoryLinksInput) (*wire.ListRepositoryLinksOutput, error) {
	if err := c.onAccount("codeconnections:ListRepositoryLinks"); err != nil {
		return nil, err
	}

	list := s.listing(c, "repository links")
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListRepositoryLinksOutput{}
	err = s.list(ctx, c, policy.RepositoryLink, func(tx *db.Tx) error {
		links, next, err := visible(tx, c, policy.RepositoryLink, page, func(p store.Page) ([]lockstep.RepositoryLink, store.Cursor, error) {
			return store.Links(tx, c.Account, c.Region, p)
		}, theLink)
		if err != nil {
			return err
		}

		for _, l := range links {
			out.RepositoryLinks = append(out.RepositoryLinks, showLink(l))
		}

		out.NextToken, err = list.token(next)
		return err
	})

	return out, err
}

// DeleteRepositoryLink removes a link that no sync configuration uses.
func (s *Service) DeleteRepositoryLink(ctx context.Context, c Caller, in *wire.DeleteRepositoryLinkInput) (*wire.DeleteRepositoryLinkOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		l, err := store.LockLinkToDelete(tx, c.Account, c.Region, linkID(in.RepositoryLinkId))
		if err != nil {
			return err
		}
		if err := c.on(tx, "codeconnections:DeleteRepositoryLink", theLink(l)); err != nil {
			return err
		}
		return store.DeleteLink(tx, c.Account, c.Region, l.ID)
	})
	return &wire.DeleteRepositoryLinkOutput{}, err
}

// linkID gives an id as it is stored; the shape allows capitals.
func linkID(id string) string { return strings.ToLower(id) }

// checkRepository refuses what would not stay below the host's endpoint, or
// would be read as something else than a path.
func checkRepository(owner, name string) error {
	segments := append(strings.Split(owner, "/"), name)
	if owner == "-" {
		segments = []string{name}
	}
	for _, s := range segments {
		if s == "" || s == "." || s == ".." || s[0] == '-' || strings.ContainsAny(s, `/\?#`) || strings.ContainsFunc(s, unicode.IsControl) {
			return lockstep.Errorf(lockstep.Invalid,
				"OwnerId %q and RepositoryName %q do not make the path of a repository.", owner, name)
		}
	}
	return nil
}

func showLink(l lockstep.RepositoryLink) wire.RepositoryLinkInfo {
	return wire.RepositoryLinkInfo{
		ConnectionArn:     string(l.ConnectionARN),
		EncryptionKeyArn:  l.EncryptionKeyARN,
		OwnerId:           l.OwnerID,
		ProviderType:      string(l.ProviderType),
		RepositoryLinkArn: string(l.ARN),
		RepositoryLinkId:  l.ID,
		RepositoryName:    l.RepositoryName,
	}
}
