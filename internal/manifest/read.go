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

const pageSize = 100

// An Interest says what to read of a server.
type ReadOptions struct {
	// Kinds are read whole. A kind that others are named in terms of is read
	// with them.
	Kinds map[Kind]bool
	// Tagged says whose tags are read, each a request of its own; nil for nobody's.
	Tagged func(Kind, string) bool
	// Signers says that who may sign is read too, where configurations are.
	Signers bool
}

// AllResources is the whole fleet.
func AllResources() ReadOptions {
	kinds := map[Kind]bool{HostKind: true, ConnectionKind: true, LinkKind: true, ConfigurationKind: true, PolicyKind: true, RoleKind: true}
	return ReadOptions{Kinds: kinds, Tagged: func(Kind, string) bool { return true }, Signers: true}
}

// ReadOptions is what must be known to plan a file.
func (f File) ReadOptions(prune bool) ReadOptions {
	kinds := map[Kind]bool{}
	for kind := range f.Lists {
		kinds[kind] = true
	}

	kinds[ConnectionKind] = kinds[ConnectionKind] || prune && kinds[HostKind]
	kinds[LinkKind] = kinds[LinkKind] || prune && kinds[ConnectionKind]
	kinds[ConfigurationKind] = kinds[ConfigurationKind] || prune && kinds[LinkKind]
	tagged := map[Kind]map[string]bool{HostKind: {}, ConnectionKind: {}, LinkKind: {}}
	for _, h := range f.Hosts {
		tagged[HostKind][h.Name] = h.Tags != nil
	}

	for _, c := range f.Connections {
		tagged[ConnectionKind][c.Name] = c.Tags != nil
	}

	for _, l := range f.Links {
		tagged[LinkKind][l.Repository] = l.Tags != nil
	}

	return ReadOptions{Kinds: kinds, Tagged: func(kind Kind, id string) bool { return tagged[kind][id] },
		Signers: slices.ContainsFunc(f.Configurations, func(c Configuration) bool { return c.Signers != nil })}
}

// Read asks the server what there is. Of what the caller may not list it fails;
// what the caller may not read is not there, as everywhere.
func Read(ctx context.Context, c *client.Client, i ReadOptions) (Resources, error) {
	s := &reader{client: c}
	configurations := i.Kinds[ConfigurationKind]
	links := configurations || i.Kinds[LinkKind]
	connections := links || i.Kinds[ConnectionKind]
	for _, step := range []struct {
		wanted bool
		read   func(context.Context) error
	}{
		{connections || i.Kinds[HostKind], s.hosts},
		{connections, s.connections},
		{links, s.links},
		{configurations, s.configurations},
		{configurations && i.Signers, s.signers},
		{i.Kinds[RoleKind], s.roles},
		{i.Kinds[PolicyKind], s.policies},
		{i.Tagged != nil, func(ctx context.Context) error { return s.tags(ctx, i.Tagged) }},
	} {
		if !step.wanted {
			continue
		}
		if err := step.read(ctx); err != nil {
			return Resources{}, err
		}
	}

	return s.found, nil
}

// A scout asks for one kind after the other, for each names the one before.
type reader struct {
	client *client.Client
	found  Resources
}

func (s *reader) hosts(ctx context.Context) error {
	pages := codeconnections.NewListHostsPaginator(s.client.AWS, &codeconnections.ListHostsInput{MaxResults: pageSize})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}

		for _, h := range page.Hosts {
			s.found.Hosts = append(s.found.Hosts, Host{Name: aws.ToString(h.Name), Provider: string(h.ProviderType),
				Endpoint: aws.ToString(h.ProviderEndpoint), VPC: vpcOf(h.VpcConfiguration), ARN: aws.ToString(h.HostArn)})
		}
	}

	return nil
}

func vpcOf(v *types.VpcConfiguration) *VPC {
	if v == nil {
		return nil
	}
	return &VPC{ID: aws.ToString(v.VpcId), Subnets: v.SubnetIds, SecurityGroups: v.SecurityGroupIds, Certificate: aws.ToString(v.TlsCertificate)}
}

func (s *reader) connections(ctx context.Context) error {
	hosts := map[string]string{}
	for _, h := range s.found.Hosts {
		hosts[h.ARN] = h.Name
	}

	pages := codeconnections.NewListConnectionsPaginator(s.client.AWS, &codeconnections.ListConnectionsInput{MaxResults: pageSize})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}

		for _, c := range page.Connections {
			host := aws.ToString(c.HostArn)
			if host != "" && hosts[host] != "" {
				host = hosts[host]
			}

			s.found.Connections = append(s.found.Connections, Connection{Name: aws.ToString(c.ConnectionName), Provider: string(c.ProviderType),
				Host: host, ARN: aws.ToString(c.ConnectionArn), Status: string(c.ConnectionStatus)})
		}
	}

	return nil
}

func (s *reader) links(ctx context.Context) error {
	connections := map[string]string{}
	for _, c := range s.found.Connections {
		connections[c.ARN] = c.Name
	}

	pages := codeconnections.NewListRepositoryLinksPaginator(s.client.AWS, &codeconnections.ListRepositoryLinksInput{MaxResults: pageSize})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}

		for _, l := range page.RepositoryLinks {
			connection := aws.ToString(l.ConnectionArn)
			if name := connections[connection]; name != "" {
				connection = name
			}

			s.found.Links = append(s.found.Links, Link{Repository: joinRepository(aws.ToString(l.OwnerId), aws.ToString(l.RepositoryName)),
				Connection: connection, EncryptionKey: aws.ToString(l.EncryptionKeyArn), Provider: string(l.ProviderType),
				ARN: aws.ToString(l.RepositoryLinkArn), UUID: aws.ToString(l.RepositoryLinkId)})
		}
	}

	return nil
}

// configurations are listed link by link, in no other way with their roles.
func (s *reader) configurations(ctx context.Context) error {
	found := make([][]Configuration, len(s.found.Links))
	err := all(ctx, len(found), func(ctx context.Context, i int) error {
		return patiently(ctx, func() (err error) {
			found[i], err = s.ofLink(ctx, s.found.Links[i])
			return err
		})
	})
	s.found.Configurations = slices.Concat(found...)
	return err
}

func (s *reader) ofLink(ctx context.Context, l Link) ([]Configuration, error) {
	var found []Configuration
	pages := codeconnections.NewListSyncConfigurationsPaginator(s.client.AWS, &codeconnections.ListSyncConfigurationsInput{
		MaxResults: pageSize, RepositoryLinkId: aws.String(l.UUID), SyncType: DefaultSyncType})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}

		for _, c := range page.SyncConfigurations {
			found = append(found, Configuration{Type: string(c.SyncType), Resource: aws.ToString(c.ResourceName), Link: l.Repository,
				Branch: aws.ToString(c.Branch), File: aws.ToString(c.ConfigFile), Role: aws.ToString(c.RoleArn),
				Trigger: string(c.TriggerResourceUpdateOn), PublishDeploymentStatus: string(c.PublishDeploymentStatus),
				PullRequestComment: string(c.PullRequestComment)})
		}
	}

	return found, nil
}

func (s *reader) policies(ctx context.Context) error {
	all, err := client.All(s.client.Policies(ctx))
	for _, p := range all {
		s.found.Policies = append(s.found.Policies, Policy{Name: p.Name, Document: p.Document})
	}
	return err
}

func (s *reader) roles(ctx context.Context) error {
	all, err := client.All(s.client.WebIdentityRoles(ctx))
	for _, w := range all {
		role := Role{Name: w.RoleName, Role: w.Role, Issuer: w.Issuer, Audiences: w.Audiences, Subjects: w.Subjects,
			JWKS: w.Jwks, MaxSessionDuration: w.MaxSessionDuration}
		for _, c := range w.Claims {
			role.Claims = append(role.Claims, Claim{c.Name, c.Pattern})
		}
		s.found.Roles = append(s.found.Roles, role)
	}
	return err
}

func (s *reader) tags(ctx context.Context, wanted func(Kind, string) bool) error {
	type bearer struct {
		name, arn string
		tags      *map[string]string
	}
	var bearers []bearer
	add := func(kind Kind, t Resource, into *map[string]string) {
		if wanted(kind, t.ID()) {
			bearers = append(bearers, bearer{fmt.Sprintf("%s %s", kind, t.ID()), t.address(), into})
		}
	}
	for i := range s.found.Hosts {
		add(HostKind, s.found.Hosts[i], &s.found.Hosts[i].Tags)
	}

	for i := range s.found.Connections {
		add(ConnectionKind, s.found.Connections[i], &s.found.Connections[i].Tags)
	}

	for i := range s.found.Links {
		add(LinkKind, s.found.Links[i], &s.found.Links[i].Tags)
	}

	return all(ctx, len(bearers), func(ctx context.Context, i int) error {
		return patiently(ctx, func() error {
			out, err := s.client.AWS.ListTagsForResource(ctx, &codeconnections.ListTagsForResourceInput{ResourceArn: aws.String(bearers[i].arn)})
			if err != nil {
				return fmt.Errorf("tags of %s: %w", bearers[i].name, err)
			}

			tags := map[string]string{}
			for _, t := range out.Tags {
				tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
			}

			*bearers[i].tags = tags
			return nil
		})
	})
}
