package command

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// SyncType is the only sync type.
const SyncType = "CFN_STACK_SYNC"

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// Named is a resource that people know by a name, and the API by an ID or ARN.
// Names need not be unique.
type Named struct{ Name, ID string }

// ResolveARN returns the ARN of the resource with a name. An ARN is returned as
// it is, without a request.
func ResolveARN(kind, nameOrARN string, list func() ([]Named, error)) (string, error) {
	if strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN, nil
	}
	all, err := list()
	if err != nil {
		return "", err
	}
	return ResolveName(kind, nameOrARN, all)
}

// ResolveName returns the ID of the only resource with a name. It returns an
// error that lists the candidates if there is none, or more than one.
func ResolveName(kind, name string, all []Named) (string, error) {
	var ids, names []string
	for _, resource := range all {
		names = append(names, resource.Name)
		if resource.Name == name {
			ids = append(ids, resource.ID)
		}
	}

	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", Errorf("There are %d %ss named %s.", len(ids), kind, name).
			WithHint("Use one of: %s.", strings.Join(ids, ", "))
	case len(all) == 0:
		return "", Errorf("There is no %s %s.", kind, name).WithHint("There are no %ss yet.", kind)
	}

	return "", Errorf("There is no %s %s.", kind, name).
		WithHint("Available: %s.", output.Truncate(strings.Join(names, ", "), 400))
}

// SplitRepository splits OWNER/NAME. The owner may hold slashes; it is "-" if
// there is none.
func SplitRepository(repository string) (owner, name string) {
	return client.SplitRepository(strings.Trim(repository, "/"))
}

// Repository returns the OWNER/NAME of a sync configuration's repository.
func Repository(cfg wire.SyncConfiguration) string {
	return client.JoinRepository(cfg.OwnerId, cfg.RepositoryName)
}

// LinkRepository returns the OWNER/NAME of a link's repository.
func LinkRepository(link wire.RepositoryLinkInfo) string {
	return client.JoinRepository(link.OwnerId, link.RepositoryName)
}

// LinkID returns the ID of the link with an ID or to a repository OWNER/NAME.
func LinkID(ctx context.Context, remote *client.Client, idOrRepository string) (string, error) {
	if uuidPattern.MatchString(idOrRepository) {
		return idOrRepository, nil
	}

	all, err := Links(ctx, remote)
	if err != nil {
		return "", err
	}

	names := make([]Named, len(all))
	for i, link := range all {
		names[i] = Named{LinkRepository(link), link.RepositoryLinkId}
	}

	return ResolveName("repository link", client.JoinRepository(SplitRepository(idOrRepository)), names)
}

// Links returns all repository links.
func Links(ctx context.Context, remote *client.Client) ([]wire.RepositoryLinkInfo, error) {
	found, err := remote.RepositoryLinks(ctx)
	if err != nil {
		return nil, err
	}

	links := make([]wire.RepositoryLinkInfo, len(found))
	for i, link := range found {
		links[i] = LinkFrom(link)
	}
	return links, nil
}

// LinkFrom returns a link of the SDK as a document.
func LinkFrom(link types.RepositoryLinkInfo) wire.RepositoryLinkInfo {
	return wire.RepositoryLinkInfo{
		ConnectionArn:     aws.ToString(link.ConnectionArn),
		EncryptionKeyArn:  aws.ToString(link.EncryptionKeyArn),
		OwnerId:           aws.ToString(link.OwnerId),
		ProviderType:      string(link.ProviderType),
		RepositoryLinkArn: aws.ToString(link.RepositoryLinkArn),
		RepositoryLinkId:  aws.ToString(link.RepositoryLinkId),
		RepositoryName:    aws.ToString(link.RepositoryName),
	}
}

// UsualCredentialFlag returns the flag of `lockstep connect` that most hosts with
// such an endpoint need.
func UsualCredentialFlag(endpoint string) string {
	if strings.HasPrefix(endpoint, "ssh://") {
		return "--ssh-key FILE"
	}
	return "--token-stdin"
}

// Configuration returns the sync configuration of a resource.
func Configuration(ctx context.Context, remote *client.Client, resource string) (wire.SyncConfiguration, error) {
	response, err := remote.AWS.GetSyncConfiguration(ctx, &codeconnections.GetSyncConfigurationInput{
		ResourceName: aws.String(resource),
		SyncType:     SyncType,
	})
	if err != nil {
		return wire.SyncConfiguration{}, err
	}
	return ConfigurationFrom(response.SyncConfiguration), nil
}

// ConfigurationFrom returns a sync configuration of the SDK as a document.
func ConfigurationFrom(from *types.SyncConfiguration) wire.SyncConfiguration {
	return wire.SyncConfiguration{
		Branch:                  aws.ToString(from.Branch),
		ConfigFile:              aws.ToString(from.ConfigFile),
		OwnerId:                 aws.ToString(from.OwnerId),
		ProviderType:            string(from.ProviderType),
		RepositoryLinkId:        aws.ToString(from.RepositoryLinkId),
		RepositoryName:          aws.ToString(from.RepositoryName),
		ResourceName:            aws.ToString(from.ResourceName),
		RoleArn:                 aws.ToString(from.RoleArn),
		SyncType:                string(from.SyncType),
		PublishDeploymentStatus: string(from.PublishDeploymentStatus),
		TriggerResourceUpdateOn: string(from.TriggerResourceUpdateOn),
		PullRequestComment:      string(from.PullRequestComment),
	}
}

// DeploymentDir is the usual directory of deployment files in a repository.
const DeploymentDir = "deployments"

var stackName = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9]{0,99}$`)

// IsStackName reports whether a resource and its stack may have a name. A
// resource name has at most 100 characters.
func IsStackName(name string) bool { return stackName.MatchString(name) }
