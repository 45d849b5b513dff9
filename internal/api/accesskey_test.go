package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/wire"
)

func (w *world) createKey(name, role string) (identity.AccessKey, wire.AccessKey, error) {
	w.Helper()
	var out wire.CreateAccessKeyOutput
	err := w.Call("CreateAccessKey", wire.CreateAccessKeyInput{PrincipalName: name, Role: role}, &out)
	return signer(out.AccessKey, out.SecretAccessKey), out.AccessKey, err
}

func signer(k wire.AccessKey, secret string) identity.AccessKey {
	return identity.AccessKey{Principal: identity.Principal{AccessKeyID: k.AccessKeyId}, Secret: seal.NewSecret(secret)}
}

// verifyKey says how a key is answered.
func (w *world) verifyKey(k identity.AccessKey) error {
	_, err := w.as(k).SDK().ListHosts(w.Context(), &codeconnections.ListHostsInput{})
	return err
}

func (w *world) keys() (all []wire.AccessKey) {
	w.Helper()
	one := 1
	input := wire.ListAccessKeysInput{MaxResults: &one}
	for more := true; more; more = input.NextToken != "" {
		var out wire.ListAccessKeysOutput
		if err := w.Call("ListAccessKeys", input, &out); err != nil {
			w.Fatal(err)
		}
		all, input.NextToken = append(all, out.AccessKeys...), out.NextToken
	}
	return all
}

func (w *world) setKey(id, status string) error {
	return w.Call("UpdateAccessKey", wire.UpdateAccessKeyInput{
		AccessKeyId: id,
		Status:      status,
	}, &wire.UpdateAccessKeyOutput{})
}

func (w *world) deleteKey(id string) error {
	return w.Call("DeleteAccessKey", wire.DeleteAccessKeyInput{AccessKeyId: id}, &wire.DeleteAccessKeyOutput{})
}

func TestAccessKeyWorksUntilItIsDisabledOrDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		key, shown, err := w.createKey("ci", "READER")
		if err != nil {
			t.Fatal(err)
		}

		if got := shown.PrincipalName; got != "ci" {
			t.Errorf("PrincipalName = %q, want ci", got)
		}

		if got := shown.Role; got != "READER" {
			t.Errorf("Role = %q, want READER", got)
		}

		if got := shown.Status; got != "ACTIVE" {
			t.Errorf("Status = %q, want ACTIVE", got)
		}

		if shown.CreatedAt.IsZero() {
			t.Error("CreatedAt is zero")
		}

		if !shown.ExpiresAt.IsZero() {
			t.Errorf("ExpiresAt = %v, want none", shown.ExpiresAt)
		}

		if err := w.verifyKey(key); err != nil {
			t.Errorf("new: %v", err)
		}

		// Nodes remember a key that was used for some seconds; these never are used.
		unused, shown, err := w.createKey("ci", "ADMIN")
		if err != nil {
			t.Fatal(err)
		}

		if err := w.setKey(shown.AccessKeyId, "DISABLED"); err != nil {
			t.Fatal(err)
		}

		apitest.ExpectError(t, w.verifyKey(unused), "UnrecognizedClientException", "")
		listed := w.keys()
		if got := len(listed); got != 3 {
			t.Errorf("listed %d keys, want 3", got)
		}

		at := slices.IndexFunc(listed, func(k wire.AccessKey) bool { return k.AccessKeyId == shown.AccessKeyId })
		if at < 0 {
			t.Fatalf("%s is not among %+v", shown.AccessKeyId, listed)
		}

		if got := listed[at].Status; got != "DISABLED" {
			t.Errorf("Status = %q, want DISABLED", got)
		}

		if err := w.setKey(shown.AccessKeyId, "ACTIVE"); err != nil {
			t.Fatal(err)
		}

		if err := w.verifyKey(unused); err != nil {
			t.Errorf("active again: %v", err)
		}

		gone, shown, err := w.createKey("ci", "ADMIN")
		if err != nil {
			t.Fatal(err)
		}

		if err := w.deleteKey(shown.AccessKeyId); err != nil {
			t.Fatal(err)
		}

		apitest.ExpectError(t, w.verifyKey(gone), "UnrecognizedClientException", "")
		apitest.ExpectError(t, w.deleteKey(shown.AccessKeyId), "ResourceNotFoundException",
			"Could not find access key: "+shown.AccessKeyId)
	})
}

func TestRotatedKeyHasTheSamePrincipalAndRole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, keep := range []int{0, 3600} {
			old, shown, err := w.createKey("ci", "READER")
			if err != nil {
				t.Fatal(err)
			}

			var out wire.RotateAccessKeyOutput
			in := wire.RotateAccessKeyInput{AccessKeyId: shown.AccessKeyId, KeepOldFor: &keep}
			if err := w.Call("RotateAccessKey", in, &out); err != nil {
				t.Fatal(err)
			}

			next := signer(out.AccessKey, out.SecretAccessKey)
			if got := out.AccessKey.PrincipalName; got != "ci" {
				t.Errorf("after rotation, PrincipalName = %q, want ci", got)
			}

			if got := out.AccessKey.Role; got != "READER" {
				t.Errorf("after rotation, Role = %q, want READER", got)
			}

			if out.AccessKey.AccessKeyId == shown.AccessKeyId {
				t.Errorf("rotation returned the old access key %s", shown.AccessKeyId)
			}

			if err := w.verifyKey(next); err != nil {
				t.Errorf("the new key: %v", err)
			}

			if err := w.verifyKey(old); (err == nil) != (keep > 0) {
				t.Errorf("the old key, kept for %d s: %v", keep, err)
			}
		}

		ends := 0
		for _, k := range w.keys() {
			if left := time.Until(k.ExpiresAt.Time); !k.ExpiresAt.IsZero() && left > 0 && left <= time.Hour {
				ends++
			}
		}

		if ends != 1 {
			t.Errorf("%d keys end within the hour, want one", ends)
		}
	})
}

func TestKeysOfOtherAccountsAreNotFound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		theirs := w.CreateKey(other, identity.Reader).AccessKeyID
		for _, id := range []string{theirs, "LSAKAAAAAAAAAAAAAAAA"} {
			says := "Could not find access key: " + id
			apitest.ExpectError(t, w.setKey(id, "DISABLED"), "ResourceNotFoundException", says)
			apitest.ExpectError(t, w.deleteKey(id), "ResourceNotFoundException", says)
			apitest.ExpectError(t, w.Call("RotateAccessKey", wire.RotateAccessKeyInput{AccessKeyId: id}, nil),
				"ResourceNotFoundException", says)
		}

		if all := w.keys(); len(all) != 1 || all[0].AccessKeyId != w.Key.AccessKeyID {
			t.Errorf("listed: %+v", all)
		}
	})
}

func TestInvalidKeysAreRefused(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for _, tc := range []struct{ name, role, code, says string }{
		{"lockstep.engine", "READER", "InvalidInputException", "the server's own"},
		{"LOCKSTEP.engine", "NONE", "InvalidInputException", "the server's own"},
		{"ci", "ROOT", "ValidationException", "enum value set"},
		{"a b", "READER", "ValidationException", "principalName"},
	} {
		_, _, err := w.createKey(tc.name, tc.role)
		apitest.ExpectError(t, err, tc.code, tc.says)
	}

	if n := len(w.keys()); n != 1 {
		t.Errorf("%d keys, want the admin's alone", n)
	}
}
