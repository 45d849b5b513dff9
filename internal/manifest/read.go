package manifest

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/client"
)

// ReadOptions select what [Read] reads.
type ReadOptions struct {
	// Kinds are read completely. A kind whose resources are named by those of
	// another kind includes that.
	Kinds map[Kind]bool
	// Tagged reports whether to read the tags of a resource, which takes one
	// request each. If it is nil, no tags are read.
	Tagged func(Kind, string) bool
	// Signers is whether to read the signers of sync configurations.
	Signers bool
}

// AllResources returns the options to read everything.
func AllResources() ReadOptions {
	return ReadOptions{
		Kinds: map[Kind]bool{
			HostKind:          true,
			ConnectionKind:    true,
			LinkKind:          true,
			ConfigurationKind: true,
			PolicyKind:        true,
			RoleKind:          true,
		},
		Tagged:  func(Kind, string) bool { return true },
		Signers: true,
	}
}

// ReadOptions returns the options to read what planning the file needs.
func (f File) ReadOptions(prune bool) ReadOptions {
	kinds := map[Kind]bool{}
	for kind := range f.Lists {
		kinds[kind] = true
	}

	// Pruning needs to know what the resources to delete are used by.
	kinds[ConnectionKind] = kinds[ConnectionKind] || prune && kinds[HostKind]
	kinds[LinkKind] = kinds[LinkKind] || prune && kinds[ConnectionKind]
	kinds[ConfigurationKind] = kinds[ConfigurationKind] || prune && kinds[LinkKind]

	tagged := map[Kind]map[string]bool{HostKind: {}, ConnectionKind: {}, LinkKind: {}}
	for _, host := range f.Hosts {
		tagged[HostKind][host.Name] = host.Tags != nil
	}

	for _, connection := range f.Connections {
		tagged[ConnectionKind][connection.Name] = connection.Tags != nil
	}

	for _, link := range f.Links {
		tagged[LinkKind][link.Repository] = link.Tags != nil
	}

	return ReadOptions{
		Kinds:   kinds,
		Tagged:  func(kind Kind, id string) bool { return tagged[kind][id] },
		Signers: slices.ContainsFunc(f.Configurations, func(cfg Configuration) bool { return cfg.Signers != nil }),
	}
}

// Read reads the resources of a server. It returns an error if the caller may not
// list them; lists leave out what the caller may not read.
func Read(ctx context.Context, remote *client.Client, options ReadOptions) (Resources, error) {
	r := &reader{remote: remote}
	configurations := options.Kinds[ConfigurationKind]
	links := configurations || options.Kinds[LinkKind]
	connections := links || options.Kinds[ConnectionKind]
	for _, part := range []struct {
		wanted bool
		read   func(context.Context) error
	}{
		{connections || options.Kinds[HostKind], r.hosts},
		{connections, r.connections},
		{links, r.links},
		{configurations, r.configurations},
		{configurations && options.Signers, r.signers},
		{options.Kinds[RoleKind], r.roles},
		{options.Kinds[PolicyKind], r.policies},
		{options.Tagged != nil, func(ctx context.Context) error { return r.tags(ctx, options.Tagged) }},
	} {
		if !part.wanted {
			continue
		}
		if err := part.read(ctx); err != nil {
			return Resources{}, err
		}
	}

	return r.found, nil
}

// A reader reads one kind after the other, since each is named by the one before.
type reader struct {
	remote *client.Client
	found  Resources
}

func (r *reader) hosts(ctx context.Context) error {
	hosts, err := r.remote.Hosts(ctx)
	for _, host := range hosts {
		r.found.Hosts = append(r.found.Hosts, Host{
			Name:     aws.ToString(host.Name),
			Provider: string(host.ProviderType),
			Endpoint: aws.ToString(host.ProviderEndpoint),
			VPC:      vpcFrom(host.VpcConfiguration),
			ARN:      aws.ToString(host.HostArn),
		})
	}
	return err
}

func vpcFrom(from *types.VpcConfiguration) *VPC {
	if from == nil {
		return nil
	}
	return &VPC{
		ID:             aws.ToString(from.VpcId),
		Subnets:        from.SubnetIds,
		SecurityGroups: from.SecurityGroupIds,
		Certificate:    aws.ToString(from.TlsCertificate),
	}
}

func (r *reader) connections(ctx context.Context) error {
	hostNames := map[string]string{} // by ARN
	for _, host := range r.found.Hosts {
		hostNames[host.ARN] = host.Name
	}

	connections, err := r.remote.Connections(ctx)
	for _, connection := range connections {
		host := aws.ToString(connection.HostArn)
		r.found.Connections = append(r.found.Connections, Connection{
			Name:     aws.ToString(connection.ConnectionName),
			Provider: string(connection.ProviderType),
			Host:     nameOr(hostNames, host),
			ARN:      aws.ToString(connection.ConnectionArn),
			Status:   string(connection.ConnectionStatus),
		})
	}
	return err
}

// nameOr returns the name of an ARN, or the ARN if the caller may not read what it
// names.
func nameOr(names map[string]string, arn string) string {
	if name := names[arn]; name != "" {
		return name
	}
	return arn
}

func (r *reader) links(ctx context.Context) error {
	connectionNames := map[string]string{} // by ARN
	for _, connection := range r.found.Connections {
		connectionNames[connection.ARN] = connection.Name
	}

	links, err := r.remote.RepositoryLinks(ctx)
	for _, link := range links {
		r.found.Links = append(r.found.Links, Link{
			Repository:    client.JoinRepository(aws.ToString(link.OwnerId), aws.ToString(link.RepositoryName)),
			Connection:    nameOr(connectionNames, aws.ToString(link.ConnectionArn)),
			EncryptionKey: aws.ToString(link.EncryptionKeyArn),
			Provider:      string(link.ProviderType),
			ARN:           aws.ToString(link.RepositoryLinkArn),
			UUID:          aws.ToString(link.RepositoryLinkId),
		})
	}
	return err
}

// configurations lists the sync configurations of each link: no other operation
// returns their roles.
func (r *reader) configurations(ctx context.Context) error {
	found := make([][]Configuration, len(r.found.Links))
	err := forEach(ctx, len(found), func(ctx context.Context, i int) error {
		return retryThrottled(ctx, func() (err error) {
			found[i], err = r.linkConfigurations(ctx, r.found.Links[i])
			return err
		})
	})
	r.found.Configurations = slices.Concat(found...)
	return err
}

func (r *reader) linkConfigurations(ctx context.Context, link Link) ([]Configuration, error) {
	var found []Configuration

	configurations, err := r.remote.SyncConfigurations(ctx, link.UUID, DefaultSyncType)
	for _, cfg := range configurations {
		found = append(found, Configuration{
			Type:                    string(cfg.SyncType),
			Resource:                aws.ToString(cfg.ResourceName),
			Link:                    link.Repository,
			Branch:                  aws.ToString(cfg.Branch),
			File:                    aws.ToString(cfg.ConfigFile),
			Role:                    aws.ToString(cfg.RoleArn),
			Trigger:                 string(cfg.TriggerResourceUpdateOn),
			PublishDeploymentStatus: string(cfg.PublishDeploymentStatus),
			PullRequestComment:      string(cfg.PullRequestComment),
		})
	}

	return found, err
}

// signers reads the signers of all sync configurations at once. It ignores those of
// configurations that were not found.
func (r *reader) signers(ctx context.Context) error {
	policies, err := client.All(r.remote.SignaturePolicies(ctx))
	if err != nil {
		return err
	}

	signers := map[string]*Signers{}
	for _, policy := range policies {
		id := Configuration{Type: policy.SyncType, Resource: policy.ResourceName}.ID()
		signers[id] = &Signers{Allowed: policy.AllowedSigners, Keys: policy.PublicKeys}
	}

	for i, cfg := range r.found.Configurations {
		r.found.Configurations[i].Signers = signers[cfg.ID()]
	}

	return nil
}

func (r *reader) policies(ctx context.Context) error {
	policies, err := client.All(r.remote.Policies(ctx))
	for _, policy := range policies {
		r.found.Policies = append(r.found.Policies, Policy{Name: policy.Name, Document: policy.Document})
	}
	return err
}

func (r *reader) roles(ctx context.Context) error {
	roles, err := client.All(r.remote.WebIdentityRoles(ctx))
	for _, from := range roles {
		role := Role{
			Name:               from.RoleName,
			Role:               from.Role,
			Issuer:             from.Issuer,
			Audiences:          from.Audiences,
			Subjects:           from.Subjects,
			JWKS:               from.Jwks,
			MaxSessionDuration: from.MaxSessionDuration,
		}

		for _, claim := range from.Claims {
			role.Claims = append(role.Claims, Claim{claim.Name, claim.Pattern})
		}

		r.found.Roles = append(r.found.Roles, role)
	}

	return err
}

func (r *reader) tags(ctx context.Context, wanted func(Kind, string) bool) error {
	type taggedResource struct {
		name, arn string
		tags      *map[string]string
	}
	var tagged []taggedResource
	add := func(kind Kind, resource Resource, tags *map[string]string) {
		if wanted(kind, resource.ID()) {
			name := fmt.Sprintf("%s %s", kind, resource.ID())
			tagged = append(tagged, taggedResource{name: name, arn: resource.address(), tags: tags})
		}
	}
	for i := range r.found.Hosts {
		add(HostKind, r.found.Hosts[i], &r.found.Hosts[i].Tags)
	}

	for i := range r.found.Connections {
		add(ConnectionKind, r.found.Connections[i], &r.found.Connections[i].Tags)
	}

	for i := range r.found.Links {
		add(LinkKind, r.found.Links[i], &r.found.Links[i].Tags)
	}

	return forEach(ctx, len(tagged), func(ctx context.Context, i int) error {
		return retryThrottled(ctx, func() error {
			response, err := r.remote.AWS.ListTagsForResource(ctx, &codeconnections.ListTagsForResourceInput{
				ResourceArn: aws.String(tagged[i].arn),
			})
			if err != nil {
				return fmt.Errorf("tags of %s: %w", tagged[i].name, err)
			}

			tags := map[string]string{}
			for _, tag := range response.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}

			*tagged[i].tags = tags
			return nil
		})
	})
}
