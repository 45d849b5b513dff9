package client

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
)

// Hosts returns all hosts of the account.
func (c *Client) Hosts(ctx context.Context) ([]types.Host, error) {
	pages := codeconnections.NewListHostsPaginator(c.AWS, &codeconnections.ListHostsInput{MaxResults: pageSize})
	return allPages(ctx, pages, func(page *codeconnections.ListHostsOutput) []types.Host { return page.Hosts })
}

// Connections returns all connections of the account.
func (c *Client) Connections(ctx context.Context) ([]types.Connection, error) {
	in := &codeconnections.ListConnectionsInput{MaxResults: pageSize}
	pages := codeconnections.NewListConnectionsPaginator(c.AWS, in)
	return allPages(ctx, pages, func(page *codeconnections.ListConnectionsOutput) []types.Connection {
		return page.Connections
	})
}

// RepositoryLinks returns all repository links of the account.
func (c *Client) RepositoryLinks(ctx context.Context) ([]types.RepositoryLinkInfo, error) {
	in := &codeconnections.ListRepositoryLinksInput{MaxResults: pageSize}
	pages := codeconnections.NewListRepositoryLinksPaginator(c.AWS, in)
	return allPages(ctx, pages, func(page *codeconnections.ListRepositoryLinksOutput) []types.RepositoryLinkInfo {
		return page.RepositoryLinks
	})
}

// SyncConfigurations returns all sync configurations of a repository link.
func (c *Client) SyncConfigurations(
	ctx context.Context, linkID string, syncType types.SyncConfigurationType,
) ([]types.SyncConfiguration, error) {
	input := &codeconnections.ListSyncConfigurationsInput{
		MaxResults:       pageSize,
		RepositoryLinkId: aws.String(linkID),
		SyncType:         syncType,
	}
	pages := codeconnections.NewListSyncConfigurationsPaginator(c.AWS, input)
	return allPages(ctx, pages, func(page *codeconnections.ListSyncConfigurationsOutput) []types.SyncConfiguration {
		return page.SyncConfigurations
	})
}

// A paginator is one of the SDK's.
type paginator[Page any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*codeconnections.Options)) (*Page, error)
}

func allPages[Page, Item any](
	ctx context.Context, pages paginator[Page], items func(*Page) []Item,
) ([]Item, error) {
	var all []Item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// SplitRepository splits OWNER/NAME as the API does. The owner may hold slashes;
// it is "-" if there is none.
func SplitRepository(repository string) (owner, name string) {
	slash := strings.LastIndexByte(repository, '/')
	if slash < 0 {
		return "-", repository
	}
	return repository[:slash], repository[slash+1:]
}

// JoinRepository is the reverse of [SplitRepository].
func JoinRepository(owner, name string) string {
	if owner == "-" {
		return name
	}
	return owner + "/" + name
}
