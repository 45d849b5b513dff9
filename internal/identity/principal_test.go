package identity_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/policy"
)

func TestPrincipalIsNamedAsAtAWS(t *testing.T) {
	user := identity.Principal{
		AccessKeyID: "LSAK",
		Account:     "000000000000",
		Name:        "ci",
		Role:        identity.None,
	}
	session := identity.Principal{
		AccessKeyID: "LSSK",
		Account:     "000000000000",
		Name:        "run-1",
		Role:        identity.Operator,
		AssumedRole: "deploy",
	}
	got := []any{
		user.ARN("aws"), session.ARN("aws-us-gov"), user.PolicyPrincipal(), session.PolicyPrincipal(),
		fmt.Sprint(user.LogValue()), fmt.Sprint(session.LogValue()),
	}
	want := []any{
		"arn:aws:iam::000000000000:user/ci", "arn:aws-us-gov:sts::000000000000:assumed-role/deploy/run-1",
		policy.Principal{Account: "000000000000", Name: "ci"},
		policy.Principal{
			Account:     "000000000000",
			Name:        "run-1",
			AssumedRole: "deploy",
			Role:        "operator",
		},
		"[key=LSAK account=000000000000 name=ci]", "[key=LSSK account=000000000000 name=run-1 assumed=deploy]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUserIDIsThatOfTheNameNotOfTheKey(t *testing.T) {
	principal := identity.Principal{AccessKeyID: "LSAK1", Account: "000000000000", Name: "ci"}
	same, other, elsewhere := principal, principal, principal
	same.AccessKeyID, other.Name, elsewhere.Account = "LSAK2", "cd", "111111111111"
	if got, want := same.UserID(), principal.UserID(); got != want {
		t.Errorf("the same name with another key: got %s, want %s", got, want)
	}
	if principal.UserID() == other.UserID() {
		t.Errorf("two names have the same user ID, %s", principal.UserID())
	}
	if principal.UserID() == elsewhere.UserID() {
		t.Errorf("two accounts have the same user ID, %s", principal.UserID())
	}

	principal.AssumedRole = "deploy"
	if !regexp.MustCompile(`^LSRO[A-Z2-7]{16}:ci$`).MatchString(principal.UserID()) {
		t.Error(principal.UserID())
	}
}

func TestIsAWSKeyIDKnowsAWSsPrefixes(t *testing.T) {
	for id, want := range map[string]bool{
		"AKIAIOSFODNN7EXAMPLE": true, "ASIAIOSFODNN7EXAMPLE": true,
		"LSAKIOSFODNN7EXAMPLE": false, "": false, "AKI": false, "LSAKAKIA": false,
	} {
		if got := identity.IsAWSKeyID(id); got != want {
			t.Errorf("LooksLikeAWS(%q) = %v", id, got)
		}
	}
}
