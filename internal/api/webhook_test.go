package api_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// putWebhook creates the webhook of a link.
func (w *world) putWebhook(link, kind, secret string) (out wire.PutRepositoryWebhookOutput, err error) {
	w.Helper()
	err = w.Call("PutRepositoryWebhook", wire.PutRepositoryWebhookInput{
		RepositoryLinkId: link,
		Kind:             kind,
		Secret:           secret,
	}, &out)
	return out, err
}

func TestAWebhookIsMadeShownAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra")
		made, err := w.putWebhook(link, "GITHUB", "")
		if err != nil {
			t.Fatal(err)
		}

		if !regexp.MustCompile(`^/webhooks/github/[a-z2-7]{26}$`).MatchString(made.Path) {
			t.Errorf("Path = %q, want /webhooks/github/ and 26 characters", made.Path)
		}

		if len(made.Secret) < 40 {
			t.Errorf("the secret has %d characters, want at least 40", len(made.Secret))
		}

		again, err := w.putWebhook(strings.ToUpper(link), "AZURE_DEVOPS", "given-by-somebody")
		if err != nil {
			t.Fatal(err)
		}

		if want := strings.Replace(made.Path, "github", "azure-devops", 1); again.Path != want {
			t.Errorf("Path = %q, want %q", again.Path, want)
		}

		if got := again.Secret; got != "given-by-somebody" {
			t.Errorf("Secret = %q, want given-by-somebody", got)
		}

		var got wire.GetRepositoryWebhookOutput
		if err := w.Call("GetRepositoryWebhook", wire.GetRepositoryWebhookInput{RepositoryLinkId: link},
			&got); err != nil {
			t.Fatal(err)
		}

		if got.Path != again.Path {
			t.Errorf("Path = %q, want %q", got.Path, again.Path)
		}

		if got.Kind != "AZURE_DEVOPS" {
			t.Errorf("Kind = %q, want AZURE_DEVOPS", got.Kind)
		}

		if got.RepositoryLinkId != link {
			t.Errorf("RepositoryLinkId = %q, want %q", got.RepositoryLinkId, link)
		}

		if got.CreatedAt.IsZero() {
			t.Error("CreatedAt is zero")
		}

		if !got.LastDeliveredAt.IsZero() {
			t.Errorf("LastDeliveredAt = %v, want none", got.LastDeliveredAt)
		}

		for _, want := range []string{"", "ResourceNotFoundException"} {
			err := w.Call("DeleteRepositoryWebhook", wire.DeleteRepositoryWebhookInput{RepositoryLinkId: link},
				&wire.DeleteRepositoryWebhookOutput{})
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("deleted: %v", err)
			}
		}

		err = w.Call("GetRepositoryWebhook", wire.GetRepositoryWebhookInput{RepositoryLinkId: link}, &got)
		if err == nil || !strings.Contains(err.Error(), "Could not find a webhook of repository link:"+link) {
			t.Errorf("after it was deleted: %v", err)
		}
	})
}

func TestASigningTokenHasItsForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra")
		made, err := w.putWebhook(link, "GITLAB_SIGNING", "")
		if err != nil || !strings.HasPrefix(made.Secret, "whsec_") {
			t.Errorf("made %+v, %v", made, err)
		}
		if _, err := w.putWebhook(link, "GITLAB_SIGNING", "sixteen-letters!"); err == nil ||
			!strings.Contains(err.Error(), "InvalidInputException") {
			t.Errorf("a token of another form: %v", err)
		}
	})
}

// The secret is nowhere but in its answer.
func TestAttack19ASecretIsShownOnceAndStoredSealed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra")
		made, err := w.putWebhook(link, "GITHUB", "")
		if err != nil {
			t.Fatal(err)
		}

		var sealed []byte
		w.Update(func(tx *db.Tx) error { return tx.QueryRow(`SELECT sealed FROM webhook`).Scan(&sealed) })
		if strings.Contains(string(sealed), made.Secret) {
			t.Error("it lies open in the database")
		}

		w.Update(func(tx *db.Tx) error {
			_, secret, err := store.OpenWebhook(tx, w.Seal, made.Path[len("/webhooks/github/"):])
			if secret.Reveal() != made.Secret {
				t.Error("another one lies there")
			}
			return err
		})
	})
}
