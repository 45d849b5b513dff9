package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheCacheOfASetIsBounded(t *testing.T) {
	const statement = `permit (principal, action, resource is SyncConfiguration) when { resource.branch == "main" };`
	documents := map[string]string{}
	for i := range 40 {
		documents[fmt.Sprint("p", i)] = strings.Repeat(statement, maxStatements)
	}

	set, err := Compile(documents)
	if err != nil {
		t.Fatal(err)
	}

	for i := range 500 {
		p := Principal{Account: "123456789012", Name: fmt.Sprint("run-", i), AssumedRole: "ci"}
		for range 2 { // the second time from the cache
			if _, settled := set.DecideByType(p, "codeconnections:GetSyncConfiguration", SyncConfiguration); settled {
				t.Fatal("it is settled")
			}
		}

		held := 0
		for _, known := range set.residuals {
			held += len(known.statements)
		}

		if held == 0 || held > maxResidualStatements || held != set.residualStatements {
			t.Fatalf("%d principals have asked: %d plans leave %d statements open, and %d are counted", i+1,
				len(set.residuals), held, set.residualStatements)
		}
	}
}
