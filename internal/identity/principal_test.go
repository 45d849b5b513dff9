package identity_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/identity"
)

func TestAllowGivesEachRoleItsOperations(t *testing.T) {
	for _, c := range []struct {
		operation     string
		admin, reader bool
	}{
		{"CreateConnection", true, false},
		{"DeleteRepositoryLink", true, false},
		{"UpdateSyncBlocker", true, false},
		{"TagResource", true, false},
		{"CompleteConnection", true, false},
		{"StartResourceSync", true, false},
		{"GetResourceSyncStatus", true, true},
		{"GetHost", true, true},
		{"ListConnections", true, true},
		{"ListTagsForResource", true, true},
		{"Get", true, false},
		{"Getaway", true, false},
		{"Listen", true, false},
		{"getHost", true, false},
		{"BatchGetHost", true, false},
		{"", false, false},
	} {
		for role, want := range map[identity.Role]bool{
			identity.Admin: c.admin, identity.Reader: c.reader, "": false, "Admin": false, "operator": false,
		} {
			p := identity.Principal{AccessKeyID: "LSAK", Account: "000000000000", Name: "n", Role: role}
			if got := identity.Allow(p, c.operation); got != want {
				t.Errorf("role %q, operation %q: got %v, want %v", role, c.operation, got, want)
			}
		}
	}
}

func TestNobodyIsAllowedNothing(t *testing.T) {
	for _, p := range []identity.Principal{
		{},
		{Role: identity.Admin},
		{Role: identity.Admin, AccessKeyID: "LSAK"},
		{Role: identity.Admin, Account: "000000000000"},
	} {
		if identity.Allow(p, "GetHost") {
			t.Errorf("%+v is allowed GetHost", p)
		}
	}
}

func TestContextCarriesWhoCalls(t *testing.T) {
	if p, ok := identity.FromContext(context.Background()); ok {
		t.Errorf("an empty context carries %+v", p)
	}
	want := identity.Principal{AccessKeyID: "LSAK", Account: "000000000000", Name: "ci", Role: identity.Reader}
	got, ok := identity.FromContext(identity.NewContext(context.Background(), want))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("found %v (-want +got):\n%s", ok, diff)
	}
}

func TestLooksLikeAWSKnowsTheirPrefixes(t *testing.T) {
	for id, want := range map[string]bool{
		"AKIAIOSFODNN7EXAMPLE": true, "ASIAIOSFODNN7EXAMPLE": true,
		"LSAKIOSFODNN7EXAMPLE": false, "": false, "AKI": false, "LSAKAKIA": false,
	} {
		if got := identity.LooksLikeAWS(id); got != want {
			t.Errorf("LooksLikeAWS(%q) = %v", id, got)
		}
	}
}
