package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// resource is the document of `status RESOURCE`: what two operations answer.
type resource struct {
	SyncConfiguration wire.SyncConfiguration
	ResourceSync      *wire.GetResourceSyncStatusOutput `json:",omitzero"`
}

func (p *program) showResource(ctx context.Context, remote *client.Client, name string, f format) error {
	cfg, err := configuration(ctx, remote, name)
	if err != nil {
		return err
	}

	status, err := resourceStatus(ctx, remote, name)
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, resource{cfg, status})
	}

	on, t := p.paintFor(p.stdout), &table{}
	t.add("Resource", cfg.ResourceName)
	t.add("Repository", repositoryName(cfg))
	t.add("File", cfg.ConfigFile)
	t.add("Branch", cfg.Branch)

	if status == nil {
		t.add("Status", "NEVER SYNCED")
		return t.write(p.stdout)
	}

	latest := status.LatestSync
	t.add("Status", on.cell(standing(latest), latest.Status))
	t.add("Commit", at(latest.TargetRevision.Branch, latest.TargetRevision.Sha))
	t.add("Started", moment(latest.StartedAt))

	if d := status.DesiredState; d != nil && d.Sha != latest.TargetRevision.Sha {
		t.add("Wanted", at(d.Branch, d.Sha))
	}

	if s := status.LatestSuccessfulSync; s != nil && latest.Status != "SUCCEEDED" {
		t.add("Last success", at(s.TargetRevision.Branch, s.TargetRevision.Sha)+", "+moment(s.StartedAt))
	}

	if cause := telling(latest); cause != nil && latest.Status == "FAILED" {
		t.add("Cause", cause.Event)
	}

	if err := t.write(p.stdout); err != nil {
		return err
	}

	return p.showEvents("Events of the latest sync:", latest)
}

// standing is an attempt's status, told apart where a person has to act.
func standing(attempt wire.ResourceSyncAttempt) string {
	if n := len(attempt.Events); n > 0 && attempt.Events[n-1].Type == "SYNC_BLOCKED" {
		return "BLOCKED"
	}
	return attempt.Status
}

func (p *program) showEvents(title string, attempt wire.ResourceSyncAttempt) error {
	if _, err := fmt.Fprintf(p.stdout, "\n%s\n", title); err != nil {
		return err
	}
	t := &table{}
	for _, e := range attempt.Events {
		t.add(e.Time.Local().Format(time.TimeOnly), e.Type, e.Event)
	}
	return t.write(p.stdout)
}

// configuration reads a resource's sync configuration.
func configuration(ctx context.Context, remote *client.Client, name string) (wire.SyncConfiguration, error) {
	out, err := remote.AWS.GetSyncConfiguration(ctx, &codeconnections.GetSyncConfigurationInput{
		ResourceName: aws.String(name), SyncType: syncType})
	if err != nil {
		return wire.SyncConfiguration{}, err
	}
	return configurationOf(out.SyncConfiguration), nil
}

// configurationOf takes a configuration out of the SDK's pointers.
func configurationOf(c *types.SyncConfiguration) wire.SyncConfiguration {
	return wire.SyncConfiguration{
		Branch:                  aws.ToString(c.Branch),
		ConfigFile:              aws.ToString(c.ConfigFile),
		OwnerId:                 aws.ToString(c.OwnerId),
		ProviderType:            string(c.ProviderType),
		RepositoryLinkId:        aws.ToString(c.RepositoryLinkId),
		RepositoryName:          aws.ToString(c.RepositoryName),
		ResourceName:            aws.ToString(c.ResourceName),
		RoleArn:                 aws.ToString(c.RoleArn),
		SyncType:                string(c.SyncType),
		PublishDeploymentStatus: string(c.PublishDeploymentStatus),
		TriggerResourceUpdateOn: string(c.TriggerResourceUpdateOn),
		PullRequestComment:      string(c.PullRequestComment),
	}
}

// resourceStatus reads where a resource stands, nil before its first sync.
func resourceStatus(ctx context.Context, remote *client.Client, name string) (*wire.GetResourceSyncStatusOutput, error) {
	out, err := remote.AWS.GetResourceSyncStatus(ctx, &codeconnections.GetResourceSyncStatusInput{
		ResourceName: aws.String(name), SyncType: syncType})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil
	}

	if err != nil {
		return nil, err
	}

	status := &wire.GetResourceSyncStatusOutput{LatestSync: *attemptOf(out.LatestSync)}
	status.LatestSuccessfulSync = attemptOf(out.LatestSuccessfulSync)
	if out.DesiredState != nil {
		rev := revisionOf(out.DesiredState)
		status.DesiredState = &rev
	}

	return status, nil
}

func attemptOf(a *types.ResourceSyncAttempt) *wire.ResourceSyncAttempt {
	if a == nil {
		return nil
	}

	attempt := &wire.ResourceSyncAttempt{
		InitialRevision: revisionOf(a.InitialRevision),
		StartedAt:       wire.Time{Time: aws.ToTime(a.StartedAt)},
		Status:          string(a.Status),
		TargetRevision:  revisionOf(a.TargetRevision),
		Target:          aws.ToString(a.Target),
	}
	for _, e := range a.Events {
		attempt.Events = append(attempt.Events, wire.ResourceSyncEvent{Event: aws.ToString(e.Event),
			ExternalId: aws.ToString(e.ExternalId), Time: wire.Time{Time: aws.ToTime(e.Time)}, Type: aws.ToString(e.Type)})
	}

	return attempt
}

func revisionOf(r *types.Revision) wire.Revision {
	if r == nil {
		return wire.Revision{}
	}
	return wire.Revision{
		Branch:         aws.ToString(r.Branch),
		Directory:      aws.ToString(r.Directory),
		OwnerId:        aws.ToString(r.OwnerId),
		RepositoryName: aws.ToString(r.RepositoryName),
		ProviderType:   string(r.ProviderType),
		Sha:            aws.ToString(r.Sha),
	}
}
