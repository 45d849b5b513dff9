package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// dial opens a connection for raw requests.
func dial(t testing.TB, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// sendText sends text on a connection and returns the status of the response, or 0 if none arrives in
// time.
func sendText(t testing.TB, conn net.Conn, text string, wait time.Duration) int {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}

	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}

	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0
	}

	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

const liveness = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestAttack23ConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	run := servertest.ServeSandbox(t, "--max-connections", "2")
	const start, rest = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n" +
		"X-Amz-Target: CodeConnections_20231201.ListConnections\r\nContent-Length: 2", "\r\n\r\n{}"
	one, two, three := dial(t, run.URL()), dial(t, run.URL()), dial(t, run.URL())
	for _, conn := range []net.Conn{one, two} {
		if got := sendText(t, conn, start, 50*time.Millisecond); got != 0 {
			t.Fatalf("half a request is answered with %d", got)
		}
	}

	if got := sendText(t, three, liveness, 300*time.Millisecond); got != 0 {
		t.Fatalf("a third connection was answered with %d", got)
	}

	if got := sendText(t, two, rest, servertest.Timeout); got != 400 {
		t.Errorf("while a connection waits, another is answered with %d", got)
	}

	if got := sendText(t, three, "", servertest.Timeout); got != 200 {
		t.Errorf("the waiting connection is answered with %d when another is idle", got)
	}

	four := dial(t, run.URL())
	if got := sendText(t, four, start, 300*time.Millisecond); got != 0 {
		t.Errorf("half a request is answered with %d", got)
	}

	five := dial(t, run.URL())
	one.Close()
	if got := sendText(t, five, liveness, servertest.Timeout); got != 200 {
		t.Errorf("the waiting connection is answered with %d when another has closed", got)
	}

	if got := sendText(t, four, rest, servertest.Timeout); got != 400 {
		t.Errorf("the connection that replaced an idle one is answered with %d", got)
	}

	dial(t, run.URL()) // it waits, and does not delay the end
	run.Stop()
}

func TestAttack23ARequestThatCannotBeValidIsRefusedBeforeItsBody(t *testing.T) {
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "l.db")
	key := createKey(t, db, "")
	run := servertest.Serve(t, "--db", db, "--target", "sandbox")
	now := time.Now().UTC()
	authorization := func(id string, at time.Time, region string) string {
		return "X-Amz-Date: " + at.Format("20060102T150405Z") + "\r\n" +
			"Authorization: AWS4-HMAC-SHA256 Credential=" + id + at.Format("/20060102/") + region +
			"/%s/aws4_request, SignedHeaders=host;x-amz-date%s, Signature=" + strings.Repeat("0", 64) + "\r\n"
	}

	// Each request announces a body and sends one byte of it.
	const post = "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 60\r\n\r\n{"
	endpoints := map[string]struct{ path, header, service, signed string }{
		"API": {
			path:    "/",
			header:  "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: CodeConnections_20231201.ListHosts\r\n",
			service: "codeconnections",
			signed:  ";x-amz-target",
		},
		"sandbox": {
			path:    "/sandbox",
			header:  "Content-Type: application/x-www-form-urlencoded\r\n",
			service: "cloudformation",
		},
	}
	for name, endpoint := range endpoints {
		for what, header := range map[string]string{
			"no signature":     "",
			"an unknown key":   authorization("LSAKAAAAAAAAAAAAAAAA", now, region),
			"an old date":      authorization(key.AccessKeyID, now.Add(-time.Hour), region),
			"an invented area": authorization(key.AccessKeyID, now, "zz-fake-region-99"),
		} {
			if header != "" {
				header = fmt.Sprintf(header, endpoint.service, endpoint.signed)
			}
			request := fmt.Sprintf(post, endpoint.path, endpoint.header+header)
			if got := sendText(t, dial(t, run.URL()), request, servertest.Timeout); got/100 != 4 {
				t.Errorf("%s: a request with %s is answered with %d", name, what, got)
			}
		}

		header := fmt.Sprintf(authorization(key.AccessKeyID, now, region), endpoint.service, endpoint.signed)
		request := fmt.Sprintf(post, endpoint.path, endpoint.header+header)
		if got := sendText(t, dial(t, run.URL()), request, 300*time.Millisecond); got != 0 {
			t.Errorf("%s: a request that may be valid is answered with %d before its body", name, got)
		}
	}
}

func TestAttack23FailedAuthenticationsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "l.db")
	key := createKey(t, db, "")
	run := servertest.Serve(t, "--db", db, "--target", "sandbox")
	call := func(key server.AccessKey) (int, string) {
		const list = "com.amazonaws.codeconnections.CodeConnections_20231201.ListConnections"
		return rawCall{target: list, body: []byte("{}")}.send(t, key, run.URL())
	}

	wrong, unknown := key, key
	wrong.Secret = seal.NewSecret("wrong")
	unknown.AccessKeyID = "LSAKAAAAAAAAAAAAAAAA"
	answer := ""
	for range 1000 {
		if _, answer = call(wrong); strings.Contains(answer, "ThrottlingException") {
			break
		}
	}
	if !strings.Contains(answer, "ThrottlingException") {
		t.Fatalf("many failures are answered with %s, want ThrottlingException", answer)
	}

	if _, answer := call(unknown); !strings.Contains(answer, "ThrottlingException") {
		t.Errorf("an unknown key is answered with %s, want ThrottlingException", answer)
	}
	if status, answer := call(key); status != 200 {
		t.Errorf("a valid request from the same address is answered with %d: %s", status, answer)
	}
}

func TestAttack23IdleConnectionsAreEvicted(t *testing.T) {
	t.Parallel()
	r := servertest.ServeSandbox(t, "--max-connections", "4")
	var idle []net.Conn
	for range 12 {
		conn := dial(t, r.URL())
		if got := sendText(t, conn, liveness, servertest.Timeout); got != 200 {
			t.Fatalf("connection %d is answered with %d", len(idle)+1, got)
		}

		idle = append(idle, conn)
	}

	if got := sendText(t, idle[len(idle)-1], liveness, servertest.Timeout); got != 200 {
		t.Errorf("the newest connection is answered with %d", got)
	}

	// The test does not know which were idle longest: a response arrives before its connection is idle.
	closed := make(chan error)
	for _, conn := range idle {
		go func() {
			_, err := conn.Read(make([]byte, 1))
			closed <- err
		}()
	}

	for count := range 8 {
		select {
		case err := <-closed:
			if err != io.EOF {
				t.Errorf("an evicted connection ends with %v, want EOF", err)
			}
		case <-time.After(servertest.Timeout):
			t.Fatalf("%d of 12 connections are evicted, want 8", count)
		}
	}

	for _, conn := range idle {
		conn.Close()
	}

	for range 4 {
		<-closed
	}
}

func TestAttack12ManySmallHeadersAreRefused(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t)
	head := strings.TrimSuffix(liveness, "\r\n")
	if got := sendText(
		t,
		dial(t, run.URL()),
		head+strings.Repeat("X:\r\n", 1000)+"\r\n",
		servertest.Timeout,
	); got != 200 {
		t.Errorf("1000 headers: status %d", got)
	}

	// The refusal arrives before all headers are sent: later writes may fail.
	conn := dial(t, run.URL())
	go func() { _, _ = io.WriteString(conn, head+strings.Repeat("X:\r\n", 1<<20)) }()
	if got := sendText(t, conn, "", servertest.Timeout); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a million headers: status %d", got)
	}
}

func TestAttack12LargeAndDeepBodiesAreRefused(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "l.db")
	key := createKey(t, db, "")
	run := servertest.Serve(t, "--db", db, "--target", "sandbox")
	call := func(body []byte) (int, string) {
		const list = "com.amazonaws.codeconnections.CodeConnections_20231201.ListConnections"
		return rawCall{target: list, body: body}.send(t, key, run.URL())
	}
	padded := func(size int) []byte { return append(bytes.Repeat([]byte(" "), size-2), "{}"...) }
	nested := func(depth int) []byte {
		return []byte(`{"X":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}")
	}
	for _, tt := range []struct {
		what     string
		body     []byte
		status   int
		contains string
	}{
		{"1 MB", padded(1 << 20), 200, "Connections"},
		{"1 MB and a byte", padded(1<<20 + 1), http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException"},
		{"64 levels", nested(64), 200, "Connections"},
		{"65 levels", nested(65), 400, "SerializationException"},
	} {
		if status, body := call(tt.body); status != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: status %d, want %d and %s: %s", tt.what, status, tt.status, tt.contains, body)
		}
	}

	key.AccessKeyID = "LSAKAAAAAAAAAAAAAAAA"
	if status, body := call(padded(1<<20 + 1)); status != 400 || !strings.Contains(body, "UnrecognizedClient") {
		t.Errorf("a large body with an unknown key: status %d: %s", status, body)
	}
}
