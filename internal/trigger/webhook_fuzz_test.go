package trigger_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// FuzzWebhook sends arbitrary requests to webhooks with random secrets: none may be
// accepted, and nothing may panic.
func FuzzWebhook(f *testing.F) {
	for _, test := range deliveries {
		m := readRecorded(f, test.name)
		var header strings.Builder
		_ = m.header.Write(&header)
		f.Add(uint8(len(test.kind)), header.String(), m.body)
	}

	f.Add(uint8(2), "Webhook-Id: a\r\nWebhook-Timestamp: 9223372036854775807\r\nWebhook-Signature: v1, v1,=\r\n",
		[]byte("."))
	f.Add(uint8(4), "Authorization: Basic ====\r\n", []byte(nil))
	receiver := webhookReceiver{world: &world{Env: enginetest.Env{DB: dbtest.OpenOn(f, db.SQLite, db.Schema())}}}
	hooks := receiver.createRandomWebhooks(f)
	f.Fuzz(func(t *testing.T, kind uint8, header string, body []byte) {
		hook := hooks[int(kind)%len(hooks)]
		r := httptest.NewRequest(http.MethodPost, hook.Path(), bytes.NewReader(body))
		for line := range strings.SplitSeq(header, "\r\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Add(name, value)
			}
		}

		// A new receiver each time, so that the rate limit does not apply.
		rec := httptest.NewRecorder()
		newHooks(&receiver).ServeHTTP(rec, r)
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", hook.Kind, rec.Code, rec.Body)
		}
	})
}

func newHooks(k *webhookReceiver) *trigger.Webhooks {
	return trigger.NewWebhooks(trigger.WebhookOptions{DB: k.DB, Seal: k.key, Log: slog.New(slog.DiscardHandler)})
}

// createRandomWebhooks creates a webhook of each kind with a random secret.
func (k *webhookReceiver) createRandomWebhooks(f *testing.F) (all []lockstep.Webhook) {
	f.Helper()
	var err error
	if k.key, err = seal.Generate(); err != nil {
		f.Fatal(err)
	}

	err = k.DB.Update(f.Context(), func(tx *db.Tx) error {
		conn := lockstep.Connection{
			ARN:          "arn:c",
			Account:      "123456789012",
			Region:       "us-east-1",
			Name:         "c",
			ProviderType: "Git",
			Status:       lockstep.ConnectionAvailable,
		}
		if err := store.InsertConnection(tx, &conn); err != nil {
			return err
		}

		for _, kind := range lockstep.WebhookKinds() {
			link := lockstep.RepositoryLink{
				ID:             string(kind),
				ARN:            lockstep.ARN("arn:" + kind),
				Account:        conn.Account,
				Region:         conn.Region,
				ConnectionARN:  conn.ARN,
				OwnerID:        "acme",
				RepositoryName: string(kind),
				ProviderType:   "Git",
			}
			if err := store.InsertLink(tx, &link); err != nil {
				return err
			}

			w := lockstep.Webhook{LinkID: link.ID, Kind: kind}
			if err := store.PutWebhook(tx, k.key, &w, store.NewWebhookSecret(kind)); err != nil {
				return err
			}

			all = append(all, w)
		}

		return nil
	})
	if err != nil {
		f.Fatal(err)
	}

	return all
}
