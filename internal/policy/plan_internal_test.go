package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhatASetRemembersIsBounded(t *testing.T) {
	const statement = `permit (principal, action, resource is SyncConfiguration) when { resource.branch == "main" };`
	documents := map[string]string{}
	for i := range 40 {
		documents[fmt.Sprint("p", i)] = strings.Repeat(statement, maxStatements)
	}

	s, err := Compile(documents)
	if err != nil {
		t.Fatal(err)
	}

	for i := range 500 {
		p := Principal{Account: "123456789012", Name: fmt.Sprint("run-", i), AssumedRole: "ci"}
		for range 2 { // what is remembered counts once
			if _, settled := s.DecideByType(p, "codeconnections:GetSyncConfiguration", SyncConfiguration); settled {
				t.Fatal("it is settled")
			}
		}

		held := 0
		for _, known := range s.plans {
			held += len(known.open)
		}

		if held == 0 || held > maxOpen || held != s.open {
			t.Fatalf("%d principals have asked: %d plans leave %d statements open, and %d are counted", i+1, len(s.plans), held, s.open)
		}
	}
}
