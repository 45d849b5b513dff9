package bitbucket_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

func TestACredentialIsCheckedWithoutARepository(t *testing.T) {
	all := credentials()
	all["application"] = lockstep.Credential{Kind: lockstep.OAuthCredential, Secret: canary}
	for user, right := range all {
		w := newBitbucketServer(t, user, right)
		if err := w.driver.Check(t.Context(), provider.Access{Credential: right}); err != nil {
			t.Errorf("%s: %v", user, err)
		}

		wrong := right
		wrong.Secret = "another-secret"
		err := w.driver.Check(t.Context(), provider.Access{Credential: wrong})
		if lockstep.KindOf(err) != lockstep.Denied {
			t.Fatalf("%s, wrong: got kind %s, want %s: %v", user, lockstep.KindOf(err), lockstep.Denied, err)
		}

		if !strings.HasPrefix(err.Error(), "Bitbucket ") {
			t.Errorf("%s, wrong: %q does not begin with %q", user, err.Error(), "Bitbucket ")
		}

		if strings.Contains(err.Error(), "another") {
			t.Errorf("%s, wrong: %q contains %q", user, err.Error(), "another")
		}

		for _, row := range []struct {
			status int
			header http.Header
			want   lockstep.Kind
		}{
			{http.StatusTooManyRequests, nil, lockstep.Unavailable},
			{http.StatusForbidden, http.Header{"Retry-After": {"60"}}, lockstep.Unavailable},
			{http.StatusBadGateway, nil, lockstep.Unavailable},
			{http.StatusNotFound, nil, lockstep.NotFound},
		} {
			w.Fail(row.status, row.header)
			if err := w.driver.Check(t.Context(),
				provider.Access{Credential: right}); lockstep.KindOf(err) != row.want {
				t.Errorf("%s, %d: %v", user, row.status, err)
			}
		}
	}
}

func TestACredentialWithoutTheRightToAskWhoItIsWorks(t *testing.T) {
	for user, right := range credentials() {
		w := newBitbucketServer(t, user, right)
		w.Refuse["GET /user"] = http.StatusForbidden
		if err := w.driver.Check(t.Context(), provider.Access{Credential: right}); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
}

func TestNoCredentialNeedsNoCheck(t *testing.T) {
	w := newOAuthServer(t)
	if err := w.driver.Check(t.Context(),
		provider.Access{Credential: lockstep.Credential{Kind: lockstep.NoCredential}}); err != nil ||
		len(w.TakeRequests()) != 0 {
		t.Errorf("error: %v", err)
	}
	key := lockstep.Credential{Kind: lockstep.SSHKeyCredential, Secret: canary}
	if err := w.driver.Check(t.Context(), provider.Access{Credential: key}); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a key: %v", err)
	}
}
