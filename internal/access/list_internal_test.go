package access

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// FuzzTokens looks for a token that the list did not make and accepts.
func FuzzTokens(f *testing.F) {
	key, err := seal.Generate()
	if err != nil {
		f.Fatal(err)
	}

	caller := Caller{Principal: user("jo"), Account: "111122223333", Region: "eu-central-1"}
	list := NewList(key, caller, "hosts")
	made := map[string]db.Cursor{}
	for _, cursor := range []db.Cursor{
		{Number: 1},
		{Number: -1, Text: "é\x00"},
		{Text: "CFN_STACK_SYNC/web"},
		{Number: 1 << 62, Text: "arn:aws:x"},
	} {
		token, err := list.Token(cursor)
		if err != nil {
			f.Fatal(err)
		}
		if token == "" {
			f.Fatalf("the token of %v is empty", cursor)
		}

		made[token] = cursor
		otherList, err := NewList(key, caller, "connections").Token(cursor)
		if err != nil {
			f.Fatal(err)
		}

		for _, seed := range []string{token, otherList, token + "\n", token + "=", token[:len(token)/2]} {
			f.Add(seed)
		}
	}

	f.Add("AQ")
	f.Fuzz(func(t *testing.T, token string) {
		got, ok := list.Cursor(token)
		want, wantOK := made[token]
		if ok != wantOK {
			t.Errorf("token %q is accepted: %v, want %v", token, ok, wantOK)
		}
		if got != want {
			t.Errorf("the cursor of %q is %v, want %v", token, got, want)
		}
		if _, err := list.Page(nil, token); (err == nil) != (wantOK || token == "") {
			t.Errorf("the page of %q: %v", token, err)
		}
	})
}
