package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestAPortInUseIsAnErrorWithItsOwnerAndTheFlag(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer silent.Close()

	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()

	own := servertest.ServeSandbox(t)
	process := fmt.Sprintf("(process %d); choose another address with --listen", os.Getpid())
	for address, want := range map[string]string{
		silent.Addr().String():                   silent.Addr().String() + " is already in use by ",
		web.Listener.Addr().String():             web.Listener.Addr().String() + " is already in use by ",
		strings.TrimPrefix(own.URL(), "http://"): strings.TrimPrefix(own.URL(), "http://") + " is already in use by another Lockstep: ",
	} {
		servertest.Up(t, local.UpOptions{Listen: address}).WantExit(2, want, process)
		servertest.Sandbox(t, local.SandboxOptions{Listen: address}).WantExit(2, want, process)
		servertest.ServeSandbox(t, "--listen", address).WantExit(1, want, process)
	}

	if err := servertest.Up(
		t,
		local.UpOptions{Listen: silent.Addr().String()},
	).Err(); strings.Contains(err.Error(), "Lockstep") {
		t.Errorf("a silent program is called a Lockstep: %s", err)
	}
}

func TestAnAddressOfAnotherMachineIsRefused(t *testing.T) {
	t.Parallel()
	servertest.Up(t, local.UpOptions{Listen: "192.0.2.1:4747"}).WantExit(2, "--listen: ", "192.0.2.1:4747")
	servertest.ServeSandbox(t, "--listen", "192.0.2.1:4747").WantExit(1, "--listen: ", "192.0.2.1:4747")
}

func TestALoopbackAddressAnswersOnlyLoopbackHosts(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	up := servertest.Up(t, local.UpOptions{Repositories: []string{servertest.NewTopic(t).Dir}})
	serve := servertest.ServeSandbox(t)
	sandbox := servertest.Sandbox(t, local.SandboxOptions{})
	hosts := map[string]bool{
		"":                           true,
		"localhost":                  true,
		"LocalHost:99":               true,
		"127.0.0.1":                  true,
		"127.0.0.1:1":                true,
		"127.1.2.3":                  true,
		"[::1]":                      true,
		"[::1]:80":                   true,
		"::1":                        true,
		"attacker.example":           false,
		"attacker.example:4747":      false,
		"localhost.attacker.example": false,
		"127.0.0.1.attacker.example": false,
		"192.168.0.1":                false,
		"0.0.0.0":                    false,
		"[fe80::1]:80":               false,
		"localhost:1:2":              false,
		"127.0.0.1@attacker.example": false,
	}
	for _, base := range []string{
		up.URL(),
		up.URL() + "/sandbox",
		serve.URL() + "/livez",
		serve.URL() + "/sandbox/",
		sandbox.URL(),
	} {
		for host, answered := range hosts {
			status, _, header := get(t, base, host)
			if got := status != http.StatusMisdirectedRequest && status != http.StatusBadRequest; got != answered {
				t.Errorf("%s as host %q: status %d", base, host, status)
			}

			if header.Get("Server") != "Lockstep" && status != http.StatusBadRequest {
				t.Errorf("%s as host %q: answered by %q", base, host, header.Get("Server"))
			}
		}
	}
}

func TestAnotherAddressAnswersEveryHost(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		run := servertest.ServeSandbox(t, "--listen", address, "--plain-http")
		if !strings.HasPrefix(run.URL(), "http://127.0.0.1:") {
			t.Errorf("%s: the printed URL is %s", address, run.URL())
		}
		if status, body, _ := get(t, run.URL()+"/livez", "lockstep.example"); status != 200 {
			t.Errorf("%s: status %d: %s", address, status, body)
		}
	}
}

func TestPlainHTTPIsForLoopbackByDefault(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	servertest.ServeSandbox(t, "--listen", "0.0.0.0:0").WantExit(
		1,
		"--listen: other machines can reach 0.0.0.0:0",
		"--tls-cert and --tls-key",
		"--plain-http",
	)
	servertest.Up(t, local.UpOptions{Listen: ":0"}).WantExit(
		2,
		"--listen: other machines can reach :0",
		"lockstep serve",
		"--plain-http",
	)
	for _, address := range []string{"localhost:0", "127.0.0.2:0"} {
		servertest.ServeSandbox(t, "--listen", address).URL()
	}
	up := servertest.Up(t, local.UpOptions{
		Listen:       "0.0.0.0:0",
		PlainHTTP:    true,
		Repositories: []string{servertest.NewTopic(t).Dir},
	})
	if !strings.HasPrefix(up.URL(), "http://127.0.0.1:") {
		t.Errorf("the printed URL is %s", up.URL())
	}
}

func TestHealthChecksAreServed(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t)
	for path, want := range map[string]string{"/livez": "lockstep\n", "/readyz": "ready\ndatabase: ok\nseal key: ok\n" +
		"jobs overdue: 0\nrepository links unreachable: 0\nconnections in ERROR: 0\n"} {
		if status, body, _ := get(t, run.URL()+path, ""); status != 200 || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t)
	for size, want := range map[int]int{16 << 10: 200, 128 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, run.URL()+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}

		req.Header.Set("X-Large", strings.Repeat("x", size))
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}

		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes: status %d, want %d", size, resp.StatusCode, want)
		}
	}
}

func TestSilentClientsDoNotDelayTheShutdown(t *testing.T) {
	t.Parallel()
	for _, run := range []*servertest.Run{servertest.ServeSandbox(t), servertest.Sandbox(t, local.SandboxOptions{})} {
		address := strings.TrimPrefix(run.URL(), "http://")
		silent, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}

		defer silent.Close()

		kept, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}

		defer kept.Close()

		// The response shows that the connection before was accepted.
		if _, err := io.WriteString(kept, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}

		if _, err := http.ReadResponse(bufio.NewReader(kept), nil); err != nil {
			t.Fatal(err)
		}

		begun := time.Now()
		run.Stop()
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("stopping took %s", took)
		}
	}
}
