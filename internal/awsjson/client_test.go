package awsjson_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	smithy "github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/sigv4"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	linkID  = "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
	roleARN = "arn:aws:iam::123456789012:role/sync"
)

// endpoint serves wire's shapes over this protocol, signatures verified: what
// the server does, with operations that answer from a table in their code.
func endpoint(t *testing.T) string {
	t.Helper()
	var services []awsjson.Service
	for _, service := range wire.Services() {
		services = append(services, serviceOf(service))
	}

	var verifier sigv4.Verifier
	mux := awsjson.NewMux(awsjson.Options{
		Services: services,
		Authenticate: func(r *http.Request, service string) (awsjson.Verify, error) {
			authorization, err := verifier.Parse(r, service)
			return func(body []byte) (context.Context, error) {
				return r.Context(), verifier.Verify(r, body, authorization, "secret", time.Now())
			}, err
		},
		Errors: func(_ string, err error) (string, int, string) {
			var refused *sigv4.Error
			if errors.As(err, &refused) {
				return refused.Code(), http.StatusBadRequest, refused.Message
			}
			return "ResourceNotFoundException", http.StatusBadRequest, err.Error()
		},
	})
	for _, service := range services[:2] {
		awsjson.Handle(mux, service.Name, "GetSyncConfiguration", getSyncConfiguration)
		awsjson.Handle(mux, service.Name, "GetResourceSyncStatus", getResourceSyncStatus)
		awsjson.Handle(mux, service.Name, "CreateSyncConfiguration", createSyncConfiguration)
	}

	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func createSyncConfiguration(_ context.Context,
	input *wire.CreateSyncConfigurationInput) (*wire.CreateSyncConfigurationOutput, error) {
	return &wire.CreateSyncConfigurationOutput{SyncConfiguration: wire.SyncConfiguration{
		Branch:             input.Branch,
		ConfigFile:         input.ConfigFile,
		OwnerId:            "acme",
		ProviderType:       wire.ProviderGit,
		RepositoryLinkId:   input.RepositoryLinkId,
		RepositoryName:     "infra",
		ResourceName:       input.ResourceName,
		RoleArn:            input.RoleArn,
		SyncType:           input.SyncType,
		PullRequestComment: input.PullRequestComment,
	}}, nil
}

func getSyncConfiguration(_ context.Context,
	in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
	return &wire.GetSyncConfigurationOutput{SyncConfiguration: wire.SyncConfiguration{
		ResourceName:       in.ResourceName,
		PullRequestComment: "ENABLED",
	}}, nil
}

func getResourceSyncStatus(_ context.Context, in *wire.GetResourceSyncStatusInput) (*awsjson.Raw, error) {
	if in.ResourceName != "web" {
		return nil, errors.New("Could not find a sync status for resource: " + in.ResourceName)
	}
	raw := awsjson.Raw(`{"LatestSync":{"StartedAt":1795305723.456,"Status":"SUCCEEDED","Target":"web",` +
		`"Events":[{"Event":"Clone started","Time":1795305723.456,"Type":"CLONE_STARTED"}],` +
		`"InitialRevision":{"Sha":"a"},"TargetRevision":{"Sha":"b"}}}`)
	return &raw, nil
}

func clients(t *testing.T, secret string) (*codeconnections.Client, *codestarconnections.Client) {
	cfg := aws.Config{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String(endpoint(t)),
		RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "LSKEXAMPLE", SecretAccessKey: secret}, nil
		}),
	}
	return codeconnections.NewFromConfig(cfg), codestarconnections.NewFromConfig(cfg)
}

func TestAWSsClientReadsAStatus(t *testing.T) {
	c, _ := clients(t, "secret")
	out, err := c.GetResourceSyncStatus(t.Context(),
		&codeconnections.GetResourceSyncStatusInput{ResourceName: aws.String("web"), SyncType: "CFN_STACK_SYNC"})
	if err != nil {
		t.Fatal(err)
	}
	sync := out.LatestSync
	if at := time.UnixMilli(1795305723456); sync.Status != "SUCCEEDED" || !sync.StartedAt.Equal(at) ||
		!sync.Events[0].Time.Equal(at) || *sync.TargetRevision.Sha != "b" {
		t.Errorf("status %+v", sync)
	}
}

func TestAWSsClientKnowsTheExceptions(t *testing.T) {
	client, _ := clients(t, "secret")
	_, err := client.GetResourceSyncStatus(t.Context(),
		&codeconnections.GetResourceSyncStatusInput{ResourceName: aws.String("api"), SyncType: "CFN_STACK_SYNC"})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Could not find a sync status for resource: api" {
		t.Errorf("unknown resource: %v", err)
	}

	_, err = client.GetResourceSyncStatus(t.Context(),
		&codeconnections.GetResourceSyncStatusInput{ResourceName: aws.String("-"), SyncType: "STACK"})
	wantError(t, err, "ValidationException", "2 validation errors detected: "+
		`Value '-' at 'resourceName' failed to satisfy constraint: Member must satisfy regular expression pattern: `+
		`^[0-9A-Za-z]+[0-9A-Za-z_\\-]*$; `+
		"Value 'STACK' at 'syncType' failed to satisfy constraint: Member must satisfy enum value set: "+
		"[CFN_STACK_SYNC]")
	_, err = client.ListHosts(t.Context(), &codeconnections.ListHostsInput{})
	wantError(t, err, "UnknownOperationException", "UnknownError") // the client's word for no message
	stranger, _ := clients(t, "other")
	_, err = stranger.ListHosts(t.Context(), &codeconnections.ListHostsInput{})
	wantError(t, err, "UnknownOperationException", "UnknownError") // the client's word for no message
	_, err = stranger.GetSyncConfiguration(t.Context(),
		&codeconnections.GetSyncConfigurationInput{ResourceName: aws.String("web"), SyncType: "CFN_STACK_SYNC"})
	wantError(t, err, "InvalidSignatureException",
		"The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("got %v\nwant %s: %s", err, code, message)
	}
}

func TestOlderServiceHasNoPullRequestComments(t *testing.T) {
	newer, older := clients(t, "secret")
	got, err := newer.CreateSyncConfiguration(t.Context(), &codeconnections.CreateSyncConfigurationInput{
		Branch:             aws.String("main"),
		ConfigFile:         aws.String("web.yaml"),
		RepositoryLinkId:   aws.String(linkID),
		ResourceName:       aws.String("web"),
		RoleArn:            aws.String(roleARN),
		SyncType:           "CFN_STACK_SYNC",
		PullRequestComment: "ENABLED",
	})
	if err != nil {
		t.Fatal(err)
	}

	if got.SyncConfiguration.PullRequestComment != "ENABLED" || got.SyncConfiguration.ProviderType != "Git" {
		t.Errorf("configuration %+v", got.SyncConfiguration)
	}

	if _, err := older.GetSyncConfiguration(t.Context(),
		&codestarconnections.GetSyncConfigurationInput{
			ResourceName: aws.String("web"),
			SyncType:     "CFN_STACK_SYNC",
		}); err != nil {
		t.Fatal(err)
	}

	r := request(`{"ResourceName":"web","SyncType":"CFN_STACK_SYNC"}`)
	r.Header.Set("X-Amz-Target", "CodeStar_connections_20191201.GetSyncConfiguration")
	_, _, body := serve(t, unsigned(), r)
	want := `{"SyncConfiguration":{"Branch":"","OwnerId":"","ProviderType":"","RepositoryLinkId":"",` +
		`"RepositoryName":"","ResourceName":"web","RoleArn":"","SyncType":""}}`
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func unsigned() *awsjson.Mux {
	s := serviceOf(wire.CodeStarConnections())
	m := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{s}})
	awsjson.Handle(m, s.Name, "GetSyncConfiguration", getSyncConfiguration)
	return m
}

func serviceOf(service wire.Service) awsjson.Service {
	shapes := map[string]awsjson.Shape{}
	for name, shape := range service.Shapes {
		shapes[name] = awsjson.Shape(shape)
	}
	return awsjson.Service{Name: service.Name, Prefix: service.Prefix, Shapes: shapes}
}
