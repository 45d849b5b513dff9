package policy

import (
	"strings"

	"github.com/lockstephq/lockstep"
)

// A Type is a kind of thing that a policy may speak of.
type EntityType string

// The types.
const (
	Account           EntityType = "Account"
	Host              EntityType = "Host"
	Connection        EntityType = "Connection"
	RepositoryLink    EntityType = "RepositoryLink"
	SyncConfiguration EntityType = "SyncConfiguration"
	IAMRole           EntityType = "IamRole"
)

// A Resource is a thing with what policies may ask of it. The zero Resource is
// nothing, and nobody may do anything to it.
type Resource struct {
	Type EntityType
	// ID is the entity's: the account's number, an ARN, SYNC_TYPE/NAME for a sync
	// configuration.
	ID string
	// Parents are all things that it is in beside the account, directly or not.
	Parents    []EntityUID
	Attributes map[string]string
	Tags       []lockstep.Tag
}

// A Ref names a thing.
type EntityUID struct {
	Type EntityType
	ID   string
}

// AccountResource is the account itself: for what concerns no single thing.
func AccountResource(account lockstep.AccountID) Resource {
	return Resource{Type: Account, ID: string(account), Attributes: map[string]string{"id": string(account)}}
}

// HostResource describes a host. Attributes: arn, name, providerType, endpoint, region.
func HostResource(h lockstep.Host, tags []lockstep.Tag) Resource {
	return Resource{Type: Host, ID: string(h.ARN), Tags: tags, Attributes: map[string]string{
		"arn": string(h.ARN), "name": h.Name, "providerType": string(h.ProviderType), "endpoint": h.Endpoint, "region": h.Region,
	}}
}

// ConnectionResource describes a connection. Attributes: arn, name, providerType,
// hostArn ("" where there is none), region. It is not in its host: what hangs on
// the connection would be in it too, and a link does not say which host that is.
func ConnectionResource(c lockstep.Connection, tags []lockstep.Tag) Resource {
	return Resource{Type: Connection, ID: string(c.ARN), Tags: tags, Attributes: map[string]string{
		"arn": string(c.ARN), "name": c.Name, "providerType": string(c.ProviderType), "hostArn": string(c.HostARN), "region": c.Region,
	}}
}

// LinkResource describes a repository link, which is in its Connection. Attributes:
// arn, id, connectionArn, owner, repository, providerType, region.
func LinkResource(l lockstep.RepositoryLink, tags []lockstep.Tag) Resource {
	return Resource{Type: RepositoryLink, ID: string(l.ARN), Tags: tags, Parents: []EntityUID{{Connection, string(l.ConnectionARN)}},
		Attributes: map[string]string{
			"arn": string(l.ARN), "id": l.ID, "connectionArn": string(l.ConnectionARN), "owner": l.OwnerID,
			"repository": l.RepositoryName, "providerType": string(l.ProviderType), "region": l.Region,
		}}
}

// ConfigurationResource describes a sync configuration, which is in its link l and so
// in l's connection; tags are those of the link, since it has none of its own.
// Attributes: syncType, resourceName, branch, configFile, roleArn,
// repositoryLinkId, owner, repository, providerType, region.
func ConfigurationResource(c lockstep.SyncConfiguration, l lockstep.RepositoryLink, tags []lockstep.Tag) Resource {
	return Resource{Type: SyncConfiguration, ID: string(c.SyncType) + "/" + c.ResourceName, Tags: tags,
		Parents: []EntityUID{{RepositoryLink, string(l.ARN)}, {Connection, string(l.ConnectionARN)}}, Attributes: map[string]string{
			"syncType": string(c.SyncType), "resourceName": c.ResourceName, "branch": c.Branch, "configFile": c.ConfigFile,
			"roleArn": c.RoleARN, "repositoryLinkId": c.LinkID, "owner": c.OwnerID, "repository": c.RepositoryName,
			"providerType": string(c.ProviderType), "region": c.Region,
		}}
}

// IAMRoleResource describes a role that is to be passed. Attributes: arn, account,
// name (with its path, without the word role/ before it in the ARN).
func IAMRoleResource(arn, account, name string) Resource {
	name = strings.TrimPrefix(name, "role/")
	return Resource{Type: IAMRole, ID: arn, Attributes: map[string]string{"arn": arn, "account": account, "name": name}}
}
