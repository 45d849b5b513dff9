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
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/sigv4"
)

const (
	configurations = 100_000
	account        = "123456789012"
	region         = "us-east-1"
	operation      = "com.amazonaws.codeconnections.CodeConnections_20231201.GetResourceSyncStatus"
)

// BenchmarkGetResourceSyncStatus reads statuses, signed, among 100,000
// configurations, against a handler that verifies the same signature and
// answers the same bytes.
func BenchmarkGetResourceSyncStatus(b *testing.B) {
	for _, on := range []struct {
		engine db.Dialect
		budget float64
	}{{db.SQLite, 0.5}, {db.Postgres, 0.3}} {
		b.Run(on.engine.String(), func(b *testing.B) { statuses(b, on.engine, on.budget) })
	}
}

func statuses(b *testing.B, engine db.Dialect, budget float64) {
	d := dbtest.OpenOn(b, engine, db.Schema())
	key, err := seal.Generate()
	if err != nil {
		b.Fatal(err)
	}
	document := fill(b, d)
	var access identity.AccessKey
	err = d.Update(b.Context(), func(tx *db.Tx) (err error) {
		access, err = identity.Create(tx, key, identity.NewKey{Account: account, Principal: "bench", Role: identity.Reader})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	directory, err := identity.NewDirectory(d, key)
	if err != nil {
		b.Fatal(err)
	}
	service := api.New(api.Options{DB: d, Directory: directory, Logger: slog.New(slog.DiscardHandler)})
	ours := httptest.NewServer(service.Handler())
	defer ours.Close()
	bare := httptest.NewServer(bareHandler(access.Secret.Reveal(), document))
	defer bare.Close()
	requests := func(host string) [][]byte { return signed(b, host, access) }
	for _, conns := range []int{1, 64} {
		var us, them load
		for range 2 { // in turns
			them = them.better(drive(b, bare.Listener.Addr().String(), requests(bare.Listener.Addr().String()), conns))
			us = us.better(drive(b, ours.Listener.Addr().String(), requests(ours.Listener.Addr().String()), conns))
		}
		ratio := us.rate / them.rate
		report(b, row{what: fmt.Sprintf("GetResourceSyncStatus on %s, %d connections", engine, conns),
			ours: us.String(), peer: "bare handler " + them.String(), ratio: fmt.Sprintf("%.2f", ratio),
			budget: fmt.Sprintf("≥ %.1f", budget), kept: ratio >= budget})
		if conns == 64 {
			slower := float64(us.p99) / float64(them.p99)
			report(b, row{what: fmt.Sprintf("GetResourceSyncStatus on %s, p99", engine), ours: us.p99.Round(time.Microsecond).String(),
				peer: "bare handler " + them.p99.Round(time.Microsecond).String(), ratio: fmt.Sprintf("%.1f", slower), budget: "≤ 3", kept: slower <= 3})
		}
	}
}

// bareHandler is the limit: it reads, verifies and answers, and knows nothing.
func bareHandler(secret string, document []byte) http.Handler {
	verifier := &sigv4.Verifier{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a, err := verifier.Parse(r, "codeconnections")
		if err == nil {
			err = verifier.Verify(r, body, a, secret, time.Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write(document) // the client counts what it gets
	})
}

// fill makes the configurations and their resources, each with a status, and
// gives that.
func fill(b *testing.B, d *db.DB) []byte {
	b.Helper()
	document, err := api.EncodeStatus(typical())
	if err != nil {
		b.Fatal(err)
	}
	const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) `
	err = d.Update(b.Context(), func(tx *db.Tx) error {
		for _, q := range []string{
			`INSERT INTO connection (arn, account, region, name, provider_type, status, created_at) VALUES ('c', '` + account + `', '` + region + `', 'c', 'Git', 'AVAILABLE', 0)`,
			`INSERT INTO repository_link (id, arn, account, region, connection_arn, owner_id, repository_name, provider_type, created_at)
				VALUES ('l', 'l', '` + account + `', '` + region + `', 'c', '-', 'r', 'Git', 0)`,
			numbers + `INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch, config_file, role_arn, created_at)
				SELECT '` + account + `', '` + region + `', 'CFN_STACK_SYNC', 'stack-' || i, 'l', 'main', 'f.yaml', 'arn:role', 0 FROM n`,
			`INSERT INTO resource (account, region, sync_type, name, configuration_id)
				SELECT account, region, sync_type, resource_name, id FROM sync_configuration`,
		} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE resource SET document = $1`, string(document))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return document
}

// typical is the status of a stack after two syncs.
func typical() lockstep.ResourceSync {
	rev := lockstep.Revision{Branch: "main", Directory: "deployments/web.yaml", OwnerID: "acme", RepositoryName: "infra",
		ProviderType: "Git", SHA: lockstep.SHA(strings.Repeat("a1", 20))}
	var events []lockstep.Event
	for i := range 6 {
		events = append(events, lockstep.Event{Time: time.Unix(1700000000+int64(i), 0), Type: "CHANGESET_CREATION_IN_PROGRESS",
			Message: "Waiting for changeset execution to finish.", ExternalID: "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1"})
	}
	a := lockstep.ResourceSyncAttempt{InitialRevision: rev, TargetRevision: rev, Target: "web", Status: lockstep.ResourceSucceeded,
		StartedAt: time.Unix(1700000000, 0), Events: events}
	return lockstep.ResourceSync{DesiredState: &rev, LatestSync: &a, LatestSuccessfulSync: &a}
}

// signed gives requests for resources at random, as bytes to be written.
func signed(b *testing.B, host string, key identity.AccessKey) [][]byte {
	b.Helper()
	signer := v4.NewSigner()
	all := make([][]byte, 2000)
	for i := range all {
		body := fmt.Sprintf(`{"ResourceName":"stack-%d","SyncType":"CFN_STACK_SYNC"}`, 1+rand.IntN(configurations))
		r, err := http.NewRequest(http.MethodPost, "http://"+host+"/", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", operation)
		sum := sha256.Sum256([]byte(body))
		credentials := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret.Reveal()}
		if err := signer.SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), "codeconnections", region, time.Now()); err != nil {
			b.Fatal(err)
		}
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			b.Fatal(err)
		}
		all[i] = wire.Bytes()
	}
	return all
}
