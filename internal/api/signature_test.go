package api_test

import (
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

// allowed is an allowed_signers file with one key.
const allowed = "ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAN8A/adNAqkOlGUORB5V5qC3fp01J4QGafqZc8qBjpl\n"

func TestASignaturePolicyIsPutShownAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configure("web", w.link(w.connection("acme", w.host("h")), "infra"))
		const kind = "CFN_STACK_SYNC"
		var got wire.GetSignaturePolicyOutput
		get := func() error {
			got = wire.GetSignaturePolicyOutput{}
			return w.ours("GetSignaturePolicy", wire.GetSignaturePolicyInput{SyncType: kind, ResourceName: "web"}, &got)
		}
		put := func(name, text string) error {
			return w.ours("PutSignaturePolicy", wire.PutSignaturePolicyInput{SyncType: kind, ResourceName: name, AllowedSigners: text},
				&wire.PutSignaturePolicyOutput{})
		}
		if err := get(); err == nil || !strings.Contains(err.Error(), "Could not find a signature policy") {
			t.Errorf("before: %v", err)
		}
		for _, text := range []string{allowed, "# again\n" + allowed} {
			if err := put("web", text); err != nil {
				t.Fatal(err)
			}
			if err := get(); err != nil || got.AllowedSigners != text || got.PublicKeys != "" || got.UpdatedAt.IsZero() {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		if err := put("web", "ann ssh-ed25519 nonsense"); err == nil || !strings.Contains(err.Error(), "Allowed signers, line 1") {
			t.Errorf("nonsense: %v", err)
		}
		if err := put("api", allowed); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
			t.Errorf("of a resource that is not synced: %v", err)
		}
		for range 2 {
			err := w.ours("DeleteSignaturePolicy", wire.DeleteSignaturePolicyInput{SyncType: kind, ResourceName: "web"}, &wire.DeleteSignaturePolicyOutput{})
			if err != nil {
				t.Errorf("deleted: %v", err)
			}
		}
		if err := get(); err == nil {
			t.Errorf("after: %+v", got)
		}
	})
}
