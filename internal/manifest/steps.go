package manifest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// create creates a resource, and records its ARN or ID.
func (a *applier) create(ctx context.Context, want Resource) error {
	switch want := want.(type) {
	case Host:
		response, err := a.remote.AWS.CreateHost(ctx, &codeconnections.CreateHostInput{
			Name:             &want.Name,
			ProviderEndpoint: &want.Endpoint,
			ProviderType:     types.ProviderType(want.Provider),
			VpcConfiguration: want.VPC.wire(),
			Tags:             tagList(want.Tags),
		})
		if err == nil {
			a.setID(HostKind, want.Name, response.HostArn)
		}

		return err
	case Connection:
		request := &codeconnections.CreateConnectionInput{
			ConnectionName: &want.Name,
			ProviderType:   types.ProviderType(want.Provider),
			Tags:           tagList(want.Tags),
		}
		if want.Host != "" {
			request.HostArn = a.id(HostKind, want.Host)
		}

		response, err := a.remote.AWS.CreateConnection(ctx, request)
		if err == nil {
			a.setID(ConnectionKind, want.Name, response.ConnectionArn)
		}

		return err
	case Link:
		owner, name := client.SplitRepository(want.Repository)
		response, err := a.remote.AWS.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{
			OwnerId:          &owner,
			RepositoryName:   &name,
			ConnectionArn:    a.id(ConnectionKind, want.Connection),
			EncryptionKeyArn: optional(want.EncryptionKey),
			Tags:             tagList(want.Tags),
		})
		if err == nil {
			a.setID(LinkKind, want.Repository, response.RepositoryLinkInfo.RepositoryLinkId)
		}

		return err
	case Configuration:
		return a.createConfiguration(ctx, want)
	}

	return a.put(ctx, want, want)
}

// createConfiguration creates a sync configuration in one request with its signers:
// between two requests a commit could be synced that none of them signed.
func (a *applier) createConfiguration(ctx context.Context, want Configuration) error {
	if want.Signers != nil && *want.Signers != (Signers{}) {
		_, err := a.remote.CreateSignedSyncConfiguration(ctx, &wire.CreateSignedSyncConfigurationInput{
			ResourceName:            want.Resource,
			SyncType:                want.Type,
			RepositoryLinkId:        *a.id(LinkKind, want.Link),
			Branch:                  want.Branch,
			ConfigFile:              want.File,
			RoleArn:                 want.Role,
			TriggerResourceUpdateOn: want.Trigger,
			PublishDeploymentStatus: want.PublishDeploymentStatus,
			PullRequestComment:      want.PullRequestComment,
			AllowedSigners:          want.Signers.Allowed,
			PublicKeys:              want.Signers.Keys,
		})
		return err
	}

	_, err := a.remote.AWS.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
		ResourceName:            &want.Resource,
		SyncType:                types.SyncConfigurationType(want.Type),
		RepositoryLinkId:        a.id(LinkKind, want.Link),
		Branch:                  &want.Branch,
		ConfigFile:              &want.File,
		RoleArn:                 &want.Role,
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(want.Trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(want.PublishDeploymentStatus),
		PullRequestComment:      types.PullRequestComment(want.PullRequestComment),
	})
	return err
}

// put creates or replaces a resource that the API has no other way to change.
func (a *applier) put(ctx context.Context, want, have Resource) error {
	switch want := want.(type) {
	case Policy:
		_, err := a.remote.PutPolicy(ctx, &wire.PutPolicyInput{Name: want.Name, Document: want.Document})
		return err
	case Role:
		role := wire.WebIdentityRole{
			RoleName:           want.Name,
			Role:               want.Role,
			Issuer:             want.Issuer,
			Audiences:          want.Audiences,
			Subjects:           want.Subjects,
			Jwks:               want.JWKS,
			MaxSessionDuration: want.MaxSessionDuration,
		}
		if have, ok := have.(Role); ok && role.MaxSessionDuration == nil {
			role.MaxSessionDuration = have.MaxSessionDuration
		}

		for _, claim := range want.Claims {
			role.Claims = append(role.Claims, wire.ClaimPattern{Name: claim.Name, Pattern: claim.Pattern})
		}

		_, err := a.remote.PutWebIdentityRole(ctx, &wire.PutWebIdentityRoleInput{WebIdentityRole: role})
		return err
	}

	return fmt.Errorf("%T is not a resource of a manifest", want)
}

func (a *applier) change(ctx context.Context, want, have Resource) error {
	switch want := want.(type) {
	case Host:
		return a.changeHost(ctx, want, have.(Host))
	case Connection:
		have := have.(Connection)
		return a.changeTags(ctx, have.ARN, want.Tags, have.Tags)
	case Link:
		return a.changeLink(ctx, want, have.(Link))
	case Configuration:
		return a.changeConfiguration(ctx, want, have.(Configuration))
	}

	return a.put(ctx, want, have)
}

func (a *applier) changeHost(ctx context.Context, want, have Host) error {
	request := &codeconnections.UpdateHostInput{HostArn: &have.ARN, VpcConfiguration: want.VPC.wire()}
	if want.Endpoint != have.Endpoint {
		request.ProviderEndpoint = &want.Endpoint
	}

	if request.ProviderEndpoint != nil || request.VpcConfiguration != nil {
		if _, err := a.remote.AWS.UpdateHost(ctx, request); err != nil {
			return err
		}
	}

	return a.changeTags(ctx, have.ARN, want.Tags, have.Tags)
}

func (a *applier) changeLink(ctx context.Context, want, have Link) error {
	request := &codeconnections.UpdateRepositoryLinkInput{
		RepositoryLinkId: &have.UUID,
		EncryptionKeyArn: optional(want.EncryptionKey),
	}
	if want.Connection != have.Connection {
		request.ConnectionArn = a.id(ConnectionKind, want.Connection)
	}

	if request.ConnectionArn != nil || want.EncryptionKey != "" && want.EncryptionKey != have.EncryptionKey {
		if _, err := a.remote.AWS.UpdateRepositoryLink(ctx, request); err != nil {
			return err
		}
	}

	return a.changeTags(ctx, have.ARN, want.Tags, have.Tags)
}

// changeConfiguration changes the signers first, so that they apply to the sync
// that the other changes request. Changing the signers alone requests no sync.
func (a *applier) changeConfiguration(ctx context.Context, want, have Configuration) error {
	if err := a.changeSigners(ctx, want, have); err != nil || len(configurationChanges(want, have)) == 0 {
		return err
	}

	_, err := a.remote.AWS.UpdateSyncConfiguration(ctx, &codeconnections.UpdateSyncConfigurationInput{
		ResourceName:            &want.Resource,
		SyncType:                types.SyncConfigurationType(want.Type),
		RepositoryLinkId:        a.id(LinkKind, want.Link),
		Branch:                  &want.Branch,
		ConfigFile:              &want.File,
		RoleArn:                 &want.Role,
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(want.Trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(want.PublishDeploymentStatus),
		PullRequestComment:      types.PullRequestComment(want.PullRequestComment),
	})
	return err
}

// changeSigners changes the signers of a sync configuration if they differ.
func (a *applier) changeSigners(ctx context.Context, want, have Configuration) (err error) {
	var differing changes
	differing.signers(want.Signers, have.Signers)

	switch {
	case len(differing) == 0:
	case *want.Signers == Signers{}:
		_, err = a.remote.DeleteSignaturePolicy(ctx, &wire.DeleteSignaturePolicyInput{
			SyncType:     want.Type,
			ResourceName: want.Resource,
		})
	default:
		_, err = a.remote.PutSignaturePolicy(ctx, &wire.PutSignaturePolicyInput{
			SyncType:       want.Type,
			ResourceName:   want.Resource,
			AllowedSigners: want.Signers.Allowed,
			PublicKeys:     want.Signers.Keys,
		})
	}

	return err
}

// changeTags removes tags before it adds others, since their number is limited.
func (a *applier) changeTags(ctx context.Context, arn string, want, have map[string]string) error {
	if want == nil {
		return nil
	}

	set, removed := tagChanges(want, have)
	if len(removed) > 0 {
		_, err := a.remote.AWS.UntagResource(ctx, &codeconnections.UntagResourceInput{
			ResourceArn: &arn,
			TagKeys:     removed,
		})
		if err != nil {
			return err
		}
	}

	if len(set) == 0 {
		return nil
	}

	changed := map[string]string{}
	for _, key := range set {
		changed[key] = want[key]
	}

	_, err := a.remote.AWS.TagResource(ctx, &codeconnections.TagResourceInput{
		ResourceArn: &arn,
		Tags:        tagList(changed),
	})
	return err
}

func (a *applier) remove(ctx context.Context, have Resource) (err error) {
	switch have := have.(type) {
	case Host:
		_, err = a.remote.AWS.DeleteHost(ctx, &codeconnections.DeleteHostInput{HostArn: &have.ARN})
	case Connection:
		_, err = a.remote.AWS.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{ConnectionArn: &have.ARN})
	case Link:
		_, err = a.remote.AWS.DeleteRepositoryLink(ctx, &codeconnections.DeleteRepositoryLinkInput{
			RepositoryLinkId: &have.UUID,
		})
	case Configuration:
		_, err = a.remote.AWS.DeleteSyncConfiguration(ctx, &codeconnections.DeleteSyncConfigurationInput{
			ResourceName: &have.Resource,
			SyncType:     types.SyncConfigurationType(have.Type),
		})
	case Policy:
		_, err = a.remote.DeletePolicy(ctx, &wire.DeletePolicyInput{Name: have.Name})
	case Role:
		_, err = a.remote.DeleteWebIdentityRole(ctx, &wire.DeleteWebIdentityRoleInput{RoleName: have.Name})
	}

	return err
}

// optional returns nil for an empty text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

func (v *VPC) wire() *types.VpcConfiguration {
	if v == nil {
		return nil
	}
	return &types.VpcConfiguration{
		VpcId:            &v.ID,
		SubnetIds:        v.Subnets,
		SecurityGroupIds: v.SecurityGroups,
		TlsCertificate:   optional(v.Certificate),
	}
}
