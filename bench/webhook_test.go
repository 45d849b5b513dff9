package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

const (
	hooked           = 1000 // repositories with a webhook
	webhooksASecond  = 200
	deliveriesATurn  = 300
	configuredInSync = 10_000
)

// BenchmarkWebhook sends webhooks at a steady rate among 10,000 configurations,
// each with an id of its own, while what they make due is claimed as a poller
// does. The figures are medians of turns, so that a busy machine distorts them
// less. A late response does not delay the next request.
func BenchmarkWebhook(b *testing.B) {
	for _, engine := range []db.Dialect{db.SQLite, db.Postgres} {
		b.Run(engine.String(), func(b *testing.B) {
			database := dbtest.OpenOn(b, engine, db.Schema())
			fill(b, database, configuredInSync)
			key, err := seal.Generate()
			if err != nil {
				b.Fatal(err)
			}

			hooks := fillWebhooks(b, database, key)
			wake := make(chan struct{}, 1)
			server := httptest.NewServer(trigger.NewWebhooks(trigger.WebhookOptions{
				DB: database, Seal: key, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
				OnHint: func() {
					select {
					case wake <- struct{}{}:
					default:
					}
				},
			}))

			defer server.Close()

			stop := claiming(b, database, wake)
			bare := httptest.NewServer(http.HandlerFunc(acknowledge))
			defer bare.Close()

			var ours, theirs []load
			for turn := range turns {
				theirs = append(theirs, deliver(b, bare.URL, hooks, turn))
				ours = append(ours, deliver(b, server.URL, hooks, turn))
			}

			stop()
			us, them := typicalOf(ours), typicalOf(theirs)
			report(b, row{
				what: fmt.Sprintf("webhook on %s, %d configurations, %d/s, p99", engine, configuredInSync,
					webhooksASecond),
				ours:   us.String(),
				peer:   "a handler that only reads " + them.String(),
				ratio:  fmt.Sprintf("%.1f", float64(us.P99)/float64(them.P99)),
				budget: "< 50 ms",
				kept:   us.P99 < 50*time.Millisecond,
			})
			expectHints(b, database, turns*deliveriesATurn)
		})
	}
}

// acknowledge is the limit: it reads, and answers.
func acknowledge(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the client counts what is answered
	w.WriteHeader(http.StatusAccepted)
}

const webhookSecret = "a-secret-for-measuring"

// fillWebhooks makes repositories with a webhook each and returns their paths.
func fillWebhooks(b *testing.B, d *db.DB, key *seal.Key) (paths []string) {
	b.Helper()
	err := d.Update(b.Context(), func(tx *db.Tx) error {
		for i := range hooked {
			name := fmt.Sprint("hooked-", i)
			link := lockstep.RepositoryLink{
				ID:             name,
				ARN:            lockstep.ARN("arn:" + name),
				Account:        account,
				Region:         region,
				ConnectionARN:  "c",
				OwnerID:        "acme0",
				RepositoryName: name,
				ProviderType:   "Git",
			}
			if err := store.InsertLink(tx, &link); err != nil {
				return err
			}

			w := lockstep.Webhook{LinkID: link.ID, Kind: lockstep.GitHubWebhook}
			if err := store.PutWebhook(tx, key, &w, seal.NewSecret(webhookSecret)); err != nil {
				return err
			}

			paths = append(paths, w.Path())
		}

		return nil
	})
	if err != nil {
		b.Fatal(err)
	}

	return paths
}

// claiming claims what is due until it is stopped.
func claiming(b *testing.B, database *db.DB, wake chan struct{}) (stop func()) {
	done := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-wake:
			}

			err := database.Update(b.Context(), func(tx *db.Tx) error {
				_, err := store.ClaimPolls(tx, 100, time.Hour)
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}

			time.Sleep(20 * time.Millisecond) // as a poller rests
		}
	})

	return func() { close(done); loop.Wait() }
}

// deliver sends at a steady rate and times the answers.
func deliver(b *testing.B, url string, paths []string, turn int) load {
	b.Helper()
	var times []time.Duration
	body := `{"ref":"refs/heads/main","commits":[` + strings.Repeat(`{"message":"a commit"},`, 300) + `{}]}`
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	_, _ = io.WriteString(mac, body)
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()

	var mu sync.Mutex
	var answers sync.WaitGroup
	began := time.Now()
	tick := time.NewTicker(time.Second / webhooksASecond)
	defer tick.Stop()

	for i := range deliveriesATurn {
		<-tick.C
		i += turn * deliveriesATurn
		answers.Go(func() {
			r, err := http.NewRequest(http.MethodPost, url+paths[i%len(paths)], strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}

			r.Header = http.Header{
				"X-Github-Event":      {"push"},
				"X-Github-Delivery":   {fmt.Sprint(i)},
				"X-Hub-Signature-256": {signature},
			}
			began := time.Now()
			resp, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}

			defer resp.Body.Close()

			mu.Lock()
			defer mu.Unlock()

			if times = append(times, time.Since(began)); resp.StatusCode != http.StatusAccepted {
				b.Errorf("status %d", resp.StatusCode)
			}
		})
	}

	answers.Wait()
	took := time.Since(began)
	if len(times) == 0 {
		b.Fatal("nothing was answered")
	}

	slices.Sort(times)
	return load{Rate: float64(len(times)) / took.Seconds(), P50: times[len(times)/2], P99: times[len(times)*99/100]}
}

// expectHints wants that every answer was a hint.
func expectHints(b *testing.B, d *db.DB, want int) {
	b.Helper()
	var got int
	err := d.View(b.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT sum(requested_seq) FROM repository_link`).Scan(&got)
	})
	if err != nil || got != want {
		b.Errorf("%d hints of %d answers, %v", got, want, err)
	}
}
