package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// post posts to a URL under the name of a host, or "" for its own.
func post(t testing.TB, url, host string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}

	r.Host = host
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	return resp.StatusCode
}

func TestWebhooksAreServedAtOneAddressOnly(t *testing.T) {
	t.Parallel()
	const path = "/webhooks/github/aaaaaaaaaaaaaaaaaaaaaaaaaa"
	run := servertest.ServeSandbox(t)
	if got := post(t, run.URL()+path, ""); got != http.StatusUnauthorized {
		t.Errorf("at the address of the API: status %d", got)
	}

	if got := post(t, run.URL()+path, "attacker.example"); got != http.StatusMisdirectedRequest {
		t.Errorf("at the address of the API, as host attacker.example: status %d", got)
	}

	run.Stop()

	run = servertest.ServeSandbox(t, "--webhook-listen", "127.0.0.1:0")
	api := run.URL()
	address := run.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]
	for url, want := range map[string]int{
		address + path:       http.StatusUnauthorized,
		address + "/":        http.StatusNotFound,
		address + "/readyz":  http.StatusNotFound,
		address + "/sandbox": http.StatusNotFound,
	} {
		// A proxy on this machine sends the public host name.
		if got := post(t, url, "hooks.example.com"); got != want {
			t.Errorf("%s: status %d, want %d", url, got, want)
		}
	}

	if got := post(t, api+path, ""); got == http.StatusUnauthorized {
		t.Error("the API's address serves webhooks too")
	}
}

func TestWebhookSecretsAreNotSentInPlainHTTP(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	servertest.ServeSandbox(t, "--webhook-listen", "0.0.0.0:0").WantExit(
		1,
		"--webhook-listen: other machines can reach 0.0.0.0:0",
		"--plain-http",
	)
	servertest.ServeSandbox(t, "--webhook-listen", "0.0.0.0:0", "--plain-http").URL()
}
