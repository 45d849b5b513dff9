package giterr

import (
	"bytes"
	"testing"
)

func FuzzQuote(f *testing.F) {
	f.Add("not our ref\x1b[31m")
	f.Fuzz(func(t *testing.T, s string) {
		if message := Quote([]byte(s)); len(message) > 4*MaxMessage+8 ||
			bytes.ContainsAny([]byte(message), "\n\x1b\x00") {
			t.Fatalf("quoted as %s", message)
		}
	})
}
