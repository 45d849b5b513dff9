package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// GetRepositorySyncStatus returns the latest sync of a branch. As at AWS, the error
// for an unknown link is the same as for a branch that was never synced.
func (s *Service) GetRepositorySyncStatus(
	ctx context.Context, caller access.Caller, input *wire.GetRepositorySyncStatusInput,
) (*wire.GetRepositorySyncStatusOutput, error) {
	id := linkID(input.RepositoryLinkId)
	out := &wire.GetRepositorySyncStatusOutput{}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, id)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return syncstate.NoRepositoryStatus(id)
		}
		if err != nil {
			return err
		}

		subject := access.LinkSubject(link).WithNotFound(syncstate.NoRepositoryStatus(id))
		if err := caller.Authorize(tx, "codeconnections:GetRepositorySyncStatus", subject); err != nil {
			return err
		}

		attempt, err := syncstate.LatestRepositorySync(tx, id, input.Branch)
		out.LatestSync = conversion.ToWireRepositorySync(attempt)
		return err
	})

	return out, err
}

// GetResourceSyncStatus returns the latest attempt of a resource, its latest
// successful attempt, and its desired revision.
//
// The response is stored encoded when an event is recorded: reading it takes one
// SELECT, unless the policies depend on the sync configuration.
func (s *Service) GetResourceSyncStatus(
	ctx context.Context, caller access.Caller, input *wire.GetResourceSyncStatusInput,
) (*awsjson.Raw, error) {
	const action = "codeconnections:GetResourceSyncStatus"
	resource := caller.Resource(input.SyncType, input.ResourceName)
	if caller.AuthorizeAll(action, policy.SyncConfiguration) {
		document, err := s.statuses.Document(ctx, resource)
		return (*awsjson.Raw)(&document), err
	}

	var document []byte
	err := s.options.DB.View(ctx, func(tx *db.Tx) (err error) {
		if err := caller.Authorize(tx, action, access.StatusSubject(resource)); err != nil {
			return err
		}

		document, err = syncstate.StatusDocument(tx, resource)
		return err
	})
	if err != nil {
		return nil, err
	}

	return (*awsjson.Raw)(&document), nil
}

// EncodeStatus returns the response of GetResourceSyncStatus for the engine to
// store. It returns an error if there was no attempt yet.
func EncodeStatus(status lockstep.ResourceSync) ([]byte, error) {
	if status.LatestSync == nil {
		return nil, errors.New("encode sync status: there is no attempt")
	}

	out := wire.GetResourceSyncStatusOutput{LatestSync: conversion.ToWireResourceSyncAttempt(*status.LatestSync)}
	if status.DesiredState != nil {
		rev := conversion.ToWireRevision(*status.DesiredState)
		out.DesiredState = &rev
	}

	if status.LatestSuccessfulSync != nil {
		attempt := conversion.ToWireResourceSyncAttempt(*status.LatestSuccessfulSync)
		out.LatestSuccessfulSync = &attempt
	}

	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode sync status: %w", err)
	}

	return b, nil
}
