package client

import (
	"context"
	"errors"
	"iter"

	"github.com/lockstephq/lockstep/internal/wire"
)

// pageSize is the most that a page of any list holds.
const pageSize = 100

// A page is what one answer of a list holds, and the token of the next, "" for
// the last.
type page[T any] struct {
	items []T
	next  string
}

// errRepeats ends a walk that would go on for ever.
var errRepeats = errors.New("the server gave the same page token twice")

// walk goes through a list page by page. A page is asked for when the one before
// it is used up, so that who stops early asks for no more than is needed. An
// error comes last, with a zero item.
func walk[T any](read func(token string) (page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for token := ""; ; {
			p, err := read(token)
			if err == nil && p.next != "" && p.next == token {
				err = errRepeats
			}

			if err != nil {
				yield(none, err)
				return
			}

			for _, item := range p.items {
				if !yield(item, nil) {
					return
				}
			}

			if p.next == "" {
				return
			}

			token = p.next
		}
	}
}

// All reads a list to its end. An empty one is no nil.
func All[T any](list iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for item, err := range list {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

func size() *int { n := pageSize; return &n }

// ResourceSyncs walks through the part of the fleet that a filter lets through.
// Where in asks for counts they are put into counts, which else may be nil.
func (c *Client) ResourceSyncs(ctx context.Context, in wire.ListResourceSyncsInput, counts *wire.ResourceSyncCounts) iter.Seq2[wire.ResourceSyncSummary, error] {
	in.MaxResults = size()
	return walk(func(token string) (page[wire.ResourceSyncSummary], error) {
		in.NextToken = token
		out, err := c.ListResourceSyncs(ctx, &in)
		if err != nil {
			return page[wire.ResourceSyncSummary]{}, err
		}

		if out.Counts != nil && counts != nil {
			*counts = *out.Counts
		}

		return page[wire.ResourceSyncSummary]{out.ResourceSyncs, out.NextToken}, nil
	})
}

// ResourceSyncAttempts walks through a resource's history, newest first.
func (c *Client) ResourceSyncAttempts(ctx context.Context, in wire.ListResourceSyncAttemptsInput) iter.Seq2[wire.ResourceSyncAttemptSummary, error] {
	if in.MaxResults == nil {
		in.MaxResults = size()
	}
	return walk(func(token string) (page[wire.ResourceSyncAttemptSummary], error) {
		in.NextToken = token
		out, err := c.ListResourceSyncAttempts(ctx, &in)
		if err != nil {
			return page[wire.ResourceSyncAttemptSummary]{}, err
		}
		return page[wire.ResourceSyncAttemptSummary]{out.Attempts, out.NextToken}, nil
	})
}

// SyncBlockers walks through blockers, newest first.
func (c *Client) SyncBlockers(ctx context.Context, in wire.ListSyncBlockersInput) iter.Seq2[wire.ResourceSyncBlocker, error] {
	in.MaxResults = size()
	return walk(func(token string) (page[wire.ResourceSyncBlocker], error) {
		in.NextToken = token
		out, err := c.ListSyncBlockers(ctx, &in)
		if err != nil {
			return page[wire.ResourceSyncBlocker]{}, err
		}
		return page[wire.ResourceSyncBlocker]{out.ResourceSyncBlockers, out.NextToken}, nil
	})
}

// AccessKeys walks through the account's keys, oldest first.
func (c *Client) AccessKeys(ctx context.Context) iter.Seq2[wire.AccessKey, error] {
	return walk(func(token string) (page[wire.AccessKey], error) {
		out, err := c.ListAccessKeys(ctx, &wire.ListAccessKeysInput{MaxResults: size(), NextToken: token})
		if err != nil {
			return page[wire.AccessKey]{}, err
		}
		return page[wire.AccessKey]{out.AccessKeys, out.NextToken}, nil
	})
}

// Policies walks through the account's policies by name.
func (c *Client) Policies(ctx context.Context) iter.Seq2[wire.Policy, error] {
	return walk(func(token string) (page[wire.Policy], error) {
		out, err := c.ListPolicies(ctx, &wire.ListPoliciesInput{MaxResults: size(), NextToken: token})
		if err != nil {
			return page[wire.Policy]{}, err
		}
		return page[wire.Policy]{out.Policies, out.NextToken}, nil
	})
}

// WebIdentityRoles walks through the account's roles by name.
func (c *Client) WebIdentityRoles(ctx context.Context) iter.Seq2[wire.WebIdentityRole, error] {
	return walk(func(token string) (page[wire.WebIdentityRole], error) {
		out, err := c.ListWebIdentityRoles(ctx, &wire.ListWebIdentityRolesInput{MaxResults: size(), NextToken: token})
		if err != nil {
			return page[wire.WebIdentityRole]{}, err
		}
		return page[wire.WebIdentityRole]{out.WebIdentityRoles, out.NextToken}, nil
	})
}

// signersPage is how many signature policies are asked for at a time: were all as
// long as they can be, their answer would still be below maxAnswer.
const signersPage = 20

// SignaturePolicies walks through who may sign the commits of which resource, by
// name of resource.
func (c *Client) SignaturePolicies(ctx context.Context) iter.Seq2[wire.ResourceSignaturePolicy, error] {
	size := signersPage
	return walk(func(token string) (page[wire.ResourceSignaturePolicy], error) {
		out, err := c.ListSignaturePolicies(ctx, &wire.ListSignaturePoliciesInput{MaxResults: &size, NextToken: token})
		if err != nil {
			return page[wire.ResourceSignaturePolicy]{}, err
		}
		return page[wire.ResourceSignaturePolicy]{out.SignaturePolicies, out.NextToken}, nil
	})
}
