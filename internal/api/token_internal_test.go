package api

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

// FuzzTokens looks for a token that was not given out and is taken.
func FuzzTokens(f *testing.F) {
	key, err := seal.Generate()
	if err != nil {
		f.Fatal(err)
	}

	s := New(Options{Seal: key})
	caller := Caller{Principal: identity.Principal{Account: "111122223333", Name: "jo"}, Account: "111122223333", Region: "eu-central-1"}
	list := s.listing(caller, "hosts")
	given := map[string]store.Cursor{}
	for _, cursor := range []store.Cursor{{Number: 1}, {Number: -1, Text: "é\x00"}, {Text: "CFN_STACK_SYNC/web"}, {Number: 1 << 62, Text: "arn:aws:x"}} {
		token, err := list.Token(cursor)
		if err != nil {
			f.Fatal(err)
		}

		if given[token] = cursor; token == "" {
			f.Fatalf("%v has no token", cursor)
		}

		theirs, err := s.listing(caller, "connections").Token(cursor)
		if err != nil {
			f.Fatal(err)
		}

		for _, seed := range []string{token, theirs, token + "\n", token + "=", token[:len(token)/2]} {
			f.Add(seed)
		}
	}

	f.Add("AQ")
	f.Fuzz(func(t *testing.T, token string) {
		got, ok := list.cursor(token)
		want, was := given[token]
		if ok != was || got != want {
			t.Errorf("%q is %v, %v; want %v, %v", token, got, ok, want, was)
		}

		if _, err := list.page(nil, token); (err == nil) != (was || token == "") {
			t.Errorf("%q: %v", token, err)
		}
	})
}
