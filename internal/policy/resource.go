package policy

import (
	"strings"

	"github.com/lockstephq/lockstep"
)

// An EntityType is a type of resource.
type EntityType string

// The resource types.
const (
	Account           EntityType = "Account"
	Host              EntityType = "Host"
	Connection        EntityType = "Connection"
	RepositoryLink    EntityType = "RepositoryLink"
	SyncConfiguration EntityType = "SyncConfiguration"
	IAMRole           EntityType = "IamRole"
)

// A Resource is the resource of a request, with what policies may test of it. Every
// action on the zero Resource is denied.
type Resource struct {
	Type EntityType
	// ID is the id of the entity: an account number, an ARN, or SYNC_TYPE/NAME for
	// a sync configuration.
	ID string
	// Parents are all ancestors other than the account.
	Parents    []EntityUID
	Attributes map[string]string
	Tags       []lockstep.Tag
}

// An EntityUID names a resource.
type EntityUID struct {
	Type EntityType
	ID   string
}

// AccountResource returns the account itself, for actions on no single resource.
func AccountResource(account lockstep.AccountID) Resource {
	return Resource{Type: Account, ID: string(account), Attributes: map[string]string{"id": string(account)}}
}

// HostResource returns a host. Attributes: arn, name, providerType, endpoint,
// region.
func HostResource(host lockstep.Host, tags []lockstep.Tag) Resource {
	return Resource{
		Type: Host,
		ID:   string(host.ARN),
		Tags: tags,
		Attributes: map[string]string{
			"arn":          string(host.ARN),
			"name":         host.Name,
			"providerType": string(host.ProviderType),
			"endpoint":     host.Endpoint,
			"region":       host.Region,
		},
	}
}

// ConnectionResource returns a connection. Attributes: arn, name, providerType,
// hostArn ("" without a host), region. A host is not its parent: it would be an
// ancestor of the connection's links too, and a link does not record its host.
func ConnectionResource(conn lockstep.Connection, tags []lockstep.Tag) Resource {
	return Resource{
		Type: Connection,
		ID:   string(conn.ARN),
		Tags: tags,
		Attributes: map[string]string{
			"arn":          string(conn.ARN),
			"name":         conn.Name,
			"providerType": string(conn.ProviderType),
			"hostArn":      string(conn.HostARN),
			"region":       conn.Region,
		},
	}
}

// LinkResource returns a repository link; its parent is the connection. Attributes:
// arn, id, connectionArn, owner, repository, providerType, region.
func LinkResource(link lockstep.RepositoryLink, tags []lockstep.Tag) Resource {
	return Resource{
		Type:    RepositoryLink,
		ID:      string(link.ARN),
		Tags:    tags,
		Parents: []EntityUID{{Connection, string(link.ConnectionARN)}},
		Attributes: map[string]string{
			"arn": string(link.ARN), "id": link.ID, "connectionArn": string(link.ConnectionARN), "owner": link.OwnerID,
			"repository": link.RepositoryName, "providerType": string(link.ProviderType), "region": link.Region,
		},
	}
}

// ConfigurationResource returns a sync configuration; its parents are its link and
// the link's connection. tags are those of the link, because a configuration has
// none. Attributes: syncType, resourceName, branch, configFile, roleArn,
// repositoryLinkId, owner, repository, providerType, region.
func ConfigurationResource(cfg lockstep.SyncConfiguration, link lockstep.RepositoryLink, tags []lockstep.Tag) Resource {
	return Resource{
		Type:    SyncConfiguration,
		ID:      string(cfg.SyncType) + "/" + cfg.ResourceName,
		Tags:    tags,
		Parents: []EntityUID{{RepositoryLink, string(link.ARN)}, {Connection, string(link.ConnectionARN)}},
		Attributes: map[string]string{
			"syncType":         string(cfg.SyncType),
			"resourceName":     cfg.ResourceName,
			"branch":           cfg.Branch,
			"configFile":       cfg.ConfigFile,
			"roleArn":          cfg.RoleARN,
			"repositoryLinkId": cfg.LinkID,
			"owner":            cfg.OwnerID,
			"repository":       cfg.RepositoryName,
			"providerType":     string(cfg.ProviderType),
			"region":           cfg.Region,
		},
	}
}

// IAMRoleResource returns a role to be passed. Attributes: arn, account, name (with
// its path, without the ARN's role/).
func IAMRoleResource(arn, account, name string) Resource {
	name = strings.TrimPrefix(name, "role/")
	return Resource{Type: IAMRole, ID: arn, Attributes: map[string]string{"arn": arn, "account": account, "name": name}}
}
