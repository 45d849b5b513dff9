package status_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	sha1 = "1111111111111111111111111111111111111111"
	sha2 = "2222222222222222222222222222222222222222"
	sha3 = "3333333333333333333333333333333333333333"
	link = "6053346f-8a33-4edb-9397-10394b695173"
)

func TestMain(m *testing.M) { clitest.Main(m) }

func timeAt(minute, second int) wire.Time {
	return wire.Time{Time: time.Date(2026, 11, 22, 10, minute, second, 0, time.UTC)}
}

func revision(sha string) wire.Revision {
	return wire.Revision{
		Branch:         "main",
		Directory:      "deployments/web.yaml",
		OwnerId:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		Sha:            sha,
	}
}

func attempt(status, sha string, events ...wire.ResourceSyncEvent) wire.ResourceSyncAttempt {
	return wire.ResourceSyncAttempt{
		Events:          events,
		InitialRevision: revision(sha1),
		StartedAt:       timeAt(4, 0),
		Status:          status,
		TargetRevision:  revision(sha),
		Target:          "web",
	}
}

func event(second int, kind, text string) wire.ResourceSyncEvent {
	return wire.ResourceSyncEvent{Event: text, Time: timeAt(4, second), Type: kind}
}

// newFleetServer returns a server with a failed, a succeeded, a blocked and a new
// resource, in two pages.
func newFleetServer(t testing.TB) *clitest.Server {
	server := clitest.NewServer(t)
	summary := func(name, status, target, desired string, health wire.ResourceHealth) wire.ResourceSyncSummary {
		summary := wire.ResourceSyncSummary{
			Health:           health,
			ResourceName:     name,
			SyncType:         "CFN_STACK_SYNC",
			AccountId:        "111122223333",
			RepositoryLinkId: link,
			OwnerId:          "acme",
			RepositoryName:   "infra",
			Branch:           "main",
			ConfigFile:       "deployments/" + name + ".yaml",
			Status:           status,
			TargetSha:        target,
			DesiredSha:       desired,
		}
		if status != "" {
			summary.StartedAt = timeAt(4, 0)
		}

		return summary
	}
	clitest.Handle(server, "ListResourceSyncs",
		func(request *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
			blocked := summary("queue", "FAILED", sha1, sha1, wire.ResourceHealth{
				Status: wire.HealthBlocked,
				Reason: "The stack was changed by somebody else.",
				Since:  timeAt(5, 0),
			})
			blocked.Blocked = true
			if request.ResourceName == "queue" {
				blocked.StatusProblem = "The token may not."
			}
			all := []wire.ResourceSyncSummary{
				summary("api", "SUCCEEDED", sha2, sha2, wire.ResourceHealth{Status: wire.HealthInStep, Since: timeAt(5, 0)}),
				summary("web", "FAILED", sha2, sha3, wire.ResourceHealth{
					Status: wire.HealthFailed,
					Reason: "Stack update failed.",
					Since:  timeAt(5, 0),
				}),
				blocked,
				summary("new", "", "", "", wire.ResourceHealth{
					Status:      wire.HealthUnknown,
					Reason:      "Branch main was not found in repository acme/infra.",
					Since:       timeAt(3, 0),
					NextProbeAt: timeAt(6, 0),
				}),
			}
			if request.ResourceName != "" {
				all = slices.DeleteFunc(all, func(summary wire.ResourceSyncSummary) bool {
					return summary.ResourceName != request.ResourceName
				})
				return &wire.ListResourceSyncsOutput{ResourceSyncs: all}, nil
			}

			if request.NextToken == "" {
				return &wire.ListResourceSyncsOutput{NextToken: "more", ResourceSyncs: all[:2]}, nil
			}
			return &wire.ListResourceSyncsOutput{ResourceSyncs: all[2:]}, nil
		})
	statuses := map[string]wire.GetResourceSyncStatusOutput{
		"api": {LatestSync: attempt("SUCCEEDED", sha2, event(1, "STACK_UPDATE_SUCCEEDED", "Stack update succeeded."))},
		"web": {LatestSync: attempt("FAILED", sha2,
			event(1, "TEMPLATE_BUNDLED", "Template bundled."),
			event(2, "STACK_RESOURCE_FAILED", "Queue (AWS::SQS::Queue) failed: it has\nno name \x1b[31m& <no> hope"),
			event(3, "STACK_RESOURCE_FAILED", "Topic was cancelled."),
			event(4, "STACK_UPDATE_FAILED", "Stack update failed.")),
			DesiredState: new(revision(sha3)), LatestSuccessfulSync: new(attempt("SUCCEEDED", sha1))},
		"queue": {
			LatestSync: attempt("FAILED", sha1, event(9, "SYNC_BLOCKED", "The stack was changed by somebody else.")),
		},
	}
	clitest.HandleAWS(server, "GetResourceSyncStatus",
		func(request *wire.GetResourceSyncStatusInput) (*wire.GetResourceSyncStatusOutput, error) {
			if summary, ok := statuses[request.ResourceName]; ok {
				return &summary, nil
			}
			return nil, clitest.Exception("ResourceNotFoundException", "Could not find a sync status.")
		})
	clitest.HandleAWS(server, "GetSyncConfiguration",
		func(request *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
			if request.ResourceName == "unknown" {
				return nil, clitest.Exception("ResourceNotFoundException",
					"Could not find a sync configuration for unknown.")
			}
			return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration(request.ResourceName)}, nil
		})

	return server
}

func configuration(name string) wire.SyncConfiguration {
	return wire.SyncConfiguration{
		Branch:           "main",
		ConfigFile:       "deployments/" + name + ".yaml",
		OwnerId:          "acme",
		ProviderType:     "Git",
		RepositoryLinkId: link,
		RepositoryName:   "infra",
		ResourceName:     name,
		RoleArn:          "arn:aws:iam::000000000000:role/sync",
		SyncType:         "CFN_STACK_SYNC",
	}
}

func TestStatusPrintsTheFleetAndOneResourceInEachFormat(t *testing.T) {
	server := newFleetServer(t)
	for _, format := range []string{"table", "json", "yaml"} {
		clitest.Golden(t, "fleet."+format, clitest.Run(t, server.Env(), "status", "-o", format).OK(t).Stdout)
		clitest.Golden(t, "resource."+format, clitest.Run(t, server.Env(), "status", "web", "-o", format).OK(t).Stdout)
		clitest.Golden(t, "new."+format, clitest.Run(t, server.Env(), "status", "new", "-o", format).OK(t).Stdout)
	}
}

func TestStatusWithoutResourcesPrintsWhatToDo(t *testing.T) {
	server := clitest.NewServer(t)
	clitest.Handle(server, "ListResourceSyncs",
		func(*wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
			return &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{}}, nil
		})

	clitest.Run(t, server.Env(), "status").OK(t).Prints(t, "lockstep sync create")
	clitest.Run(t, server.Env(), "status", "-o", "json").OK(t).Prints(t, "{\n  \"ResourceSyncs\": []\n}\n")
}

func TestStatusOfAnUnknownResourceNamesTheException(t *testing.T) {
	clitest.Run(t, newFleetServer(t).Env(), "status", "unknown").
		Fails(t, 1, "ResourceNotFoundException", "Could not find a sync configuration for unknown.")
}

func TestStatusShowsThatTheGitHostRefusesTheStatusOfACommit(t *testing.T) {
	server := newFleetServer(t)
	clitest.Run(t, server.Env(), "status", "queue").OK(t).Prints(t,
		"Git host    The status of the commit is not shown: The token may not.")
}

func TestStatusShowsThatAResourceIsBlocked(t *testing.T) {
	clitest.Run(t, newFleetServer(t).Env(), "status", "queue").OK(t).Prints(t, "Status      BLOCKED\n",
		"Reason      The stack was changed by somebody else.", "lockstep retry queue")
}

// newFilterServer returns a server that counts the resources of branch main, and
// the last request it received.
func newFilterServer(t testing.TB) (*clitest.Server, *wire.ListResourceSyncsInput) {
	server, received := clitest.NewServer(t), &wire.ListResourceSyncsInput{}
	clitest.Handle(server, "ListResourceSyncs",
		func(request *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
			*received = *request
			if request.Branch != "main" {
				return &wire.ListResourceSyncsOutput{
					ResourceSyncs: []wire.ResourceSyncSummary{},
					Counts:        &wire.ResourceSyncCounts{},
				}, nil
			}

			return &wire.ListResourceSyncsOutput{
				ResourceSyncs: []wire.ResourceSyncSummary{{ResourceName: "new", Branch: "main"}},
				Counts: &wire.ResourceSyncCounts{
					Total:       5,
					Succeeded:   1,
					Failed:      2,
					InProgress:  1,
					NeverSynced: 1,
					Blocked:     1,
				},
			}, nil
		})
	return server, received
}

func TestStatusSendsTheFilter(t *testing.T) {
	server, received := newFilterServer(t)

	clitest.Run(t, server.Env(), "status", "--repository", "teams/acme/infra", "--branch", "main",
		"--status", "in-progress", "--blocked", "--never-synced=false").OK(t)

	size := 100
	want := wire.ListResourceSyncsInput{
		OwnerId:        "teams/acme",
		RepositoryName: "infra",
		Branch:         "main",
		Status:         "IN_PROGRESS",
		Blocked:        new(true),
		NeverSynced:    new(false),
		IncludeCounts:  new(true),
		MaxResults:     &size,
	}
	if diff := cmp.Diff(want, *received); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestStatusCountsTheResourcesThatMatch(t *testing.T) {
	server, _ := newFilterServer(t)

	clitest.Run(t, server.Env(), "status", "--branch", "main").OK(t).
		Prints(t, "\n5 in total: 1 succeeded, 2 failed, 1 in progress, 1 never synced; 1 blocked\n")
	clitest.Run(t, server.Env(), "status", "--branch", "main", "-o", "json").OK(t).Prints(t, `"Total": 5`)
	clitest.Run(t, server.Env(), "status", "--branch", "none").OK(t).Prints(t, "No resources match.\n")
}

func TestRetryStartsASync(t *testing.T) {
	server := clitest.NewServer(t)
	var received []string
	clitest.Handle(server, "StartResourceSync",
		func(request *wire.StartResourceSyncInput) (*wire.StartResourceSyncOutput, error) {
			if request.ResourceName != "web" {
				return nil, clitest.Exception("RetryLatestCommitFailedException", "It is being deleted.")
			}

			received = append(received, request.Sha)
			return &wire.StartResourceSyncOutput{}, nil
		})

	clitest.Run(t, server.Env(), "retry", "web").OK(t).Prints(t, "Retrying web.")
	clitest.Run(t, server.Env(), "retry", "web", "--sha", upperSHA).OK(t).Prints(t, "with commit aaaaaaaa")
	clitest.Run(t, server.Env(), "retry", "api").Fails(t, 1, "RetryLatestCommitFailedException: It is being deleted.")

	if diff := cmp.Diff([]string{"", strings.ToLower(upperSHA)}, received); diff != "" {
		t.Errorf("commits (-want +got):\n%s", diff)
	}
}

func TestUsageErrorsNameWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"retry":                         "RESOURCE is missing",
		"retry web --sha 1111":          `--sha "1111" must be the full SHA`,
		"retry web --sha HEAD":          `--sha "HEAD" must be the full SHA`,
		"wait web --sha HEAD":           `--sha "HEAD" must be the full SHA`,
		"history":                       "RESOURCE is missing",
		"history web --attempt x":       "either RESOURCE or --attempt",
		"history web --limit 0":         "--limit 0",
		"blockers web --reason x":       "--reason requires --resolve",
		"blockers --resolve --reason x": "RESOURCE is missing",
		"blockers web --resolve":        "--reason is missing",
		"blockers web --resolve --all":  "either --all or --resolve",
		"status web --blocked":          "either RESOURCE or flags",
		"status --status BLOCKED":       `--status "BLOCKED" must be`,
		"status --repository /":         `--repository "/" must be OWNER/NAME`,
	} {
		t.Run(line, func(t *testing.T) { clitest.Run(t, nil, strings.Fields(line)...).Fails(t, 2, want) })
	}
}

// newListlessServer returns a server with one resource, api, whose caller may not
// list resources.
func newListlessServer(t testing.TB) *clitest.Server {
	server := clitest.NewServer(t)
	clitest.HandleAWS(server, "GetSyncConfiguration",
		func(*wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
			return &wire.GetSyncConfigurationOutput{SyncConfiguration: wire.SyncConfiguration{
				ResourceName: "api",
				Branch:       "main",
			}}, nil
		})
	clitest.HandleAWS(server, "GetResourceSyncStatus",
		func(*wire.GetResourceSyncStatusInput) (*wire.GetResourceSyncStatusOutput, error) {
			return &wire.GetResourceSyncStatusOutput{LatestSync: attempt("SUCCEEDED", sha2)}, nil
		})
	clitest.Handle(server, "ListResourceSyncs",
		func(*wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
			return nil, clitest.Exception("AccessDeniedException", "Not authorized.")
		})
	return server
}

func TestTheHealthOfAResourceNeedsNoPermissionToList(t *testing.T) {
	server := newListlessServer(t)
	clitest.Handle(server, "GetResourceHealth",
		func(request *wire.GetResourceHealthInput) (*wire.GetResourceHealthOutput, error) {
			if request.ResourceName != "api" || request.SyncType != "CFN_STACK_SYNC" {
				t.Errorf("GetResourceHealth of %s %s", request.SyncType, request.ResourceName)
			}
			return &wire.GetResourceHealthOutput{Health: wire.ResourceHealth{
				Status: wire.HealthUnknown,
				Reason: "The host does not answer.",
			}}, nil
		})

	clitest.Run(t, server.Env(), "status", "api").Prints(t, "Health      UNKNOWN", "The host does not answer.")
}

func TestAHealthThatTheCallerMayNotReadIsNotLeftOutSilently(t *testing.T) {
	server := newListlessServer(t)
	clitest.Handle(server, "GetResourceHealth",
		func(*wire.GetResourceHealthInput) (*wire.GetResourceHealthOutput, error) {
			return nil, clitest.Exception("AccessDeniedException", "Not authorized.")
		})

	clitest.Run(t, server.Env(), "status", "api").
		Prints(t, "Health      not shown: you are not allowed to perform lockstep:GetResourceHealth")
}

func TestAFailureOfARepositoryThatCannotBeReadShowsBoth(t *testing.T) {
	server := newListlessServer(t)
	clitest.Handle(server, "GetResourceHealth",
		func(*wire.GetResourceHealthInput) (*wire.GetResourceHealthOutput, error) {
			return &wire.GetResourceHealthOutput{Health: wire.ResourceHealth{
				Status:      wire.HealthFailed,
				Reason:      "Queue failed. The repository cannot be read: The host does not answer.",
				NextProbeAt: timeAt(6, 0),
			}}, nil
		})

	clitest.Run(t, server.Env(), "status", "api").
		Prints(t, "Reason      Queue failed. The repository cannot be read: The host does not answer.")
}
