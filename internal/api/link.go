package api

import (
	"cmp"
	"context"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateRepositoryLink links one repository over a connection, which may still
// be PENDING. Whether the repository is there is found out by the first sync.
func (s *Service) CreateRepositoryLink(ctx context.Context, caller access.Caller, input *wire.CreateRepositoryLinkInput) (*wire.CreateRepositoryLinkOutput, error) {
	pathErr := checkRepository(input.OwnerId, input.RepositoryName, false)
	if pathErr != nil && checkRepository(input.OwnerId, input.RepositoryName, true) != nil {
		return nil, pathErr
	}

	tags, around, err := newTags(input.Tags)
	if err != nil {
		return nil, err
	}

	id := uuid.NewString()
	link := lockstep.RepositoryLink{
		ID:               id,
		ARN:              caller.NewARN("repository-link", id),
		Account:          caller.Account,
		Region:           caller.Region,
		OwnerID:          input.OwnerId,
		RepositoryName:   input.RepositoryName,
		EncryptionKeyARN: input.EncryptionKeyArn,
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := passConnection(tx, caller, lockstep.ARN(input.ConnectionArn))
		if err != nil {
			return err
		}

		if isLocal, err := isOnLocalHost(tx, conn); err != nil || pathErr != nil && !isLocal {
			return cmp.Or(err, pathErr)
		}

		link.ConnectionARN, link.ProviderType = conn.ARN, conn.ProviderType
		if err := caller.AuthorizeTagged(tx, "codeconnections:CreateRepositoryLink", access.LinkSubject(link).WithNotFound(nil), around); err != nil {
			return err
		}
		if err := access.CheckQuota(tx, store.CountLinks, caller.Scope(), s.o.Quotas.Links, "repository links"); err != nil {
			return err
		}

		if err := store.InsertLink(tx, &link); err != nil {
			return err
		}

		return addTags(tx, caller, access.LinkSubject(link), link.ARN, tags, around)
	})

	return &wire.CreateRepositoryLinkOutput{RepositoryLinkInfo: showLink(link)}, err
}

// passConnection gives a connection that a repository link is to read over, if the caller
// may use it and hand it on.
func passConnection(tx *db.Tx, caller access.Caller, arn lockstep.ARN) (lockstep.Connection, error) {
	conn, err := store.Connection(tx, caller.Account, caller.Region, arn)
	if err != nil {
		return conn, err
	}
	if err := caller.Authorize(tx, "codeconnections:UseConnection", access.ConnectionSubject(conn)); err != nil {
		return conn, err
	}
	return conn, caller.Authorize(tx, "codeconnections:PassConnection", access.ConnectionSubject(conn))
}

// UpdateRepositoryLink reads a repository over another connection from now on.
// The branches that are followed are looked at at once, also where their heads are
// those last seen: over the old connection a sync may have failed. What was synced
// before is not synced again, since a commit that is the same is so anywhere.
func (s *Service) UpdateRepositoryLink(ctx context.Context, caller access.Caller, input *wire.UpdateRepositoryLinkInput) (*wire.UpdateRepositoryLinkOutput, error) {
	var link lockstep.RepositoryLink
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if link, err = store.LockLink(tx, caller.Account, caller.Region, linkID(input.RepositoryLinkId)); err != nil {
			return err
		}
		if err := caller.Authorize(tx, "codeconnections:UpdateRepositoryLink", access.LinkSubject(link)); err != nil {
			return err
		}

		before := link.ConnectionARN
		if input.ConnectionArn != "" {
			if err := setConnection(tx, caller, &link, lockstep.ARN(input.ConnectionArn)); err != nil {
				return err
			}
		}

		setIfGiven(&link.EncryptionKeyARN, input.EncryptionKeyArn)
		if err := store.UpdateLink(tx, link); err != nil || link.ConnectionARN == before {
			return err
		}

		return s.requestBranches(tx, link.ID)
	})

	return &wire.UpdateRepositoryLinkOutput{RepositoryLinkInfo: showLink(link)}, err
}

// setConnection puts a link on another connection, which must be of the same provider
// type.
func setConnection(tx *db.Tx, caller access.Caller, link *lockstep.RepositoryLink, arn lockstep.ARN) error {
	conn, err := passConnection(tx, caller, arn)
	if err != nil {
		return err
	}
	if conn.ProviderType != link.ProviderType {
		return lockstep.Errorf(lockstep.Invalid, "The connection's provider type is %s. It must be that of the repository link, %s.",
			conn.ProviderType, link.ProviderType)
	}
	link.ConnectionARN = conn.ARN
	return caller.AuthorizeResult(tx, "codeconnections:UpdateRepositoryLink", access.LinkSubject(*link))
}

// requestBranches has a link's branches synced that something follows, and the poller
// forget how long it meant to wait.
func (s *Service) requestBranches(tx *db.Tx, linkID string) error {
	branches, err := store.TrackedBranches(tx, linkID)
	if err != nil || len(branches) == 0 {
		return err
	}
	if err := s.requestAll(tx, linkID, branches); err != nil {
		return err
	}
	return store.RequestPoll(tx, linkID)
}

// GetRepositoryLink reads a repository link.
func (s *Service) GetRepositoryLink(ctx context.Context, caller access.Caller, input *wire.GetRepositoryLinkInput) (*wire.GetRepositoryLinkOutput, error) {
	const action = "codeconnections:GetRepositoryLink"
	out := &wire.GetRepositoryLinkOutput{}
	err := s.view(ctx, caller, action, policy.RepositoryLink, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, linkID(input.RepositoryLinkId))
		if err != nil {
			return err
		}
		out.RepositoryLinkInfo = showLink(link)
		return caller.Authorize(tx, action, access.LinkSubject(link))
	})
	return out, err
}

// ListRepositoryLinks reads repository links, oldest first.
func (s *Service) ListRepositoryLinks(ctx context.Context, caller access.Caller, input *wire.ListRepositoryLinksInput) (*wire.ListRepositoryLinksOutput, error) {
	if err := caller.AuthorizeAccount("codeconnections:ListRepositoryLinks"); err != nil {
		return nil, err
	}

	list := access.NewList(s.o.Seal, caller, "repository links")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListRepositoryLinksOutput{}
	err = s.viewList(ctx, caller, policy.RepositoryLink, func(tx *db.Tx) error {
		links, next, err := access.Visible(tx, caller, policy.RepositoryLink, page, func(p db.Page) ([]lockstep.RepositoryLink, db.Cursor, error) {
			return store.Links(tx, caller.Account, caller.Region, p)
		}, access.LinkSubject)
		if err != nil {
			return err
		}

		for _, l := range links {
			out.RepositoryLinks = append(out.RepositoryLinks, showLink(l))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// DeleteRepositoryLink removes a link that no sync configuration uses.
func (s *Service) DeleteRepositoryLink(ctx context.Context, caller access.Caller, in *wire.DeleteRepositoryLinkInput) (*wire.DeleteRepositoryLinkOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		link, err := store.LockLinkToDelete(tx, caller.Account, caller.Region, linkID(in.RepositoryLinkId))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "codeconnections:DeleteRepositoryLink", access.LinkSubject(link)); err != nil {
			return err
		}
		return store.DeleteLink(tx, caller.Account, caller.Region, link.ID)
	})
	return &wire.DeleteRepositoryLinkOutput{}, err
}

// linkID gives an id as it is stored; the shape allows capitals.
func linkID(id string) string { return strings.ToLower(id) }

// isOnLocalHost reports whether the repositories of a connection are folders of this machine.
func isOnLocalHost(tx *db.Tx, conn lockstep.Connection) (bool, error) {
	if conn.HostARN == "" {
		return false, nil
	}
	host, err := store.HostByARN(tx, conn.HostARN)
	return strings.HasPrefix(host.Endpoint, "file://"), err
}

// checkRepository refuses what would not stay below the host's endpoint, or would be read as something
// else than a path. The folders of a local host, which is no URL, may have more names.
func checkRepository(owner, name string, isLocal bool) error {
	segments := append(strings.Split(owner, "/"), name)
	if owner == "-" {
		segments = []string{name}
	}

	for _, segment := range segments {
		isBad := segment == "" || segment == "." || segment == ".." ||
			strings.ContainsAny(segment, `/\`) || strings.ContainsFunc(segment, unicode.IsControl)
		isBadURL := strings.HasPrefix(segment, "-") || strings.ContainsAny(segment, "?#")
		if isBad || isBadURL && !isLocal {
			return lockstep.Errorf(lockstep.Invalid,
				"OwnerId %q and RepositoryName %q do not make the path of a repository.", owner, name)
		}
	}

	return nil
}

func showLink(link lockstep.RepositoryLink) wire.RepositoryLinkInfo {
	return wire.RepositoryLinkInfo{
		ConnectionArn:     string(link.ConnectionARN),
		EncryptionKeyArn:  link.EncryptionKeyARN,
		OwnerId:           link.OwnerID,
		ProviderType:      string(link.ProviderType),
		RepositoryLinkArn: string(link.ARN),
		RepositoryLinkId:  link.ID,
		RepositoryName:    link.RepositoryName,
	}
}
