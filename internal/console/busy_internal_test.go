package console

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep/internal/seal"
)

func TestAttack23WhoHasAKeyMakesFewPagesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}

		console := New(Options{Seal: key, Log: slog.New(slog.DiscardHandler), PublicURL: "https://lockstep.example"})
		for range maxConcurrent {
			console.slots <- struct{}{} // pages that take their time
		}

		at := console.CommitURL("link", "1a2b3c4d5e6f708192a3b4c5d6e7f80912345678", "1/a")
		began, answer := time.Now(), httptest.NewRecorder()
		console.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, at, http.NoBody))

		if took := time.Since(began); answer.Code != http.StatusServiceUnavailable || took != pageTimeout ||
			!strings.Contains(answer.Body.String(), "busy") {
			t.Errorf("status %d after %s", answer.Code, took)
		}

		if len(console.slots) != maxConcurrent {
			t.Error("who did not get a place gives one back")
		}
	})
}
