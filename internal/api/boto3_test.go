package api_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// boto3 runs the script against a world and reads what it prints.
func (w *world) boto3(service, phase string) map[string]any {
	w.Helper()
	script := exec.CommandContext(w.Context(), "python3", "testdata/lifecycle.py", service, w.URL, phase)
	script.Env = append(os.Environ(),
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_SESSION_TOKEN=",
		"AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID="+w.Key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+w.Key.Secret.Reveal(),
	)
	script.Stderr = w.Output()
	out, err := script.Output()
	if err != nil {
		w.Fatalf("%s %s: %v", service, phase, err)
	}

	var seen map[string]any
	if err := json.Unmarshal(out, &seen); err != nil {
		w.Fatalf("%v in %s", err, out)
	}

	return seen
}

func needBoto3(t testing.TB) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import boto3").Run(); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("python3 with boto3 is missing, and with CI=true that is a failure")
	}
	t.Skip("python3 with boto3 is missing: pip install boto3")
}

func TestBoto3DoesTheWholeJobWithBothServices(t *testing.T) {
	needBoto3(t)
	for _, service := range []string{"codeconnections", "codestar-connections"} {
		t.Run(service, func(t *testing.T) {
			w := newWorld(t, dbtest.Open(t))
			seen := w.boto3(service, "create")
			link, _ := seen["link"].(string)
			want := map[string]any{
				"link": link,
				"created": map[string]any{
					"Branch":           "main",
					"ConfigFile":       "stacks/web.yaml",
					"OwnerId":          "acme",
					"ProviderType":     "Git",
					"RepositoryLinkId": link,
					"RepositoryName":   "infra",
					"ResourceName":     "web",
					"RoleArn":          role,
					"SyncType":         "CFN_STACK_SYNC",
				},
				"twice": "ResourceAlreadyExistsException: A sync configuration already exists for " +
					"resource: web",
				"no status": "ResourceNotFoundException: Could not find a sync status for resource: web",
				"no repository status": "ResourceNotFoundException: Could not find a sync status for repository " +
					"link:" + link,
				"long name": "ValidationException: 1 validation error detected: Value " +
					"'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' at 'connectionName' " +
					"failed to satisfy constraint: Member must have length less than or equal to 32",
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("create (-want +got):\n%s", diff)
			}

			attempt := w.attempt("web", sha1, lockstep.Applied)
			seen = w.boto3(service, "finish")
			status, _ := seen["status"].(map[string]any)
			latest, _ := status["LatestSync"].(map[string]any)
			revision := map[string]any{
				"Branch":         "main",
				"Directory":      "stacks/web.yaml",
				"OwnerId":        "acme",
				"ProviderType":   "Git",
				"RepositoryName": "infra",
				"Sha":            string(sha1),
			}
			delete(seen, "status")
			want = map[string]any{
				"branch": "dev",
				"refusals": []any{
					"ResourceUnavailableException",
					"ValidationException",
					"SyncConfigurationStillExistsException",
				},
				"left": []any{[]any{}, []any{}, []any{}},
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("finish (-want +got):\n%s", diff)
			}

			if diff := cmp.Diff([]any{
				revision,
				revision,
				revision,
				"SUCCEEDED",
				float64(attempt.StartedAt.UnixMilli()) / 1000,
			},
				[]any{
					status["DesiredState"],
					latest["InitialRevision"],
					latest["TargetRevision"],
					latest["Status"],
					latest["StartedAt"],
				}); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}
