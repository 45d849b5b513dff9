package local

import (
	"context"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/provider/git"
	"github.com/lockstephq/lockstep/internal/wire"
)

// A client calls the operations of the API in process.
type client struct {
	service *api.Service
	caller  access.Caller
}

// maxPage is the largest page of a list.
const maxPage = 100

// collect reads every page of a list.
func collect[T any](read func(maxResults *int, token string) (page []T, next string, err error)) ([]T, error) {
	var all []T
	for token, size := "", maxPage; ; {
		page, next, err := read(&size, token)
		if err != nil {
			return nil, err
		}

		all = append(all, page...)
		if next == "" {
			return all, nil
		}
		token = next
	}
}

// links returns every repository link of the account.
func (c client) links(ctx context.Context) ([]wire.RepositoryLinkInfo, error) {
	return collect(func(maxResults *int, token string) ([]wire.RepositoryLinkInfo, string, error) {
		out, err := c.service.ListRepositoryLinks(ctx, c.caller,
			&wire.ListRepositoryLinksInput{MaxResults: maxResults, NextToken: token})
		if err != nil {
			return nil, "", err
		}
		return out.RepositoryLinks, out.NextToken, nil
	})
}

// resourceSyncs returns every configured stack with its latest status.
func (c client) resourceSyncs(ctx context.Context) ([]wire.ResourceSyncSummary, error) {
	return collect(func(maxResults *int, token string) ([]wire.ResourceSyncSummary, string, error) {
		out, err := c.service.ListResourceSyncs(ctx, c.caller,
			&wire.ListResourceSyncsInput{MaxResults: maxResults, NextToken: token})
		if err != nil {
			return nil, "", err
		}
		return out.ResourceSyncs, out.NextToken, nil
	})
}

// link returns the repository link of a source. It creates what is missing of host, connection and
// link. A credential in the source replaces the one that the connection has.
func (c client) link(ctx context.Context, src source) (wire.RepositoryLinkInfo, error) {
	hostARN, err := c.host(ctx, src)
	if err != nil {
		return wire.RepositoryLinkInfo{}, err
	}

	link, connectionARN, err := c.existing(ctx, hostARN, src)
	if err != nil {
		return link, err
	}

	isNew := connectionARN == ""
	if isNew {
		out, err := c.service.CreateConnection(ctx, c.caller,
			&wire.CreateConnectionInput{ConnectionName: src.connectionName(), HostArn: hostARN})
		if err != nil {
			return link, err
		}
		connectionARN = out.ConnectionArn
	}

	if isNew || src.credential.Kind != lockstep.NoCredential {
		_, err = c.service.CompleteConnection(ctx, c.caller, &wire.CompleteConnectionInput{
			ConnectionArn: connectionARN,
			Credential: wire.Credential{
				Kind:     string(src.credential.Kind),
				Username: src.credential.Username,
				Secret:   src.credential.Secret,
			},
		})
		if err != nil {
			return link, err
		}
	}

	if link.RepositoryLinkId != "" {
		return link, nil
	}

	out, err := c.service.CreateRepositoryLink(ctx, c.caller, &wire.CreateRepositoryLinkInput{
		ConnectionArn:  connectionARN,
		OwnerId:        src.owner,
		RepositoryName: src.name,
	})
	if err != nil {
		return link, err
	}

	return out.RepositoryLinkInfo, nil
}

// host returns the ARN of the host at the endpoint of a source. It creates a missing one.
func (c client) host(ctx context.Context, src source) (string, error) {
	hosts, err := collect(func(maxResults *int, token string) ([]wire.Host, string, error) {
		out, err := c.service.ListHosts(ctx, c.caller, &wire.ListHostsInput{MaxResults: maxResults, NextToken: token})
		if err != nil {
			return nil, "", err
		}
		return out.Hosts, out.NextToken, nil
	})
	if err != nil {
		return "", err
	}

	for _, host := range hosts {
		if host.ProviderEndpoint == src.endpoint {
			return host.HostArn, nil
		}
	}

	out, err := c.service.CreateHost(ctx, c.caller, &wire.CreateHostInput{
		Name:             lockstep.Truncate(src.endpoint, 64),
		ProviderType:     string(git.Type),
		ProviderEndpoint: src.endpoint,
	})
	if err != nil {
		return "", err
	}

	return out.HostArn, nil
}

// existing returns the link of a source on a host, with the connection it uses. If there is no link
// yet, the connection is one that an earlier attempt has left without a link, or "".
func (c client) existing(ctx context.Context, hostARN string, src source) (
	link wire.RepositoryLinkInfo, connectionARN string, err error,
) {
	connections, err := collect(func(maxResults *int, token string) ([]wire.Connection, string, error) {
		out, err := c.service.ListConnections(ctx, c.caller,
			&wire.ListConnectionsInput{HostArnFilter: hostARN, MaxResults: maxResults, NextToken: token})
		if err != nil {
			return nil, "", err
		}
		return out.Connections, out.NextToken, nil
	})
	if err != nil {
		return link, "", err
	}

	links, err := c.links(ctx)
	if err != nil {
		return link, "", err
	}

	byConnection := map[string][]wire.RepositoryLinkInfo{}
	for _, link := range links {
		byConnection[link.ConnectionArn] = append(byConnection[link.ConnectionArn], link)
	}

	for _, connection := range connections {
		linked := byConnection[connection.ConnectionArn]
		for _, link := range linked {
			if link.OwnerId == src.owner && link.RepositoryName == src.name {
				return link, connection.ConnectionArn, nil
			}
		}
		if len(linked) == 0 && connection.ConnectionName == src.connectionName() {
			connectionARN = connection.ConnectionArn
		}
	}

	return link, connectionARN, nil
}

// endpoint returns the endpoint of the host that a connection reaches, or "" if it is the provider's
// own.
func (c client) endpoint(ctx context.Context, connectionARN string) (string, error) {
	connection, err := c.service.GetConnection(ctx, c.caller, &wire.GetConnectionInput{ConnectionArn: connectionARN})
	if err != nil || connection.Connection.HostArn == "" {
		return "", err
	}

	host, err := c.service.GetHost(ctx, c.caller, &wire.GetHostInput{HostArn: connection.Connection.HostArn})
	if err != nil {
		return "", err
	}

	return host.ProviderEndpoint, nil
}

// isNear reports whether the repository of a connection is on this machine.
func (c client) isNear(ctx context.Context, connectionARN string) bool {
	endpoint, err := c.endpoint(ctx, connectionARN)
	return err == nil && (strings.HasPrefix(endpoint, "file://") || netaddr.IsLoopbackURL(endpoint))
}

// pathOf returns the path of a link's repository below its host.
func pathOf(link wire.RepositoryLinkInfo) string {
	repository := lockstep.RepositoryLink{OwnerID: link.OwnerId, RepositoryName: link.RepositoryName}
	return repository.Path()
}
