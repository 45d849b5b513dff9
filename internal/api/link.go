package api

import (
	"context"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateRepositoryLink links one repository over a connection, which may still
// be PENDING. Whether the repository is there is found out by the first sync.
func (s *Service) CreateRepositoryLink(ctx context.Context, c Caller, in *wire.CreateRepositoryLinkInput) (*wire.CreateRepositoryLinkOutput, error) {
	if err := checkRepository(in.OwnerId, in.RepositoryName); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
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
		conn, err := store.Connection(tx, c.Account, c.Region, lockstep.ARN(in.ConnectionArn))
		if err != nil {
			return err
		}
		l.ConnectionARN, l.ProviderType = conn.ARN, conn.ProviderType
		if err := store.InsertLink(tx, &l); err != nil {
			return err
		}
		return store.SetTags(tx, l.ARN, tags)
	})
	return &wire.CreateRepositoryLinkOutput{RepositoryLinkInfo: showLink(l)}, err
}

// GetRepositoryLink reads a repository link.
func (s *Service) GetRepositoryLink(ctx context.Context, c Caller, in *wire.GetRepositoryLinkInput) (*wire.GetRepositoryLinkOutput, error) {
	out := &wire.GetRepositoryLinkOutput{}
	err := s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		l, err := store.Link(tx, c.Account, c.Region, linkID(in.RepositoryLinkId))
		out.RepositoryLinkInfo = showLink(l)
		return err
	})
	return out, err
}

// ListRepositoryLinks reads repository links, oldest first.
func (s *Service) ListRepositoryLinks(ctx context.Context, c Caller, in *wire.ListRepositoryLinksInput) (*wire.ListRepositoryLinksOutput, error) {
	list := c.listing("repository links")
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &wire.ListRepositoryLinksOutput{}
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		links, next, err := store.Links(tx, c.Account, c.Region, page)
		for _, l := range links {
			out.RepositoryLinks = append(out.RepositoryLinks, showLink(l))
		}
		out.NextToken = list.token(next)
		return err
	})
	return out, err
}

// DeleteRepositoryLink removes a link that no sync configuration uses.
func (s *Service) DeleteRepositoryLink(ctx context.Context, c Caller, in *wire.DeleteRepositoryLinkInput) (*wire.DeleteRepositoryLinkOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return store.DeleteLink(tx, c.Account, c.Region, linkID(in.RepositoryLinkId))
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
