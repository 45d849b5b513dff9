package server_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// createKey creates an administrator's access key in a database.
func createKey(t testing.TB, db, sealKeyFile string) server.AccessKey {
	t.Helper()
	key, err := server.CreateKey(t.Context(), server.KeyOptions{DB: db, SealKeyFile: sealKeyFile},
		server.NewKey{Account: account, Principal: "me", Role: server.Admin})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// apiClient returns a client of the API.
func apiClient(key server.AccessKey, url string) *codeconnections.Client {
	return codeconnections.New(codeconnections.Options{
		Region:       region,
		BaseEndpoint: &url,
		Credentials:  credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.Secret.Reveal(), ""),
	})
}

// wantAccepted fails the test if a server refuses a key.
func wantAccepted(t testing.TB, run *servertest.Run, key server.AccessKey) {
	t.Helper()
	if _, err := apiClient(key, run.URL()).ListHosts(t.Context(), &codeconnections.ListHostsInput{}); err != nil {
		t.Errorf("the key is refused: %s", err)
	}
}

// A rawCall is a signed call that an SDK would not make.
type rawCall struct {
	service string // defaults to codeconnections
	target  string // the X-Amz-Target header
	path    string // defaults to /; signed is its canonical form, /
	body    []byte
}

// send sends the call and returns the status and the body of the response.
func (c rawCall) send(t testing.TB, key server.AccessKey, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", bytes.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", c.target)

	if c.service == "" {
		c.service = "codeconnections"
	}
	sum := sha256.Sum256(c.body)
	signer := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret.Reveal()}
	err = v4.NewSigner().SignHTTP(t.Context(), signer, r, hex.EncodeToString(sum[:]), c.service, region, time.Now())
	if err != nil {
		t.Fatal(err)
	}

	if c.path != "" {
		r.URL.Path = c.path
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}

	return resp.StatusCode, string(text)
}

// A syncedRepository is a repository of which every stack is synced from topic.yaml on main.
type syncedRepository struct {
	provider types.ProviderType // defaults to Git
	endpoint string             // of the host
	owner    string
	name     string
	stacks   []string
	publish  types.PublishDeploymentStatus
}

// configure creates the resources that sync the stacks.
func (s syncedRepository) configure(t testing.TB, key server.AccessKey, url string) {
	t.Helper()
	ctx, client := t.Context(), apiClient(key, url)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	host, err := client.CreateHost(ctx, &codeconnections.CreateHostInput{
		Name:             aws.String("host"),
		ProviderType:     cmp.Or(s.provider, "Git"),
		ProviderEndpoint: &s.endpoint,
	})
	check(err)

	connection, err := client.CreateConnection(ctx, &codeconnections.CreateConnectionInput{
		ConnectionName: aws.String("conn"),
		HostArn:        host.HostArn,
	})
	check(err)

	complete := rawCall{
		service: "lockstep",
		target:  "Lockstep_20261122.CompleteConnection",
		body: fmt.Appendf(
			nil,
			`{"ConnectionArn": %q, "Credential": {"Kind": "NONE"}}`,
			aws.ToString(connection.ConnectionArn),
		),
	}
	if status, body := complete.send(t, key, url); status != http.StatusOK {
		t.Fatalf("CompleteConnection: %d %s", status, body)
	}

	link, err := client.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{
		ConnectionArn:  connection.ConnectionArn,
		OwnerId:        &s.owner,
		RepositoryName: &s.name,
	})
	check(err)

	for _, stack := range s.stacks {
		_, err := client.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
			Branch:                  aws.String("main"),
			ConfigFile:              aws.String("topic.yaml"),
			RepositoryLinkId:        link.RepositoryLinkInfo.RepositoryLinkId,
			ResourceName:            &stack,
			RoleArn:                 aws.String("arn:aws:iam::" + account + ":role/deploy"),
			SyncType:                "CFN_STACK_SYNC",
			PublishDeploymentStatus: s.publish,
		})
		check(err)
	}
}

// localStacks returns the repository infra.git in a folder, with stacks s0, s1, ….
func localStacks(folder string, count int) syncedRepository {
	repository := syncedRepository{endpoint: "file://" + folder, owner: "-", name: "infra.git"}
	for number := range count {
		repository.stacks = append(repository.stacks, fmt.Sprintf("s%d", number))
	}
	return repository
}

// waitForSync waits until the sync of a stack to a commit has succeeded.
func waitForSync(t testing.TB, client *codeconnections.Client, stack, sha string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Timeout)
	defer cancel()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	for {
		out, err := client.GetResourceSyncStatus(ctx,
			&codeconnections.GetResourceSyncStatusInput{ResourceName: &stack, SyncType: "CFN_STACK_SYNC"})
		if err == nil {
			latest := out.LatestSync
			if aws.ToString(latest.TargetRevision.Sha) == sha && latest.Status == types.ResourceSyncStatusSucceeded {
				return
			}
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not at %s: %+v, %v", stack, sha, out, err)
		}
	}
}

// get requests a URL under the name of a host, or "" for its own.
func get(t testing.TB, url, host string) (status int, body string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}

	r.Host = host
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}

	return resp.StatusCode, string(text), resp.Header
}
