package client

import (
	"context"
	"errors"
	"iter"

	"github.com/lockstephq/lockstep/internal/wire"
)

// pageSize is the API's limit of a page.
const pageSize = 100

// A page is a page of a list with the token of the next one, or "" for the last.
type page[T any] struct {
	items []T
	next  string
}

// errRepeatedToken ends a list that would never end.
var errRepeatedToken = errors.New("the server returned the same page token twice")

// pageThrough returns the items of a list. It reads the next page when the items of
// the page before are used up. An error comes last, with a zero item.
func pageThrough[T any](read func(token string) (page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for token := ""; ; {
			current, err := read(token)
			if err == nil && current.next != "" && current.next == token {
				err = errRepeatedToken
			}

			if err != nil {
				yield(none, err)
				return
			}

			for _, item := range current.items {
				if !yield(item, nil) {
					return
				}
			}

			if current.next == "" {
				return
			}

			token = current.next
		}
	}
}

// All returns all items of a list. An empty list is not nil.
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

func defaultPageSize() *int { n := pageSize; return &n }

// ResourceSyncs returns the resource syncs that match a filter. If the request
// includes counts, they are stored in counts, which otherwise may be nil.
func (c *Client) ResourceSyncs(
	ctx context.Context, request wire.ListResourceSyncsInput, counts *wire.ResourceSyncCounts,
) iter.Seq2[wire.ResourceSyncSummary, error] {
	request.MaxResults = defaultPageSize()
	return pageThrough(func(token string) (page[wire.ResourceSyncSummary], error) {
		request.NextToken = token
		out, err := c.ListResourceSyncs(ctx, &request)
		if err != nil {
			return page[wire.ResourceSyncSummary]{}, err
		}

		if out.Counts != nil && counts != nil {
			*counts = *out.Counts
		}

		return page[wire.ResourceSyncSummary]{out.ResourceSyncs, out.NextToken}, nil
	})
}

// ResourceSyncAttempts returns the attempts of a resource, newest first.
func (c *Client) ResourceSyncAttempts(
	ctx context.Context, request wire.ListResourceSyncAttemptsInput,
) iter.Seq2[wire.ResourceSyncAttemptSummary, error] {
	if request.MaxResults == nil {
		request.MaxResults = defaultPageSize()
	}
	return pageThrough(func(token string) (page[wire.ResourceSyncAttemptSummary], error) {
		request.NextToken = token
		out, err := c.ListResourceSyncAttempts(ctx, &request)
		if err != nil {
			return page[wire.ResourceSyncAttemptSummary]{}, err
		}
		return page[wire.ResourceSyncAttemptSummary]{out.Attempts, out.NextToken}, nil
	})
}

// SyncBlockers returns the blockers that match a filter, newest first.
func (c *Client) SyncBlockers(
	ctx context.Context, request wire.ListSyncBlockersInput,
) iter.Seq2[wire.ResourceSyncBlocker, error] {
	request.MaxResults = defaultPageSize()
	return pageThrough(func(token string) (page[wire.ResourceSyncBlocker], error) {
		request.NextToken = token
		out, err := c.ListSyncBlockers(ctx, &request)
		if err != nil {
			return page[wire.ResourceSyncBlocker]{}, err
		}
		return page[wire.ResourceSyncBlocker]{out.ResourceSyncBlockers, out.NextToken}, nil
	})
}

// AccessKeys returns the account's access keys, oldest first.
func (c *Client) AccessKeys(ctx context.Context) iter.Seq2[wire.AccessKey, error] {
	return pageThrough(func(token string) (page[wire.AccessKey], error) {
		out, err := c.ListAccessKeys(ctx, &wire.ListAccessKeysInput{MaxResults: defaultPageSize(), NextToken: token})
		if err != nil {
			return page[wire.AccessKey]{}, err
		}
		return page[wire.AccessKey]{out.AccessKeys, out.NextToken}, nil
	})
}

// Policies returns the account's policies by name.
func (c *Client) Policies(ctx context.Context) iter.Seq2[wire.Policy, error] {
	return pageThrough(func(token string) (page[wire.Policy], error) {
		out, err := c.ListPolicies(ctx, &wire.ListPoliciesInput{MaxResults: defaultPageSize(), NextToken: token})
		if err != nil {
			return page[wire.Policy]{}, err
		}
		return page[wire.Policy]{out.Policies, out.NextToken}, nil
	})
}

// WebIdentityRoles returns the account's roles by name.
func (c *Client) WebIdentityRoles(ctx context.Context) iter.Seq2[wire.WebIdentityRole, error] {
	return pageThrough(func(token string) (page[wire.WebIdentityRole], error) {
		out, err := c.ListWebIdentityRoles(ctx, &wire.ListWebIdentityRolesInput{
			MaxResults: defaultPageSize(),
			NextToken:  token,
		})
		if err != nil {
			return page[wire.WebIdentityRole]{}, err
		}
		return page[wire.WebIdentityRole]{out.WebIdentityRoles, out.NextToken}, nil
	})
}

// signaturePoliciesPageSize keeps the response below maxResponse, even if all
// signature policies are as long as they can be.
const signaturePoliciesPageSize = 20

// SignaturePolicies returns the signature policies by name of resource.
func (c *Client) SignaturePolicies(ctx context.Context) iter.Seq2[wire.ResourceSignaturePolicy, error] {
	size := signaturePoliciesPageSize
	return pageThrough(func(token string) (page[wire.ResourceSignaturePolicy], error) {
		out, err := c.ListSignaturePolicies(ctx, &wire.ListSignaturePoliciesInput{MaxResults: &size, NextToken: token})
		if err != nil {
			return page[wire.ResourceSignaturePolicy]{}, err
		}
		return page[wire.ResourceSignaturePolicy]{out.SignaturePolicies, out.NextToken}, nil
	})
}
