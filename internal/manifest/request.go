package manifest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/wire"
)

func (a *applier) create(ctx context.Context, want Resource) error {
	switch w := want.(type) {
	case Host:
		out, err := a.client.AWS.CreateHost(ctx, &codeconnections.CreateHostInput{Name: &w.Name, ProviderEndpoint: &w.Endpoint,
			ProviderType: types.ProviderType(w.Provider), VpcConfiguration: w.VPC.wire(), Tags: tagList(w.Tags)})
		if err == nil {
			a.learn(HostKind, w.Name, out.HostArn)
		}
		return err
	case Connection:
		in := &codeconnections.CreateConnectionInput{ConnectionName: &w.Name, ProviderType: types.ProviderType(w.Provider), Tags: tagList(w.Tags)}
		if w.Host != "" {
			in.HostArn = a.address(HostKind, w.Host)
		}

		out, err := a.client.AWS.CreateConnection(ctx, in)
		if err == nil {
			a.learn(ConnectionKind, w.Name, out.ConnectionArn)
		}

		return err
	case Link:
		owner, name := splitRepository(w.Repository)
		out, err := a.client.AWS.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{OwnerId: &owner, RepositoryName: &name,
			ConnectionArn: a.address(ConnectionKind, w.Connection), EncryptionKeyArn: given(w.EncryptionKey), Tags: tagList(w.Tags)})
		if err == nil {
			a.learn(LinkKind, w.Repository, out.RepositoryLinkInfo.RepositoryLinkId)
		}

		return err
	case Configuration:
		if w.Signers != nil && *w.Signers != (Signers{}) {
			return a.createSigned(ctx, w)
		}

		_, err := a.client.AWS.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
			ResourceName: &w.Resource, SyncType: types.SyncConfigurationType(w.Type), RepositoryLinkId: a.address(LinkKind, w.Link),
			Branch: &w.Branch, ConfigFile: &w.File, RoleArn: &w.Role,
			TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(w.Trigger),
			PublishDeploymentStatus: types.PublishDeploymentStatus(w.PublishDeploymentStatus),
			PullRequestComment:      types.PullRequestComment(w.PullRequestComment)})

		return err
	}

	return a.put(ctx, want, want)
}

// put makes or replaces what has no other way to change.
func (a *applier) put(ctx context.Context, want, have Resource) error {
	switch w := want.(type) {
	case Policy:
		_, err := a.client.PutPolicy(ctx, &wire.PutPolicyInput{Name: w.Name, Document: w.Document})
		return err
	case Role:
		role := wire.WebIdentityRole{RoleName: w.Name, Role: w.Role, Issuer: w.Issuer, Audiences: w.Audiences, Subjects: w.Subjects,
			Jwks: w.JWKS, MaxSessionDuration: w.MaxSessionDuration}
		if had, ok := have.(Role); ok && role.MaxSessionDuration == nil {
			role.MaxSessionDuration = had.MaxSessionDuration
		}

		for _, c := range w.Claims {
			role.Claims = append(role.Claims, wire.ClaimPattern{Name: c.Name, Pattern: c.Pattern})
		}

		_, err := a.client.PutWebIdentityRole(ctx, &wire.PutWebIdentityRoleInput{WebIdentityRole: role})
		return err
	}

	return fmt.Errorf("%T is no thing of a fleet", want)
}

func (a *applier) change(ctx context.Context, want, have Resource) error {
	switch w := want.(type) {
	case Host:
		h := have.(Host)
		in := &codeconnections.UpdateHostInput{HostArn: &h.ARN, VpcConfiguration: w.VPC.wire()}
		if w.Endpoint != h.Endpoint {
			in.ProviderEndpoint = &w.Endpoint
		}

		if in.ProviderEndpoint != nil || in.VpcConfiguration != nil {
			if _, err := a.client.AWS.UpdateHost(ctx, in); err != nil {
				return err
			}
		}

		return a.retag(ctx, h.ARN, w.Tags, h.Tags)
	case Connection:
		h := have.(Connection)
		return a.retag(ctx, h.ARN, w.Tags, h.Tags)
	case Link:
		return a.changeLink(ctx, w, have.(Link))
	case Configuration:
		return a.changeConfiguration(ctx, w, have.(Configuration))
	}

	return a.put(ctx, want, have)
}

func (a *applier) changeLink(ctx context.Context, w, h Link) error {
	in := &codeconnections.UpdateRepositoryLinkInput{RepositoryLinkId: &h.UUID, EncryptionKeyArn: given(w.EncryptionKey)}
	if w.Connection != h.Connection {
		in.ConnectionArn = a.address(ConnectionKind, w.Connection)
	}
	if in.ConnectionArn != nil || w.EncryptionKey != "" && w.EncryptionKey != h.EncryptionKey {
		if _, err := a.client.AWS.UpdateRepositoryLink(ctx, in); err != nil {
			return err
		}
	}
	return a.retag(ctx, h.ARN, w.Tags, h.Tags)
}

// changeConfiguration says first who may sign, so that the sync which the rest
// requests is held to it. Nothing is requested for signers alone.
func (a *applier) changeConfiguration(ctx context.Context, w, h Configuration) error {
	if err := a.sign(ctx, w, h); err != nil || len(unsigned(w, h)) == 0 {
		return err
	}
	_, err := a.client.AWS.UpdateSyncConfiguration(ctx, &codeconnections.UpdateSyncConfigurationInput{
		ResourceName: &w.Resource, SyncType: types.SyncConfigurationType(w.Type), RepositoryLinkId: a.address(LinkKind, w.Link),
		Branch: &w.Branch, ConfigFile: &w.File, RoleArn: &w.Role,
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(w.Trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(w.PublishDeploymentStatus),
		PullRequestComment:      types.PullRequestComment(w.PullRequestComment)})
	return err
}

func (a *applier) retag(ctx context.Context, arn string, want, have map[string]string) error {
	if want == nil {
		return nil
	}

	set, removed := tagChanges(want, have)
	// What goes makes room for what comes.
	if len(removed) > 0 {
		if _, err := a.client.AWS.UntagResource(ctx, &codeconnections.UntagResourceInput{ResourceArn: &arn, TagKeys: removed}); err != nil {
			return err
		}
	}

	if len(set) == 0 {
		return nil
	}

	changed := map[string]string{}
	for _, k := range set {
		changed[k] = want[k]
	}

	_, err := a.client.AWS.TagResource(ctx, &codeconnections.TagResourceInput{ResourceArn: &arn, Tags: tagList(changed)})
	return err
}

func (a *applier) remove(ctx context.Context, have Resource) (err error) {
	switch h := have.(type) {
	case Host:
		_, err = a.client.AWS.DeleteHost(ctx, &codeconnections.DeleteHostInput{HostArn: &h.ARN})
	case Connection:
		_, err = a.client.AWS.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{ConnectionArn: &h.ARN})
	case Link:
		_, err = a.client.AWS.DeleteRepositoryLink(ctx, &codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: &h.UUID})
	case Configuration:
		_, err = a.client.AWS.DeleteSyncConfiguration(ctx, &codeconnections.DeleteSyncConfigurationInput{
			ResourceName: &h.Resource, SyncType: types.SyncConfigurationType(h.Type)})
	case Policy:
		_, err = a.client.DeletePolicy(ctx, &wire.DeletePolicyInput{Name: h.Name})
	case Role:
		_, err = a.client.DeleteWebIdentityRole(ctx, &wire.DeleteWebIdentityRoleInput{RoleName: h.Name})
	}

	return err
}

// given is nil for what is not asked for.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return list
}

func (v *VPC) wire() *types.VpcConfiguration {
	if v == nil {
		return nil
	}
	return &types.VpcConfiguration{VpcId: &v.ID, SubnetIds: v.Subnets, SecurityGroupIds: v.SecurityGroups, TlsCertificate: given(v.Certificate)}
}
