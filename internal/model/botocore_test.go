package model_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/model"
	"github.com/lockstephq/lockstep/internal/wire"
)

func describe(t testing.TB, s wire.Service) model.Model {
	t.Helper()
	m, err := model.Of(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// install writes the files of a model to a directory of models, and returns it.
func install(t testing.TB, m model.Model) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}

	for _, file := range files {
		path := filepath.Join(dir, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, file.Text, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// botocore runs a script of testdata. It skips the test if botocore is not installed.
func botocore(t testing.TB, models, script string) (stdout string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "-c",
		"import importlib.util as u, sys; sys.exit(not u.find_spec('boto3'))").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 with boto3 is missing, and with CI=true that is a failure")
		}
		t.Skip("python3 with boto3 is missing: pip install boto3")
	}

	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join("testdata", script))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Env = append(os.Environ(), "AWS_DATA_PATH="+models, "AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=LSAK", "AWS_SECRET_ACCESS_KEY=secret")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &stderr)
	}

	return string(out)
}

func TestBotocoreLoadsEveryShapeOfEveryOperation(t *testing.T) {
	service := describe(t, wire.Lockstep())
	var seen struct {
		Operations map[string]int
		Paginators []string
		Sensitive  []string
		Exceptions []string
	}
	if err := json.Unmarshal([]byte(botocore(t, install(t, service), "walk.py")), &seen); err != nil {
		t.Fatal(err)
	}

	members, sensitive, exceptions := map[string]int{}, []string{}, []string{}
	for _, op := range wire.Lockstep().Operations {
		members[op.Name] = op.Input.NumField() + op.Output.NumField()
	}

	for _, s := range service.Shapes {
		if s.Sensitive {
			sensitive = append(sensitive, s.Name)
		}
	}

	for _, e := range service.Exceptions {
		exceptions = append(exceptions, e.Name)
	}

	if diff := cmp.Diff(members, seen.Operations); diff != "" {
		t.Errorf("operations and how many members they have (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff(sensitive, seen.Sensitive); diff != "" || len(sensitive) < 3 {
		t.Errorf("sensitive shapes (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff(exceptions, seen.Exceptions); diff != "" {
		t.Errorf("exceptions (-want +got):\n%s", diff)
	}

	paged := []string{
		"ListAccessKeys",
		"ListPolicies",
		"ListResourceSyncAttempts",
		"ListResourceSyncs",
		"ListSignaturePolicies",
		"ListSyncBlockers",
		"ListWebIdentityRoles",
	}
	if diff := cmp.Diff(paged, seen.Paginators); diff != "" {
		t.Errorf("paginators (-want +got):\n%s", diff)
	}
}

func TestBotocoreValidatesParametersBeforeSending(t *testing.T) {
	want := `Parameter validation failed: Missing required parameter in input: "SyncType"
Parameter validation failed: Unknown parameter in input: "Colour", must be one of: NextToken, MaxResults, AccountId, SyncType, ResourceName, RepositoryLinkId, OwnerId, RepositoryName, Branch, Status, Health, NeverSynced, Blocked, IncludeCounts
Parameter validation failed: Invalid type for parameter MaxResults, value: many, type: <class 'str'>, valid types: <class 'int'>
Parameter validation failed: Invalid length for parameter ResourceName, value: 0, valid min length: 1
`
	if diff := cmp.Diff(want, botocore(t, install(t, describe(t, wire.Lockstep())), "refuse.py")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// Without endpoint rules, botocore would send a signed request to a host below
// amazonaws.com.
func TestBotocoreSendsNothingWithoutAnEndpoint(t *testing.T) {
	want := "Set the endpoint of Lockstep: --endpoint-url or endpoint_url, AWS_ENDPOINT_URL_LOCKSTEP, or the " +
		"services section of your AWS profile.\n"
	if diff := cmp.Diff(want, botocore(t, install(t, describe(t, wire.Lockstep())), "nowhere.py")); diff != "" {
		t.Errorf("the error (-want +got):\n%s", diff)
	}
}

func TestEverythingIsDocumented(t *testing.T) {
	for _, s := range wire.Services() {
		service := describe(t, s)
		for _, op := range service.Operations {
			if op.Text == "" {
				t.Errorf("%s has no text", op.Name)
			}
		}

		for _, structure := range service.Structures {
			if structure.Text == "" {
				t.Errorf("%s has no text", structure.Name)
			}
		}

		for _, e := range service.Exceptions {
			if e.Text == "" {
				t.Errorf("%s has no text", e.Name)
			}
		}
	}
}

func TestTheOlderServiceHasNoPullRequestComments(t *testing.T) {
	has := func(s wire.Service) bool {
		for _, structure := range describe(t, s).Structures {
			if structure.Name == "SyncConfiguration" {
				return slices.ContainsFunc(structure.Members,
					func(m model.Member) bool { return m.Name == "PullRequestComment" })
			}
		}
		return false
	}
	if !has(wire.CodeConnections()) || has(wire.CodeStarConnections()) {
		t.Errorf("PullRequestComment: %v, %v", has(wire.CodeConnections()), has(wire.CodeStarConnections()))
	}
}

func TestOfRejectsStructsThatBreakTheRules(t *testing.T) {
	type Inner struct{ A float64 }
	for _, test := range []struct {
		input any
		want  string
	}{
		{struct {
			N float64 `shape:"Count"`
		}{}, "float64 is not supported"},
		{struct {
			A string `shape:"Count"`
			B int    `shape:"Count"`
		}{}, "shape Count is both"},
		{struct {
			A []string `shape:"Inner"`
			B Inner
		}{}, ""},
	} {
		service := wire.Service{
			Prefix: "X_20260101",
			Shapes: map[string]wire.Shape{"Count": {}, "Text": {}},
			Operations: []wire.Operation{{
				Name:   "Op",
				Input:  reflect.TypeOf(test.input),
				Output: reflect.TypeFor[wire.DeletePolicyOutput](),
			}},
		}
		_, err := model.Of(service)
		if test.want == "" && err != nil ||
			test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%T: %v, want %q", test.input, err, test.want)
		}
	}

	if _, err := model.Of(wire.Service{Prefix: "Undated"}); err == nil {
		t.Error("a prefix without a date has a version")
	}
}
