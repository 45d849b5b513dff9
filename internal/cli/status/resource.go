package status

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// resource is the document of status RESOURCE: the answers of three operations.
type resource struct {
	SyncConfiguration wire.SyncConfiguration
	Health            *wire.ResourceHealth              `json:",omitzero"`
	StatusProblem     string                            `json:",omitzero"`
	ResourceSync      *wire.GetResourceSyncStatusOutput `json:",omitzero"`
}

func showResource(
	ctx context.Context, env *command.Env, remote *client.Client, name string, format output.Format,
) error {
	cfg, err := command.Configuration(ctx, remote, name)
	if err != nil {
		return err
	}

	status, err := resourceStatus(ctx, remote, name)
	if err != nil {
		return err
	}
	summary, err := summaryOf(ctx, remote, name)
	if err != nil {
		return err
	}
	health, problem := (*wire.ResourceHealth)(nil), ""
	if summary != nil {
		health, problem = &summary.Health, summary.StatusProblem
	} else if health, err = healthOf(ctx, remote, name); err != nil {
		return err
	}
	if format.IsDocument() {
		return format.Write(env.Stdout, resource{cfg, health, problem, status})
	}

	colors, table := env.Colors(), &output.Table{}
	table.Add("Resource", cfg.ResourceName)
	table.Add("Repository", command.Repository(cfg))
	table.Add("File", cfg.ConfigFile)
	table.Add("Branch", cfg.Branch)

	if status == nil {
		table.Add("Status", "NEVER SYNCED")
		addHealth(table, colors, name, health)
		return table.Write(env.Stdout)
	}

	latest := status.LatestSync
	shown := latest.Status
	if health != nil && health.Status == wire.HealthBlocked {
		shown = wire.HealthBlocked
	}
	table.Add("Status", colors.Cell(shown, shown))
	addHealth(table, colors, name, health)
	table.Add("Commit", output.Commit(latest.TargetRevision.Branch, latest.TargetRevision.Sha))
	table.Add("Started", output.LocalTime(latest.StartedAt))

	if desired := status.DesiredState; desired != nil && desired.Sha != latest.TargetRevision.Sha {
		table.Add("Desired", output.Commit(desired.Branch, desired.Sha))
	}

	if success := status.LatestSuccessfulSync; success != nil && latest.Status != "SUCCEEDED" {
		commit := output.Commit(success.TargetRevision.Branch, success.TargetRevision.Sha)
		table.Add("Last success", commit+", "+output.LocalTime(success.StartedAt))
	}

	isInReason := health != nil && !health.NextProbeAt.IsZero() && health.Status == wire.HealthFailed
	if cause := relevantEvent(latest); cause != nil && latest.Status == "FAILED" && !isInReason {
		table.Add("Cause", cause.Event)
	}

	if problem != "" {
		table.Add("Git host", "The status of the commit is not shown: "+problem)
	}

	if err := table.Write(env.Stdout); err != nil {
		return err
	}

	return showEvents(env, "Events of the latest sync:", latest)
}

// attemptStatus returns the status of an attempt, or BLOCKED if it ended so.
func attemptStatus(attempt wire.ResourceSyncAttempt) string {
	if n := len(attempt.Events); n > 0 && attempt.Events[n-1].Type == "SYNC_BLOCKED" {
		return "BLOCKED"
	}
	return attempt.Status
}

// healthOf returns the health of a resource, or nil if the caller may not read it.
func healthOf(ctx context.Context, remote *client.Client, name string) (*wire.ResourceHealth, error) {
	response, err := remote.GetResourceHealth(ctx, &wire.GetResourceHealthInput{
		ResourceName: name,
		SyncType:     command.SyncType,
	})
	if client.Code(err) == "AccessDeniedException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &response.Health, nil
}

// summaryOf returns a resource as lists show it, or nil if the caller may not list
// resources.
func summaryOf(ctx context.Context, remote *client.Client, name string) (*wire.ResourceSyncSummary, error) {
	response, err := remote.ListResourceSyncs(ctx, &wire.ListResourceSyncsInput{
		ResourceName: name,
		SyncType:     command.SyncType,
	})
	if client.Code(err) == "AccessDeniedException" || err == nil && len(response.ResourceSyncs) != 1 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &response.ResourceSyncs[0], nil
}

// addHealth adds the health of a resource, why it is so, and what helps.
func addHealth(table *output.Table, colors output.Colors, name string, health *wire.ResourceHealth) {
	if health == nil {
		table.Add("Health", "not shown: you are not allowed to perform lockstep:GetResourceHealth")
		return
	}

	text := health.Status
	if !health.Since.IsZero() && health.Status != wire.HealthInStep {
		text += " since " + output.LocalTime(health.Since)
	}
	table.Add("Health", colors.Cell(text, health.Status))

	isExplainedBelow := health.Status == wire.HealthFailed && health.NextProbeAt.IsZero()
	if health.Reason != "" && !isExplainedBelow {
		table.Add("Reason", health.Reason)
	}
	if !health.NextProbeAt.IsZero() {
		table.Add("Next look", output.LocalTime(health.NextProbeAt))
	}
	if remedy := remedyOf(name, *health); remedy != "" {
		table.Add("Remedy", remedy)
	}
}

// remedyOf returns what a person can do about the health of a resource, or "".
func remedyOf(resource string, health wire.ResourceHealth) string {
	name := output.QuotePath(resource)
	switch health.Status {
	case wire.HealthBlocked:
		return lockstep.BlockerRemedy(resource) + " `lockstep blockers " + name + "` shows details."
	case wire.HealthFailed:
		return "Push a fix, or run `lockstep retry " + name + "` to try the same commit again."
	case wire.HealthUnknown:
		return "Run `lockstep connect list` to see whether the Git host accepts the credential; " +
			"`lockstep sync show " + name + "` shows the repository and the branch."
	}
	return ""
}

func showEvents(env *command.Env, title string, attempt wire.ResourceSyncAttempt) error {
	if err := env.Printf("\n%s\n", title); err != nil {
		return err
	}
	table := &output.Table{}
	for _, event := range attempt.Events {
		table.Add(event.Time.Local().Format(time.TimeOnly), event.Type, event.Event)
	}
	return table.Write(env.Stdout)
}

// resourceStatus returns the sync status of a resource, or nil before its first
// sync.
func resourceStatus(
	ctx context.Context, remote *client.Client, name string,
) (*wire.GetResourceSyncStatusOutput, error) {
	response, err := remote.AWS.GetResourceSyncStatus(ctx, &codeconnections.GetResourceSyncStatusInput{
		ResourceName: aws.String(name),
		SyncType:     command.SyncType,
	})
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}

	status := &wire.GetResourceSyncStatusOutput{
		LatestSync:           *attemptFrom(response.LatestSync),
		LatestSuccessfulSync: attemptFrom(response.LatestSuccessfulSync),
	}
	if response.DesiredState != nil {
		desired := revisionFrom(response.DesiredState)
		status.DesiredState = &desired
	}

	return status, nil
}

// attemptFrom returns an attempt of the SDK as a document.
func attemptFrom(from *types.ResourceSyncAttempt) *wire.ResourceSyncAttempt {
	if from == nil {
		return nil
	}

	attempt := &wire.ResourceSyncAttempt{
		InitialRevision: revisionFrom(from.InitialRevision),
		StartedAt:       wire.Time{Time: aws.ToTime(from.StartedAt)},
		Status:          string(from.Status),
		TargetRevision:  revisionFrom(from.TargetRevision),
		Target:          aws.ToString(from.Target),
	}
	for _, event := range from.Events {
		attempt.Events = append(attempt.Events, wire.ResourceSyncEvent{
			Event:      aws.ToString(event.Event),
			ExternalId: aws.ToString(event.ExternalId),
			Time:       wire.Time{Time: aws.ToTime(event.Time)},
			Type:       aws.ToString(event.Type),
		})
	}

	return attempt
}

// revisionFrom returns a revision of the SDK as a document.
func revisionFrom(from *types.Revision) wire.Revision {
	if from == nil {
		return wire.Revision{}
	}
	return wire.Revision{
		Branch:         aws.ToString(from.Branch),
		Directory:      aws.ToString(from.Directory),
		OwnerId:        aws.ToString(from.OwnerId),
		RepositoryName: aws.ToString(from.RepositoryName),
		ProviderType:   string(from.ProviderType),
		Sha:            aws.ToString(from.Sha),
	}
}
