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
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
)

func newConfiguration(name, link string) *codeconnections.CreateSyncConfigurationInput {
	return &codeconnections.CreateSyncConfigurationInput{
		Branch: aws.String("main"), ConfigFile: aws.String("stacks/" + name + ".yaml"), RepositoryLinkId: &link,
		ResourceName: &name, RoleArn: aws.String(role), SyncType: "CFN_STACK_SYNC",
	}
}

func (w *world) configure(name, link string) {
	w.Helper()
	must[*codeconnections.CreateSyncConfigurationOutput](w)(w.sdk().CreateSyncConfiguration(w.Context(), newConfiguration(name, link)))
}

func (w *world) getConfiguration(name string) (*types.SyncConfiguration, error) {
	w.Helper()
	out, err := w.sdk().GetSyncConfiguration(w.Context(), &codeconnections.GetSyncConfigurationInput{ResourceName: &name, SyncType: "CFN_STACK_SYNC"})
	if err != nil {
		return nil, err
	}
	return out.SyncConfiguration, nil
}

func TestSyncConfigurationIsShownAsItWasCreated(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.linked()
		in := newConfiguration("web", link)
		want := types.SyncConfiguration{
			Branch: in.Branch, ConfigFile: in.ConfigFile, OwnerId: aws.String("acme"), ProviderType: "Git",
			RepositoryLinkId: &link, RepositoryName: aws.String("infra"), ResourceName: in.ResourceName,
			RoleArn: in.RoleArn, SyncType: in.SyncType,
		}

		created := must[*codeconnections.CreateSyncConfigurationOutput](t)(w.sdk().CreateSyncConfiguration(t.Context(), in))
		got := must[*types.SyncConfiguration](t)(w.getConfiguration("web"))
		listed := must[*codeconnections.ListSyncConfigurationsOutput](t)(w.sdk().ListSyncConfigurations(t.Context(),
			&codeconnections.ListSyncConfigurationsInput{RepositoryLinkId: &link, SyncType: "CFN_STACK_SYNC"}))
		for how, shown := range map[string]types.SyncConfiguration{
			"create": *created.SyncConfiguration, "get": *got, "list": listed.SyncConfigurations[0],
		} {
			if diff := cmp.Diff(want, shown, ignore); diff != "" {
				t.Errorf("%s (-want +got):\n%s", how, diff)
			}
		}

		if diff := cmp.Diff([]string{"configured web main"}, w.engine.take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}
	})
}

func TestCreateSyncConfigurationRefusesWhatCannotBeSynced(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.linked()
		w.configure("taken", link)
		for _, tc := range []struct {
			name, branch, file, link string
			code, says               string
		}{
			{"taken", "main", "a.yaml", link, "ResourceAlreadyExistsException", "already exists for resource: taken"},
			{"web", "main", "a.yaml", noLink, "InvalidInputException", "Could not find repository link:" + noLink},
			{"a_b", "main", "a.yaml", link, "InvalidInputException", "A stack cannot be called"},
			{"web", "a..b", "a.yaml", link, "InvalidInputException", "not a valid branch name"},
			{"web", "-x", "a.yaml", link, "InvalidInputException", "not a valid branch name"},
			{"web", "refs heads", "a.yaml", link, "InvalidInputException", "not a valid branch name"},
			{"web", "main", "/etc/passwd", link, "InvalidInputException", "ConfigFile must be"},
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
			in.Branch, in.ConfigFile = &tc.branch, &tc.file
			_, err := w.sdk().CreateSyncConfiguration(t.Context(), in)
			refused(t, err, tc.code, tc.says)
		}

		_, err := w.getConfiguration("web")
		refused(t, err, "ResourceNotFoundException", "Could not find a sync configuration for resource: web")
		if diff := cmp.Diff([]string{"configured taken main"}, w.engine.take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateSyncConfigurationChangesWhatIsGiven(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.linked()
		second := w.link(w.connection("second", w.host("h2")), "other")
		w.configure("web", first)
		w.engine.take()
		want := *must[*types.SyncConfiguration](t)(w.getConfiguration("web"))
		update := func(in codeconnections.UpdateSyncConfigurationInput) {
			t.Helper()
			in.ResourceName, in.SyncType = aws.String("web"), "CFN_STACK_SYNC"
			out := must[*codeconnections.UpdateSyncConfigurationOutput](t)(w.sdk().UpdateSyncConfiguration(t.Context(), &in))
			got := must[*types.SyncConfiguration](t)(w.getConfiguration("web"))
			for how, shown := range map[string]*types.SyncConfiguration{"answer": out.SyncConfiguration, "get": got} {
				if diff := cmp.Diff(want, *shown, ignore); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		}

		update(codeconnections.UpdateSyncConfigurationInput{})
		want.Branch = aws.String("dev")
		update(codeconnections.UpdateSyncConfigurationInput{Branch: want.Branch})
		want.RepositoryLinkId, want.RepositoryName = &second, aws.String("other")
		update(codeconnections.UpdateSyncConfigurationInput{RepositoryLinkId: &second})
		want.ConfigFile, want.RoleArn = aws.String("b.yaml"), aws.String(role+"2")
		update(codeconnections.UpdateSyncConfigurationInput{ConfigFile: want.ConfigFile, RoleArn: want.RoleArn})
		want.TriggerResourceUpdateOn, want.PublishDeploymentStatus, want.PullRequestComment = "ANY_CHANGE", "ENABLED", "DISABLED"
		update(codeconnections.UpdateSyncConfigurationInput{
			TriggerResourceUpdateOn: "ANY_CHANGE", PublishDeploymentStatus: "ENABLED", PullRequestComment: "DISABLED",
		})
		noted := []string{"configured web main", "configured web dev", "configured web dev", "configured web dev", "configured web dev"}
		if diff := cmp.Diff(noted, w.engine.take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateSyncConfigurationRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configure("web", w.linked())
		w.engine.take()
		for _, tc := range []struct {
			name, code, says string
			change           codeconnections.UpdateSyncConfigurationInput
		}{
			{"api", "ResourceNotFoundException", "Could not find a sync configuration for resource: api", codeconnections.UpdateSyncConfigurationInput{}},
			{"web", "ResourceNotFoundException", "Could not find repository link:", codeconnections.UpdateSyncConfigurationInput{RepositoryLinkId: aws.String(noLink)}},
			{"web", "InvalidInputException", "valid branch name", codeconnections.UpdateSyncConfigurationInput{Branch: aws.String("a..b")}},
			{"web", "InvalidInputException", "ConfigFile must be", codeconnections.UpdateSyncConfigurationInput{ConfigFile: aws.String("")}},
		} {
			tc.change.ResourceName, tc.change.SyncType = &tc.name, "CFN_STACK_SYNC"
			_, err := w.sdk().UpdateSyncConfiguration(t.Context(), &tc.change)
			refused(t, err, tc.code, tc.says)
		}

		if noted := w.engine.take(); noted != nil {
			t.Errorf("the engine was told %v", noted)
		}
	})
}

func TestDeleteSyncConfigurationTellsTheEngineFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configure("web", w.linked())
		w.engine.take()
		remove := func() error {
			_, err := w.sdk().DeleteSyncConfiguration(t.Context(),
				&codeconnections.DeleteSyncConfigurationInput{ResourceName: aws.String("web"), SyncType: "CFN_STACK_SYNC"})
			return err
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff([]string{"deconfigured web"}, w.engine.take()); diff != "" {
			t.Errorf("engine (-want +got):\n%s", diff)
		}

		// The model declares no ResourceNotFoundException for this operation.
		refused(t, remove(), "InvalidInputException", "Could not find a sync configuration for resource: web")
	})
}

func TestConfigurationIsNotMadeWhenTheEngineFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.linked()
		w.engine.err = errors.New("hunter2 is what nobody should see")
		_, err := w.sdk().CreateSyncConfiguration(t.Context(), newConfiguration("web", link))
		refused(t, err, "InternalServerException", "Internal error.")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the cause is shown: %v", err)
		}
		_, err = w.getConfiguration("web")
		refused(t, err, "ResourceNotFoundException", "")
	})
}

func TestDefinitionsAreListedAllAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.linked()
		var want []types.RepositorySyncDefinition
		for n := range 3 {
			name := fmt.Sprintf("web%d", n)
			w.configure(name, link)
			want = append(want, types.RepositorySyncDefinition{
				Branch: aws.String("main"), Directory: aws.String("stacks/" + name + ".yaml"), Parent: &name, Target: &name,
			})
		}

		got := must[*codeconnections.ListRepositorySyncDefinitionsOutput](t)(w.sdk().ListRepositorySyncDefinitions(t.Context(),
			&codeconnections.ListRepositorySyncDefinitionsInput{RepositoryLinkId: &link, SyncType: "CFN_STACK_SYNC"}))
		if diff := cmp.Diff(want, got.RepositorySyncDefinitions, ignore); diff != "" {
			t.Errorf("definitions (-want +got):\n%s", diff)
		}

		_, err := w.sdk().ListRepositorySyncDefinitions(t.Context(),
			&codeconnections.ListRepositorySyncDefinitionsInput{RepositoryLinkId: aws.String(noLink), SyncType: "CFN_STACK_SYNC"})
		refused(t, err, "ResourceNotFoundException", "Could not find repository link:"+noLink)
		_, err = w.sdk().ListSyncConfigurations(t.Context(),
			&codeconnections.ListSyncConfigurationsInput{RepositoryLinkId: aws.String(noLink), SyncType: "CFN_STACK_SYNC"})
		refused(t, err, "ResourceNotFoundException", "Could not find repository link:"+noLink)
	})
}

func TestLongListsEnd(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	link := w.linked()
	const many = 1001 // one more than are read at a time
	w.update(func(tx *db.Tx) error {
		for n := range many {
			cfg := lockstep.SyncConfiguration{
				Account: account, Region: region, SyncType: "CFN_STACK_SYNC", ResourceName: fmt.Sprintf("r%d", n),
				LinkID: link, Branch: "main", ConfigFile: "a.yaml", RoleARN: role,
			}
			if err := store.InsertConfiguration(tx, &cfg); err != nil {
				return err
			}
		}

		return nil
	})

	all := must[*codeconnections.ListRepositorySyncDefinitionsOutput](t)(w.sdk().ListRepositorySyncDefinitions(t.Context(),
		&codeconnections.ListRepositorySyncDefinitionsInput{RepositoryLinkId: &link, SyncType: "CFN_STACK_SYNC"}))
	if got := len(all.RepositorySyncDefinitions); got != many {
		t.Errorf("%d definitions, want %d", got, many)
	}

	names := map[string]bool{}
	in := &codeconnections.ListSyncConfigurationsInput{RepositoryLinkId: &link, SyncType: "CFN_STACK_SYNC", MaxResults: 100}
	for more := true; more; more = in.NextToken != nil {
		page := must[*codeconnections.ListSyncConfigurationsOutput](t)(w.sdk().ListSyncConfigurations(t.Context(), in))
		for _, c := range page.SyncConfigurations {
			names[*c.ResourceName] = true
		}

		in.NextToken = page.NextToken
	}

	if len(names) != many {
		t.Errorf("%d configurations, want %d", len(names), many)
	}
}
