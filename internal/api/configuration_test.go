package api_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
)

func newConfiguration(name, link string) *codeconnections.CreateSyncConfigurationInput {
	return &codeconnections.CreateSyncConfigurationInput{
		Branch:           aws.String("main"),
		ConfigFile:       aws.String("stacks/" + name + ".yaml"),
		RepositoryLinkId: &link,
		ResourceName:     &name,
		RoleArn:          aws.String(role),
		SyncType:         "CFN_STACK_SYNC",
	}
}

func (w *world) createConfiguration(name, link string) {
	w.Helper()
	apitest.Must[*codeconnections.CreateSyncConfigurationOutput](w)(
		w.SDK().CreateSyncConfiguration(w.Context(), newConfiguration(name, link)),
	)
}

func (w *world) getConfiguration(name string) (*types.SyncConfiguration, error) {
	w.Helper()
	out, err := w.SDK().GetSyncConfiguration(w.Context(), &codeconnections.GetSyncConfigurationInput{
		ResourceName: &name,
		SyncType:     "CFN_STACK_SYNC",
	})
	if err != nil {
		return nil, err
	}
	return out.SyncConfiguration, nil
}

func TestSyncConfigurationIsShownAsItWasCreated(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		input := newConfiguration("web", link)
		want := types.SyncConfiguration{
			Branch:           input.Branch,
			ConfigFile:       input.ConfigFile,
			OwnerId:          aws.String("acme"),
			ProviderType:     "Git",
			RepositoryLinkId: &link,
			RepositoryName:   aws.String("infra"),
			ResourceName:     input.ResourceName,
			RoleArn:          input.RoleArn,
			SyncType:         input.SyncType,
		}

		created := apitest.Must[*codeconnections.CreateSyncConfigurationOutput](t)(
			w.SDK().CreateSyncConfiguration(t.Context(), input),
		)
		got := apitest.Must[*types.SyncConfiguration](t)(w.getConfiguration("web"))
		listed := apitest.Must[*codeconnections.ListSyncConfigurationsOutput](t)(
			w.SDK().ListSyncConfigurations(t.Context(),
				&codeconnections.ListSyncConfigurationsInput{RepositoryLinkId: &link, SyncType: "CFN_STACK_SYNC"}),
		)
		for how, shown := range map[string]types.SyncConfiguration{
			"create": *created.SyncConfiguration,
			"get":    *got,
			"list":   listed.SyncConfigurations[0],
		} {
			if diff := cmp.Diff(want, shown, ignore); diff != "" {
				t.Errorf("%s (-want +got):\n%s", how, diff)
			}
		}

		if diff := cmp.Diff([]string{"configured web main"}, w.Syncs.Take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}
	})
}

func TestAConfigFileFromTheRootIsReturnedAsGiven(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		for name, file := range map[string]string{"web": "/stacks/web.yaml", "api": "./stacks/api.yaml"} {
			in := newConfiguration(name, link)
			in.ConfigFile = &file
			out, err := w.SDK().CreateSyncConfiguration(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if got := *out.SyncConfiguration.ConfigFile; got != file {
				t.Errorf("ConfigFile = %q, want %q", got, file)
			}
		}
	})
}

func TestCreateSyncConfigurationRefusesInvalidInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("taken", link)
		for _, tc := range []struct {
			name, branch, file, link string
			code, says               string
		}{
			{"taken", "main", "a.yaml", link, "ResourceAlreadyExistsException", "already exists for resource: taken"},
			{"web", "main", "a.yaml", noLink, "InvalidInputException", "Could not find repository link:" + noLink},
			{"a_b", "main", "a.yaml", link, "InvalidInputException", "A stack cannot be called"},
			{"web", "a..b", "a.yaml", link, "InvalidInputException", "not a valid branch name"},
			{"web", "-x", "a.yaml", link, "InvalidInputException", "not a valid branch name"},
			{"web", "refs/heads/main", "a.yaml", link, "InvalidInputException", "write main."},
			{"web", "refs heads", "a.yaml", link, "InvalidInputException", "not a valid branch name"},
			{"web", "main", "//web.yaml", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", "../a.yaml", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", "a/../b.yaml", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", `a\b.yaml`, link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", "a//b.yaml", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", "a/", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", ".", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", "", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", "a\nb", link, "InvalidInputException", "ConfigFile must be"},
			{"web", "main", strings.Repeat("a", 1025), link, "InvalidInputException", "ConfigFile must be"},
			{"-web", "main", "a.yaml", link, "ValidationException", "regular expression pattern"},
		} {
			in := newConfiguration(tc.name, tc.link)
			in.Branch = &tc.branch
			in.ConfigFile = &tc.file
			_, err := w.SDK().CreateSyncConfiguration(t.Context(), in)
			apitest.ExpectError(t, err, tc.code, tc.says)
		}

		_, err := w.getConfiguration("web")
		apitest.ExpectError(t, err, "ResourceNotFoundException",
			"Could not find a sync configuration for resource: web")
		if diff := cmp.Diff([]string{"configured taken main"}, w.Syncs.Take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateSyncConfigurationChangesWhatIsGiven(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.createLink()
		second := w.createRepositoryLink(w.createConnection("second", w.createHost("h2")), "other")
		w.createConfiguration("web", first)
		w.Syncs.Take()
		want := *apitest.Must[*types.SyncConfiguration](t)(w.getConfiguration("web"))
		update := func(input codeconnections.UpdateSyncConfigurationInput) {
			t.Helper()
			input.ResourceName = aws.String("web")
			input.SyncType = "CFN_STACK_SYNC"
			out := apitest.Must[*codeconnections.UpdateSyncConfigurationOutput](t)(
				w.SDK().UpdateSyncConfiguration(t.Context(), &input),
			)
			got := apitest.Must[*types.SyncConfiguration](t)(w.getConfiguration("web"))
			for how, shown := range map[string]*types.SyncConfiguration{"answer": out.SyncConfiguration, "get": got} {
				if diff := cmp.Diff(want, *shown, ignore); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		}

		update(codeconnections.UpdateSyncConfigurationInput{})
		want.Branch = aws.String("dev")
		update(codeconnections.UpdateSyncConfigurationInput{Branch: want.Branch})
		want.RepositoryLinkId = &second
		want.RepositoryName = aws.String("other")
		update(codeconnections.UpdateSyncConfigurationInput{RepositoryLinkId: &second})
		want.ConfigFile = aws.String("b.yaml")
		want.RoleArn = aws.String(role + "2")
		update(codeconnections.UpdateSyncConfigurationInput{ConfigFile: want.ConfigFile, RoleArn: want.RoleArn})
		want.TriggerResourceUpdateOn = "ANY_CHANGE"
		want.PublishDeploymentStatus = "ENABLED"
		want.PullRequestComment = "DISABLED"
		update(codeconnections.UpdateSyncConfigurationInput{
			TriggerResourceUpdateOn: "ANY_CHANGE",
			PublishDeploymentStatus: "ENABLED",
			PullRequestComment:      "DISABLED",
		})
		noted := []string{
			"configured web main",
			"configured web dev",
			"configured web dev",
			"configured web dev",
			"configured web dev",
		}
		if diff := cmp.Diff(noted, w.Syncs.Take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateSyncConfigurationRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		w.Syncs.Take()
		for _, tc := range []struct {
			name, code, says string
			change           codeconnections.UpdateSyncConfigurationInput
		}{
			{
				"api",
				"ResourceNotFoundException",
				"Could not find a sync configuration for resource: api",
				codeconnections.UpdateSyncConfigurationInput{},
			},
			{
				"web",
				"ResourceNotFoundException",
				"Could not find repository link:",
				codeconnections.UpdateSyncConfigurationInput{RepositoryLinkId: aws.String(noLink)},
			},
			{
				"web",
				"InvalidInputException",
				"valid branch name",
				codeconnections.UpdateSyncConfigurationInput{Branch: aws.String("a..b")},
			},
			{
				"web",
				"InvalidInputException",
				"ConfigFile must be",
				codeconnections.UpdateSyncConfigurationInput{ConfigFile: aws.String("")},
			},
		} {
			tc.change.ResourceName = &tc.name
			tc.change.SyncType = "CFN_STACK_SYNC"
			_, err := w.SDK().UpdateSyncConfiguration(t.Context(), &tc.change)
			apitest.ExpectError(t, err, tc.code, tc.says)
		}

		if noted := w.Syncs.Take(); noted != nil {
			t.Errorf("the engine was told %v", noted)
		}
	})
}

func TestDeleteSyncConfigurationDetachesItFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.createConfiguration("web", w.createLink())
		w.Syncs.Take()
		remove := func() error {
			_, err := w.SDK().DeleteSyncConfiguration(t.Context(),
				&codeconnections.DeleteSyncConfigurationInput{
					ResourceName: aws.String("web"),
					SyncType:     "CFN_STACK_SYNC",
				})
			return err
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff([]string{"deconfigured web"}, w.Syncs.Take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}

		// The model declares no ResourceNotFoundException for this operation.
		apitest.ExpectError(t, remove(), "InvalidInputException",
			"Could not find a sync configuration for resource: web")
	})
}

func TestConfigurationIsNotMadeWhenTheEngineFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.Syncs.Err = errors.New("hunter2 is not to be shown")
		_, err := w.SDK().CreateSyncConfiguration(t.Context(), newConfiguration("web", link))
		apitest.ExpectError(t, err, "InternalServerException", "Internal error.")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the cause is shown: %v", err)
		}
		_, err = w.getConfiguration("web")
		apitest.ExpectError(t, err, "ResourceNotFoundException", "")
	})
}

func TestDefinitionsAreListedAllAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		var want []types.RepositorySyncDefinition
		for n := range 3 {
			name := fmt.Sprintf("web%d", n)
			w.createConfiguration(name, link)
			want = append(want, types.RepositorySyncDefinition{
				Branch:    aws.String("main"),
				Directory: aws.String("stacks/" + name + ".yaml"),
				Parent:    &name,
				Target:    &name,
			})
		}

		got := apitest.Must[*codeconnections.ListRepositorySyncDefinitionsOutput](t)(
			w.SDK().ListRepositorySyncDefinitions(t.Context(),
				&codeconnections.ListRepositorySyncDefinitionsInput{
					RepositoryLinkId: &link,
					SyncType:         "CFN_STACK_SYNC",
				}),
		)
		if diff := cmp.Diff(want, got.RepositorySyncDefinitions, ignore); diff != "" {
			t.Errorf("definitions (-want +got):\n%s", diff)
		}

		_, err := w.SDK().ListRepositorySyncDefinitions(t.Context(),
			&codeconnections.ListRepositorySyncDefinitionsInput{
				RepositoryLinkId: aws.String(noLink),
				SyncType:         "CFN_STACK_SYNC",
			})
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find repository link:"+noLink)
		_, err = w.SDK().ListSyncConfigurations(t.Context(),
			&codeconnections.ListSyncConfigurationsInput{
				RepositoryLinkId: aws.String(noLink),
				SyncType:         "CFN_STACK_SYNC",
			})
		apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find repository link:"+noLink)
	})
}

func TestLongListsEnd(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	link := w.createLink()
	const many = 1001 // one more than are read at a time
	w.Update(func(tx *db.Tx) error {
		for n := range many {
			cfg := lockstep.SyncConfiguration{
				Account:      account,
				Region:       region,
				SyncType:     "CFN_STACK_SYNC",
				ResourceName: fmt.Sprintf("r%d", n),
				LinkID:       link,
				Branch:       "main",
				ConfigFile:   "a.yaml",
				RoleARN:      role,
			}
			if err := store.InsertConfiguration(tx, &cfg); err != nil {
				return err
			}
		}

		return nil
	})

	all := apitest.Must[*codeconnections.ListRepositorySyncDefinitionsOutput](t)(
		w.SDK().ListRepositorySyncDefinitions(t.Context(),
			&codeconnections.ListRepositorySyncDefinitionsInput{RepositoryLinkId: &link, SyncType: "CFN_STACK_SYNC"}),
	)
	if got := len(all.RepositorySyncDefinitions); got != many {
		t.Errorf("%d definitions, want %d", got, many)
	}

	names := map[string]bool{}
	input := &codeconnections.ListSyncConfigurationsInput{
		RepositoryLinkId: &link,
		SyncType:         "CFN_STACK_SYNC",
		MaxResults:       100,
	}
	for more := true; more; more = input.NextToken != nil {
		page := apitest.Must[*codeconnections.ListSyncConfigurationsOutput](t)(
			w.SDK().ListSyncConfigurations(t.Context(), input),
		)
		for _, c := range page.SyncConfigurations {
			names[*c.ResourceName] = true
		}

		input.NextToken = page.NextToken
	}

	if len(names) != many {
		t.Errorf("%d configurations, want %d", len(names), many)
	}
}
