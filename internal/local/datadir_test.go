package local_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// A profile is what an AWS client reads from a data directory.
type profile struct {
	KeyID           string
	Secret          string
	Region          string
	CodeConnections string
	CodeStar        string
	CloudFormation  string
	STS             string
}

// goProfile reads the profile in a data directory with the Go SDK.
func goProfile(t testing.TB, data string) (aws.Config, profile) {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context(),
		awsconfig.WithSharedConfigFiles([]string{filepath.Join(data, "config")}),
		awsconfig.WithSharedCredentialsFiles([]string{filepath.Join(data, "credentials")}))
	if err != nil {
		t.Fatal(err)
	}

	keys, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return cfg, profile{
		KeyID:           keys.AccessKeyID,
		Secret:          keys.SecretAccessKey,
		Region:          cfg.Region,
		CodeConnections: aws.ToString(codeconnections.NewFromConfig(cfg).Options().BaseEndpoint),
		CodeStar:        aws.ToString(codestarconnections.NewFromConfig(cfg).Options().BaseEndpoint),
		CloudFormation:  aws.ToString(cloudformation.NewFromConfig(cfg).Options().BaseEndpoint),
		STS:             aws.ToString(sts.NewFromConfig(cfg).Options().BaseEndpoint),
	}
}

func TestTheProfileConfiguresAWSClients(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "it's 100% data; #1")
	run := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{servertest.NewTopic(t).Dir}})
	run.WaitFor(`(?m)^topic +SUCCEEDED`)
	cfg, first := goProfile(t, data)
	want := profile{KeyID: first.KeyID, Secret: first.Secret, Region: "us-east-1",
		CodeConnections: run.URL(), CodeStar: run.URL(), CloudFormation: run.URL() + "/sandbox", STS: run.URL()}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}

	if !strings.HasPrefix(first.KeyID, "LSAK") || len(first.Secret) < 30 {
		t.Errorf("the key is %s with a secret of %d bytes", first.KeyID, len(first.Secret))
	}

	status, err := codeconnections.NewFromConfig(cfg).GetResourceSyncStatus(t.Context(), &codeconnections.GetResourceSyncStatusInput{
		ResourceName: aws.String("topic"), SyncType: "CFN_STACK_SYNC"})
	if err != nil || status.LatestSync.Status != "SUCCEEDED" {
		t.Errorf("status: %+v, %v", status, err)
	}

	stacks, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil || len(stacks.Stacks) != 1 || aws.ToString(stacks.Stacks[0].StackName) != "topic" {
		t.Errorf("stacks: %+v, %v", stacks, err)
	}

	run.Stop()

	// On another port the profile has the new URL and the same key.
	again := servertest.Up(t, local.UpOptions{Data: data})
	again.URL()
	_, second := goProfile(t, data)
	want.CodeConnections, want.CodeStar, want.CloudFormation, want.STS = again.URL(), again.URL(), again.URL()+"/sandbox", again.URL()

	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}

func TestTheProfileIsReadByBotocore(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	if out, err := exec.Command("python3", "-c", "import boto3").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("boto3 is missing: %s", out)
		}
		t.Skip("python3 with boto3 is not installed")
	}

	data := filepath.Join(t.TempDir(), "data")
	run := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{servertest.NewTopic(t).Dir}})
	run.URL()
	_, want := goProfile(t, data)
	script := `
import boto3
s = boto3.Session()
k = s.get_credentials()
print(k.access_key, k.secret_key, s.region_name, *(s.client(n).meta.endpoint_url for n in ("codeconnections", "codestar-connections", "cloudformation")))`

	cmd := exec.CommandContext(t.Context(), "python3", "-c", script)
	cmd.Env = append(
		os.Environ(),
		"AWS_CONFIG_FILE="+data+"/config",
		"AWS_SHARED_CREDENTIALS_FILE="+data+"/credentials",
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	if diff := cmp.Diff(
		fmt.Sprintln(want.KeyID, want.Secret, want.Region, run.URL(), run.URL(), run.URL()+"/sandbox"),
		string(out),
	); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyTheOwnerReadsTheDataDirectory(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "some", "data")

	// A directory that others may read is accepted, with files that they cannot read.
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}

	for _, dir := range []string{data, open} {
		run := servertest.Up(t, local.UpOptions{Data: dir})
		run.WaitFor(`(?m)^web +SUCCEEDED`)
		seen := map[string]bool{}
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || name == dir {
				return err
			}

			info, err := entry.Info()
			if err != nil {
				return err
			}
			if entry.IsDir() {
				return fs.SkipDir // the sample is the user's
			}

			seen[entry.Name()] = true
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %s", name, info.Mode())
			}

			return nil
		})
		if err != nil {
			t.Fatal(err)
		}

		for _, name := range []string{
			"credentials",
			"config",
			"lockstep.db",
			"lockstep.db-wal",
			"lockstep.db.key",
			"lockstep.db.lock",
			"sandbox.db",
		} {
			if !seen[name] {
				t.Errorf("there is no %s", name)
			}
		}

		run.Stop()
	}

	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
}

func TestADatabaseHasOneServer(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	run := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{servertest.NewTopic(t).Dir}})
	run.URL()
	inUse := fmt.Sprintf(" is in use by the lockstep process %d", os.Getpid())
	servertest.Up(t, local.UpOptions{Data: data}).WantExit(2, data+inUse+"; choose another folder with --data")
	servertest.Serve(
		t,
		"--db",
		"sqlite:"+data+"/lockstep.db",
		"--target",
		"sandbox",
	).WantExit(1, "--db: "+data+"/lockstep.db"+inUse)
	run.Stop()

	db := filepath.Join(t.TempDir(), "l.db")
	servertest.Serve(t, "--db", "sqlite:"+db, "--target", "sandbox").URL()
	servertest.Serve(t, "--db", "sqlite:"+db, "--target", "sandbox").WantExit(1, "--db: "+db+inUse)

	stacks := filepath.Join(t.TempDir(), "sandbox.db")
	servertest.Sandbox(t, local.SandboxOptions{Data: stacks}).URL()
	servertest.Sandbox(t, local.SandboxOptions{Data: stacks}).WantExit(2, "--data: "+stacks+inUse)
}

func TestAnUnusableDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	missing := filepath.Join(t.TempDir(), "missing", "l.db")
	for _, run := range []*servertest.Run{
		servertest.Up(t, local.UpOptions{Data: file}), servertest.Up(
			t,
			local.UpOptions{Data: filepath.Join(file, "below")},
		),
		servertest.Sandbox(t, local.SandboxOptions{Data: missing}),
	} {
		run.WantExit(2, "--data: ")
		if strings.Contains(run.Err().Error(), "in use") {
			t.Errorf("it is not in use: %s", run.Err())
		}
	}

	run := servertest.Serve(t, "--db", "sqlite:"+missing, "--target", "sandbox")
	run.WantExit(1, "--db: ", missing)
	if strings.Contains(run.Err().Error(), "in use") {
		t.Errorf("it is not in use: %s", run.Err())
	}
}

func TestTheDefaultDataDirectoryFollowsXDG(t *testing.T) {
	tests := map[string]struct {
		environment map[string]string
		want        string
	}{
		"data home": {map[string]string{"XDG_DATA_HOME": "/data", "HOME": "/home/me"}, "/data/lockstep"},
		"home":      {map[string]string{"HOME": "/home/me"}, "/home/me/.local/share/lockstep"},
		"relative data home": {
			map[string]string{"XDG_DATA_HOME": "data", "HOME": "/home/me"},
			"/home/me/.local/share/lockstep",
		},
		"nothing":       {nil, ""},
		"relative home": {map[string]string{"HOME": "."}, ""},
	}
	for name, tt := range tests {
		got, err := local.DefaultDataDir(func(name string) string { return tt.environment[name] })
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}

		if err != nil && !strings.Contains(err.Error(), "--data") {
			t.Errorf("%s: the error does not name --data: %s", name, err)
		}
	}
}

// listLinks returns the names of the repository links, with a client of the profile.
func listLinks(ctx context.Context, cfg aws.Config) ([]string, error) {
	out, err := codeconnections.NewFromConfig(cfg).ListRepositoryLinks(ctx, &codeconnections.ListRepositoryLinksInput{})
	var names []string
	if err == nil {
		for _, link := range out.RepositoryLinks {
			names = append(names, aws.ToString(link.RepositoryName))
		}
	}
	return names, err
}
