package api

import (
	"cmp"
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateRepositoryLink links a repository to a connection, which may be PENDING.
// Whether the repository exists is found out by the first sync.
func (s *Service) CreateRepositoryLink(
	ctx context.Context, caller access.Caller, input *wire.CreateRepositoryLinkInput,
) (*wire.CreateRepositoryLinkOutput, error) {
	pathErr := checkRepository(input.OwnerId, input.RepositoryName, false)
	if pathErr != nil && checkRepository(input.OwnerId, input.RepositoryName, true) != nil {
		return nil, pathErr
	}

	tags, request, err := parseTags(input.Tags)
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
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		conn, err := passConnection(tx, caller, lockstep.ARN(input.ConnectionArn))
		if err != nil {
			return err
		}

		if isLocal, err := isOnLocalHost(tx, conn); err != nil || pathErr != nil && !isLocal {
			return cmp.Or(err, pathErr)
		}

		link.ConnectionARN, link.ProviderType = conn.ARN, conn.ProviderType
		subject := access.LinkSubject(link).WithNotFound(nil)
		if err := caller.AuthorizeTagged(tx, "codeconnections:CreateRepositoryLink", subject, request); err != nil {
			return err
		}
		err = access.CheckQuota(tx, store.CountLinks, caller.Scope(), s.options.Quotas.Links, "repository links")
		if err != nil {
			return err
		}

		if err := store.InsertLink(tx, &link); err != nil {
			return err
		}

		return addTags(tx, caller, access.LinkSubject(link), link.ARN, tags, request)
	})

	return &wire.CreateRepositoryLinkOutput{RepositoryLinkInfo: conversion.ToWireLink(link)}, err
}

// passConnection returns a connection for a repository link, if the caller may use
// it and pass it.
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

// UpdateRepositoryLink changes the connection or the encryption key of a repository
// link. After a change of the connection, all tracked branches are synced.
//
// Branches are synced even if their heads have not moved: a sync over the old
// connection may have failed. A revision that was synced before is not synced again.
func (s *Service) UpdateRepositoryLink(
	ctx context.Context, caller access.Caller, input *wire.UpdateRepositoryLinkInput,
) (*wire.UpdateRepositoryLinkOutput, error) {
	var link lockstep.RepositoryLink
	err := s.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		link, err = lockLink(tx, caller, "codeconnections:UpdateRepositoryLink", input.RepositoryLinkId)
		if err != nil {
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

	return &wire.UpdateRepositoryLinkOutput{RepositoryLinkInfo: conversion.ToWireLink(link)}, err
}

// setConnection sets the connection of a link, which must have the same provider
// type, and authorizes the result.
func setConnection(tx *db.Tx, caller access.Caller, link *lockstep.RepositoryLink, arn lockstep.ARN) error {
	conn, err := passConnection(tx, caller, arn)
	if err != nil {
		return err
	}
	if conn.ProviderType != link.ProviderType {
		return lockstep.Errorf(lockstep.Invalid,
			"The provider type of the connection is %s. It must be the same as that of the repository link, %s.",
			conn.ProviderType, link.ProviderType)
	}
	link.ConnectionARN = conn.ARN
	return caller.AuthorizeResult(tx, "codeconnections:UpdateRepositoryLink", access.LinkSubject(*link))
}

// requestBranches requests a sync of all tracked branches of a link, and a poll
// without delay.
func (s *Service) requestBranches(tx *db.Tx, linkID string) error {
	branches, err := store.TrackedBranches(tx, linkID)
	if err != nil || len(branches) == 0 {
		return err
	}
	if err := s.requestSyncs(tx, linkID, branches); err != nil {
		return err
	}
	return store.RequestPoll(tx, linkID)
}

// GetRepositoryLink returns a repository link.
func (s *Service) GetRepositoryLink(
	ctx context.Context, caller access.Caller, input *wire.GetRepositoryLinkInput,
) (*wire.GetRepositoryLinkOutput, error) {
	const action = "codeconnections:GetRepositoryLink"
	out := &wire.GetRepositoryLinkOutput{}
	err := s.view(ctx, caller, action, policy.RepositoryLink, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, linkID(input.RepositoryLinkId))
		if err != nil {
			return err
		}
		out.RepositoryLinkInfo = conversion.ToWireLink(link)
		return caller.Authorize(tx, action, access.LinkSubject(link))
	})
	return out, err
}

// ListRepositoryLinks returns repository links, oldest first.
func (s *Service) ListRepositoryLinks(
	ctx context.Context, caller access.Caller, input *wire.ListRepositoryLinksInput,
) (*wire.ListRepositoryLinksOutput, error) {
	if err := caller.AuthorizeAccount("codeconnections:ListRepositoryLinks"); err != nil {
		return nil, err
	}

	list := access.NewList(s.options.Seal, caller, "repository links")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListRepositoryLinksOutput{}
	err = s.viewList(ctx, caller, policy.RepositoryLink, func(tx *db.Tx) error {
		links, next, err := access.Visible(tx, caller, policy.RepositoryLink, page,
			func(page db.Page) ([]lockstep.RepositoryLink, db.Cursor, error) {
				return store.Links(tx, caller.Account, caller.Region, page)
			}, access.LinkSubject)
		if err != nil {
			return err
		}

		for _, l := range links {
			out.RepositoryLinks = append(out.RepositoryLinks, conversion.ToWireLink(l))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// DeleteRepositoryLink deletes a repository link. No sync configuration may use it. A
// webhook that the server registered is removed from the Git host, as far as possible.
func (s *Service) DeleteRepositoryLink(
	ctx context.Context, caller access.Caller, input *wire.DeleteRepositoryLinkInput,
) (*wire.DeleteRepositoryLinkOutput, error) {
	const action = "codeconnections:DeleteRepositoryLink"
	link, err := s.readLink(ctx, caller, action, input.RepositoryLinkId)
	if err != nil {
		return &wire.DeleteRepositoryLinkOutput{}, err
	}

	err = s.options.Repositories.DeleteWithWebhook(ctx, link.ID, func() (registered string, err error) {
		err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
			link, err := store.LockLinkToDelete(tx, caller.Account, caller.Region, link.ID)
			if err != nil {
				return err
			}
			if err := caller.Authorize(tx, action, access.LinkSubject(link)); err != nil {
				return err
			}

			webhook, err := store.WebhookOfLink(tx, link.ID)
			if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
				return err
			}
			registered = webhook.RegisteredURL
			return store.DeleteLink(tx, caller.Account, caller.Region, link.ID)
		})
		return registered, err
	})

	return &wire.DeleteRepositoryLinkOutput{}, err
}

// readLink returns a link for an action that calls the Git host.
func (s *Service) readLink(
	ctx context.Context, caller access.Caller, action, id string,
) (link lockstep.RepositoryLink, err error) {
	err = s.options.DB.View(ctx, func(tx *db.Tx) error {
		if link, err = store.Link(tx, caller.Account, caller.Region, linkID(id)); err != nil {
			return err
		}
		return caller.Authorize(tx, action, access.LinkSubject(link))
	})
	return link, err
}

// lockLink returns a link for an action that changes it, and locks it.
func lockLink(tx *db.Tx, caller access.Caller, action, id string) (lockstep.RepositoryLink, error) {
	link, err := store.LockLink(tx, caller.Account, caller.Region, linkID(id))
	if err != nil {
		return link, err
	}
	return link, caller.Authorize(tx, action, access.LinkSubject(link))
}

// linkID returns an id as it is stored. The shape allows upper case.
func linkID(id string) string { return strings.ToLower(id) }

// isOnLocalHost reports whether the repositories of a connection are directories of
// this machine.
func isOnLocalHost(tx *db.Tx, conn lockstep.Connection) (bool, error) {
	if conn.HostARN == "" {
		return false, nil
	}
	host, err := store.HostByARN(tx, conn.HostARN)
	return strings.HasPrefix(host.Endpoint, "file://"), err
}

// checkRepository returns Invalid if the path of a repository would leave the
// host's endpoint, or would not be read as a path. A local host has directories
// rather than URLs and allows more names.
func checkRepository(owner, name string, isLocal bool) error {
	if before, _, ok := strings.Cut(owner+"/"+name, "@"); ok && strings.Contains(before, ":") { // may be a secret
		return lockstep.Errorf(lockstep.Invalid, "OwnerId and RepositoryName contain no user name and password: "+
			"give a credential to the connection.")
	}

	segments := append(strings.Split(owner, "/"), name)
	if owner == "-" {
		segments = []string{name}
	}

	for _, segment := range segments {
		isInvalid := segment == "" || segment == "." || segment == ".." ||
			strings.ContainsAny(segment, `/\`) || strings.ContainsFunc(segment, lockstep.IsUnsafe)
		isInvalidInURL := strings.HasPrefix(segment, "-") || strings.ContainsAny(segment, "?#")
		if isInvalid || isInvalidInURL && !isLocal {
			return lockstep.Errorf(lockstep.Invalid,
				"OwnerId %q and RepositoryName %q are not the path of a repository.", owner, name)
		}
	}

	return nil
}
