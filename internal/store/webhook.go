package store

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// SigningPrefix is what a signing token of Standard Webhooks begins with; the key
// in base64 follows.
const SigningPrefix = "whsec_"

// NewWebhookSecret makes a secret in the form that a kind wants.
func NewWebhookSecret(kind lockstep.WebhookKind) seal.Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if kind == lockstep.GitLabSigningWebhook {
		return seal.NewSecret(SigningPrefix + base64.StdEncoding.EncodeToString(key))
	}
	return seal.NewSecret(base64.RawURLEncoding.EncodeToString(key))
}

// checkWebhookSecret refuses a secret that could be guessed, or that the kind
// could not be verified with.
func checkWebhookSecret(kind lockstep.WebhookKind, secret seal.Secret) error {
	if len(secret.Reveal()) < 16 {
		return lockstep.Errorf(lockstep.Invalid, "A webhook's secret has at least 16 characters.")
	}
	if kind != lockstep.GitLabSigningWebhook {
		return nil
	}

	text, ok := strings.CutPrefix(secret.Reveal(), SigningPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 16 {
		return lockstep.Errorf(lockstep.Invalid, "A signing token is %s and the base64 of at least 16 bytes.", SigningPrefix)
	}

	return nil
}

// PutWebhook makes a link's webhook, or gives the one it has another kind and
// secret. W's LinkID and Kind are needed; the rest is filled in. The link must be
// there and should be locked.
func PutWebhook(tx *db.Tx, key *seal.Key, w *lockstep.Webhook, secret seal.Secret) error {
	if err := checkWebhookSecret(w.Kind, secret); err != nil {
		return err
	}

	there, err := WebhookOfLink(tx, w.LinkID)
	switch {
	case err == nil:
		w.ID, w.CreatedAt = there.ID, there.CreatedAt
	case lockstep.KindOf(err) == lockstep.NotFound:
		w.ID, w.CreatedAt = strings.ToLower(rand.Text()), tx.Now
	default:
		return err
	}

	box, err := key.Seal([]byte(secret.Reveal()), webhookContext(*w))
	if err != nil {
		return fmt.Errorf("secret of the webhook of %s: %w", w.LinkID, err)
	}

	_, err = tx.Exec(`INSERT INTO webhook (id, link_id, kind, sealed, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (link_id) DO UPDATE SET kind = excluded.kind, sealed = excluded.sealed`,
		w.ID, w.LinkID, w.Kind, []byte(box), db.Millis(w.CreatedAt))
	if db.IsForeignKey(err) {
		return NoLink(w.LinkID)
	}

	return err
}

// SetRegisteredURL records at which URL the Git host was told to call a webhook.
func SetRegisteredURL(tx *db.Tx, w lockstep.Webhook, url string) error {
	n, err := tx.Exec(`UPDATE webhook SET registered_url = $2 WHERE id = $1`, w.ID, url)
	if err == nil && n == 0 {
		return noWebhook(w.LinkID)
	}
	return err
}

// WebhookOfLink reads a link's webhook. NotFound when it has none.
func WebhookOfLink(tx *db.Tx, linkID string) (lockstep.Webhook, error) {
	w := lockstep.Webhook{LinkID: linkID}
	var created int64
	var delivered *int64
	err := tx.QueryRow(`SELECT id, kind, created_at, delivered_at, registered_url FROM webhook WHERE link_id = $1`, linkID).
		Scan(&w.ID, &w.Kind, &created, &delivered, &w.RegisteredURL)
	w.CreatedAt = db.Time(created)
	if delivered != nil {
		w.DeliveredAt = db.Time(*delivered)
	}
	return w, notFoundAs(err, noWebhook(linkID))
}

// OpenWebhook reads a webhook by its id, with its secret, in one statement.
// NotFound when there is none; seal's errors, wrapped, when the secret does not
// open: it was sealed for another link or kind, or with another key.
func OpenWebhook(tx *db.Tx, key *seal.Key, id string) (lockstep.Webhook, seal.Secret, error) {
	w := lockstep.Webhook{ID: id}
	var box []byte
	err := tx.QueryRow(`SELECT link_id, kind, sealed FROM webhook WHERE id = $1`, id).Scan(&w.LinkID, &w.Kind, &box)
	if err != nil {
		return w, seal.Secret{}, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find webhook"))
	}
	secret, err := key.Open(seal.Box(box), webhookContext(w))
	if err != nil {
		return w, seal.Secret{}, fmt.Errorf("secret of the webhook of %s: %w", w.LinkID, err)
	}
	return w, seal.NewSecret(string(secret)), nil
}

// DeleteWebhook removes a link's webhook. NotFound when it has none.
func DeleteWebhook(tx *db.Tx, linkID string) error {
	n, err := tx.Exec(`DELETE FROM webhook WHERE link_id = $1`, linkID)
	if err == nil && n == 0 {
		return noWebhook(linkID)
	}
	return err
}

func noWebhook(linkID string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find a webhook of repository link:%s", linkID)
}

// webhookContext binds a secret to its row, so that it cannot be made another
// link's, nor be shown by a weaker kind.
func webhookContext(w lockstep.Webhook) []byte {
	return []byte("webhook secret of " + w.ID + ", " + string(w.Kind) + " of " + w.LinkID)
}

const (
	// deliveryLifetime is how long a delivery is known again, mostDeliveries how many of
	// a webhook are.
	deliveryLifetime = 24 * time.Hour
	maxDeliveries    = 10_000
	// cleanupInterval is after how many deliveries old ones are forgotten.
	cleanupInterval = 10
)

// RecordDelivery records that a webhook has accepted a delivery, by a key of any
// text that does not change when it is sent again; "" is for one that has none.
// False says that it was accepted before. NotFound when the webhook, or its link,
// is no longer there. What is changed of the link must be changed before, in the
// order of whoever deletes it.
func RecordDelivery(tx *db.Tx, w lockstep.Webhook, delivery string) (news bool, err error) {
	var seq int64
	err = tx.QueryRow(`UPDATE webhook SET delivery_seq = delivery_seq + 1, delivered_at = $3 WHERE id = $1 AND kind = $2
		RETURNING delivery_seq`, w.ID, w.Kind, db.Millis(tx.Now)).Scan(&seq)
	if err != nil || delivery == "" {
		return err == nil, notFoundAs(err, noWebhook(w.LinkID))
	}

	n, err := tx.Exec(`INSERT INTO webhook_delivery (webhook_id, delivery, seq, received_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (webhook_id, delivery) DO NOTHING`, w.ID, delivery, seq, db.Millis(tx.Now))
	if err != nil || n == 0 {
		return false, err
	}

	if seq%cleanupInterval == 0 {
		err = deleteOldDeliveries(tx, w.ID, seq)
	}

	return true, err
}

// deleteOldDeliveries forgets some of the oldest: more than were added since the last
// time, so that it catches up.
func deleteOldDeliveries(tx *db.Tx, id string, seq int64) error {
	_, err := tx.Exec(`DELETE FROM webhook_delivery WHERE webhook_id = $1
		AND seq IN (SELECT seq FROM webhook_delivery WHERE webhook_id = $1 ORDER BY seq LIMIT $4)
		AND (received_at < $2 OR seq <= $3)`, id, db.Millis(tx.Now.Add(-deliveryLifetime)), seq-maxDeliveries, 10*cleanupInterval)
	return err
}
