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

// SigningPrefix is the prefix of a signing token of Standard Webhooks. The key
// follows in base64.
const SigningPrefix = "whsec_"

// NewWebhookSecret returns a random secret in the format of a kind.
func NewWebhookSecret(kind lockstep.WebhookKind) seal.Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if kind == lockstep.GitLabSigningWebhook {
		return seal.NewSecret(SigningPrefix + base64.StdEncoding.EncodeToString(key))
	}
	return seal.NewSecret(base64.RawURLEncoding.EncodeToString(key))
}

// checkWebhookSecret returns an error for a secret that is too short, or that is not
// in the format of its kind.
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
		return lockstep.Errorf(lockstep.Invalid, "A signing token is %s and the base64 of at least 16 bytes.",
			SigningPrefix)
	}

	return nil
}

// PutWebhook creates the webhook of a link, or replaces its kind and secret. LinkID and
// Kind must be set; the other fields are set here. The link must exist and should be
// locked.
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

// SetRegisteredURL records the URL that was registered for a webhook at the Git host.
func SetRegisteredURL(tx *db.Tx, w lockstep.Webhook, url string) error {
	changed, err := tx.Exec(`UPDATE webhook SET registered_url = $2 WHERE id = $1`, w.ID, url)
	if err == nil && changed == 0 {
		return noWebhook(w.LinkID)
	}
	return err
}

// WebhookOfLink returns the webhook of a link. The error is NotFound if it has none.
func WebhookOfLink(tx *db.Tx, linkID string) (lockstep.Webhook, error) {
	w := lockstep.Webhook{LinkID: linkID}
	var created int64
	var delivered *int64
	err := tx.QueryRow(`SELECT id, kind, created_at, delivered_at, registered_url FROM webhook WHERE link_id = $1`,
		linkID).
		Scan(&w.ID, &w.Kind, &created, &delivered, &w.RegisteredURL)
	w.CreatedAt = db.Time(created)
	if delivered != nil {
		w.DeliveredAt = db.Time(*delivered)
	}
	return w, notFoundAs(err, noWebhook(linkID))
}

// OpenWebhook returns a webhook with its secret, by its id, in one statement. The
// error is NotFound if there is none, or wraps one of package seal if the secret was
// sealed for another link or kind, or with another key.
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

// DeleteWebhook deletes the webhook of a link. The error is NotFound if it has none.
func DeleteWebhook(tx *db.Tx, linkID string) error {
	changed, err := tx.Exec(`DELETE FROM webhook WHERE link_id = $1`, linkID)
	if err == nil && changed == 0 {
		return noWebhook(linkID)
	}
	return err
}

func noWebhook(linkID string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find a webhook of repository link:%s", linkID)
}

// webhookContext binds a secret to its webhook, link and kind, so that it cannot be
// used for another link or with a weaker verification.
func webhookContext(w lockstep.Webhook) []byte {
	return []byte("webhook secret of " + w.ID + ", " + string(w.Kind) + " of " + w.LinkID)
}

const (
	// deliveryLifetime and maxDeliveries bound the deliveries of a webhook that are
	// remembered, in order to detect repeated ones.
	deliveryLifetime = 24 * time.Hour
	maxDeliveries    = 10_000
	// cleanupInterval is the number of deliveries between two deletions of old ones.
	cleanupInterval = 10
)

// RecordDelivery records an accepted delivery of a webhook and reports whether it is
// new. The key of a delivery is the same when the Git host repeats it; "" is a
// delivery without a key. The error is NotFound if the webhook or its link no longer
// exists. Write the link before this call, as a deletion of the link does.
func RecordDelivery(tx *db.Tx, w lockstep.Webhook, delivery string) (isNew bool, err error) {
	var seq int64
	err = tx.QueryRow(`UPDATE webhook SET delivery_seq = delivery_seq + 1, delivered_at = $3 WHERE id = $1 AND kind = $2
		RETURNING delivery_seq`, w.ID, w.Kind, db.Millis(tx.Now)).Scan(&seq)
	if err != nil || delivery == "" {
		return err == nil, notFoundAs(err, noWebhook(w.LinkID))
	}

	changed, err := tx.Exec(`INSERT INTO webhook_delivery (webhook_id, delivery, seq, received_at)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (webhook_id, delivery) DO NOTHING`, w.ID, delivery, seq, db.Millis(tx.Now))
	if err != nil || changed == 0 {
		return false, err
	}

	if seq%cleanupInterval == 0 {
		err = deleteOldDeliveries(tx, w.ID, seq)
	}

	return true, err
}

// deleteOldDeliveries deletes some of the oldest deliveries: more than were added since
// the last time, so that it catches up.
func deleteOldDeliveries(tx *db.Tx, id string, seq int64) error {
	_, err := tx.Exec(`DELETE FROM webhook_delivery WHERE webhook_id = $1
		AND seq IN (SELECT seq FROM webhook_delivery WHERE webhook_id = $1 ORDER BY seq LIMIT $4)
		AND (received_at < $2 OR seq <= $3)`, id, db.Millis(tx.Now.Add(-deliveryLifetime)), seq-maxDeliveries,
		10*cleanupInterval)
	return err
}
