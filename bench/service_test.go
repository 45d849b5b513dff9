package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/apiserver"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// A service is the API over a filled database, as the server has it: signatures,
// the policies of an account, rates, a log line for each request.
type service struct {
	addr     string
	document []byte // the status of each resource
	// reader has the ready-made role, narrow only what a policy grants it on
	// repositories of an owner: for each of its requests that one is read.
	reader, narrow identity.AccessKey
}

func serve(b *testing.B, engine db.Dialect, resources int) service {
	b.Helper()
	database := dbtest.OpenOn(b, engine, db.Schema())
	key, err := seal.Generate()
	if err != nil {
		b.Fatal(err)
	}

	service := service{document: fill(b, database, resources)}
	err = database.Update(b.Context(), func(tx *db.Tx) error {
		for i := range 10 {
			if err := identity.PutPolicy(tx, key, account, fmt.Sprint("team-", i),
				strings.ReplaceAll(teamPolicy, "N", strconv.Itoa(i))); err != nil {
				return err
			}
		}

		if service.reader, err = identity.CreateKey(tx, key, identity.CreateKeyInput{
			Account:   account,
			Principal: "reader",
			Role:      identity.Reader,
		}); err != nil {
			return err
		}

		service.narrow, err = identity.CreateKey(tx, key, identity.CreateKeyInput{
			Account:   account,
			Principal: "narrow0",
			Role:      identity.None,
		})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}

	directory, err := identity.NewDirectory(identity.Options{DB: database, Key: key})
	if err != nil {
		b.Fatal(err)
	}

	const plenty = 1e9
	http := httptest.NewServer(apiserver.New(apiserver.Options{
		API:       api.New(api.Options{DB: database, Directory: directory, Seal: key}),
		IAM:       iam.New(iam.Options{DB: database, Directory: directory, Seal: key}),
		Directory: directory,
		Rates:     access.Rates{Read: plenty, Write: plenty, Host: plenty},
		Logger:    slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}))
	b.Cleanup(http.Close)
	service.addr = http.Listener.Addr().String()

	return service
}

// teamPolicy is of the size that people write. The one of team 0 grants
// something.
const teamPolicy = `permit(principal == User::"narrowN", action in Action::"Read", resource is SyncConfiguration)
	when { resource.owner == "acmeN" && ["main", "prod"].contains(resource.branch) && context.region like "us-*" };`

// fill makes configurations and their resources, each with a status and an
// attempt, and returns the status.
func fill(b *testing.B, database *db.DB, resources int) []byte {
	b.Helper()
	document, err := api.EncodeStatus(typical())
	if err != nil {
		b.Fatal(err)
	}

	statements := []string{
		`INSERT INTO connection (arn, account, region, name, provider_type, status, created_at)
			VALUES ('c', 'ACCOUNT', 'REGION', 'c', 'Git', 'AVAILABLE', 0)`,
		`INSERT INTO repository_link (id, arn, account, region, connection_arn, owner_id, repository_name,
			provider_type, created_at)
			VALUES ('` + linkID + `', 'arn:link', 'ACCOUNT', 'REGION', 'c', 'acme0', 'infra', 'Git', 0)`,
		`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch, config_file,
			role_arn, created_at)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < COUNT)
			SELECT 'ACCOUNT', 'REGION', 'CFN_STACK_SYNC', 'stack-' || i, '` + linkID +
			`', 'main', 'f.yaml', 'arn:aws:iam::123456789012:role/sync', 0 FROM n`,
		`INSERT INTO resource (account, region, sync_type, name, configuration_id, desired, desired_sha, desired_seq,
			attempted_seq)
			SELECT account, region, sync_type, resource_name, id, '{}', 'abc', 1, 1 FROM sync_configuration`,
		`INSERT INTO resource_sync_attempt (id, resource_id, configuration_id, configuration, desired_seq, status,
			outcome, initial_revision, target_revision, target_sha, target, started_at, ended_at)
			SELECT 'a' || id, id, configuration_id, '{}', 1, 'SUCCEEDED', 'applied', '{}', '{}', 'abc', 's', 1, 2
			FROM resource ORDER BY id`,
	}

	text := strings.NewReplacer("ACCOUNT", account, "REGION", region, "COUNT", strconv.Itoa(resources))
	err = database.Update(b.Context(), func(tx *db.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(text.Replace(statement)); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}

		_, err := tx.Exec(`UPDATE resource SET document = $1, latest_seq = a.seq FROM resource_sync_attempt a
			WHERE a.resource_id = resource.id`,
			string(document))
		return err
	})
	if err == nil && database.Dialect() == db.Postgres { // as autovacuum does within a minute
		_, err = database.Pool().Exec(b.Context(), `VACUUM ANALYZE`)
	}

	if err != nil {
		b.Fatal(err)
	}

	return document
}

const linkID = "11111111-2222-4333-8444-555555555555"

// typical is the status of a stack after two syncs.
func typical() lockstep.ResourceSync {
	rev := lockstep.Revision{
		Branch:         "main",
		Directory:      "deployments/web.yaml",
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		SHA:            lockstep.SHA(strings.Repeat("a1", 20)),
	}
	var events []lockstep.Event
	for i := range 6 {
		events = append(events, lockstep.Event{
			Time:       time.Unix(1700000000+int64(i), 0),
			Type:       "CHANGESET_CREATION_IN_PROGRESS",
			Message:    "Waiting for changeset execution to finish.",
			ExternalID: "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1",
		})
	}
	a := lockstep.ResourceSyncAttempt{
		InitialRevision: rev,
		TargetRevision:  rev,
		Target:          "web",
		Status:          lockstep.ResourceSucceeded,
		StartedAt:       time.Unix(1700000000, 0),
		Events:          events,
	}
	return lockstep.ResourceSync{DesiredState: &rev, LatestSync: &a, LatestSuccessfulSync: &a}
}

// A call is what a request asks of a service.
type call struct {
	service string // as credential scopes name it
	target  string
	body    func() string
}

// statusOf is a GetResourceSyncStatus of resources at random.
func statusOf(resources int) call {
	return call{"codeconnections", "com.amazonaws.codeconnections.CodeConnections_20231201.GetResourceSyncStatus",
		func() string {
			return fmt.Sprintf(`{"ResourceName":"stack-%d","SyncType":"CFN_STACK_SYNC"}`, 1+rand.IntN(resources))
		}}
}

// signed returns many requests for a server, as bytes to be written.
func signed(b *testing.B, addr string, key identity.AccessKey, call call) site {
	b.Helper()
	signer := v4.NewSigner()
	site := site{Addr: addr, Requests: make([][]byte, 2000)}
	for i := range site.Requests {
		body := call.body()
		r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}

		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", call.target)
		sum := sha256.Sum256([]byte(body))
		credentials := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret.Reveal()}
		if err := signer.SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), call.service,
			region, time.Now()); err != nil {
			b.Fatal(err)
		}

		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			b.Fatal(err)
		}

		site.Requests[i] = wire.Bytes()
	}

	return site
}
