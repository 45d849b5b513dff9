package server_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// dial opens a connection that a test sends on what it likes.
func dial(t testing.TB, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// sendText sends a text on a connection and waits for the answer, for as long as
// given: 0 is none.
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
	const begun, rest = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n" +
		"X-Amz-Target: CodeConnections_20231201.ListConnections\r\nContent-Length: 2\r\n\r\n{", "}"
	one, two, three := dial(t, run.URL()), dial(t, run.URL()), dial(t, run.URL())
	for _, c := range []net.Conn{one, two} {
		if got := sendText(t, c, begun, 50*time.Millisecond); got != 0 {
			t.Fatalf("half a request is answered with %d", got)
		}
	}

	if got := sendText(t, three, liveness, 300*time.Millisecond); got != 0 {
		t.Fatalf("a third connection was answered with %d", got)
	}

	if got := sendText(t, two, rest, servertest.Timeout); got != 400 {
		t.Errorf("while one waits, another is answered with %d", got)
	}

	if got := sendText(t, three, "", servertest.Timeout); got != 200 {
		t.Errorf("when another has nothing to do, who waited is answered with %d", got)
	}

	four := dial(t, run.URL())
	if got := sendText(t, four, begun, 300*time.Millisecond); got != 0 {
		t.Errorf("half a request is answered with %d", got)
	}

	five := dial(t, run.URL())
	one.Close()
	if got := sendText(t, five, liveness, servertest.Timeout); got != 200 {
		t.Errorf("when another has ended, who waited is answered with %d", got)
	}

	if got := sendText(t, four, rest, servertest.Timeout); got != 400 {
		t.Errorf("who was let in for one that did nothing is answered with %d", got)
	}

	dial(t, run.URL()) // it waits, and does not hold the end
	run.Stop()
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
		t.Errorf("the newest is answered with %d", got)
	}

	// Which has been idle longest is for the server to know: an answer arrives
	// before its connection is idle.
	left := make(chan error)
	for _, conn := range idle {
		go func() {
			_, err := conn.Read(make([]byte, 1))
			left <- err
		}()
	}

	for count := range 8 {
		select {
		case err := <-left:
			if err != io.EOF {
				t.Errorf("one that made way was told %v", err)
			}
		case <-time.After(servertest.Timeout):
			t.Fatalf("%d of 12 made way for those who came", count)
		}
	}

	for _, conn := range idle {
		conn.Close()
	}

	for range 4 {
		<-left
	}
}

func TestAttack12ManySmallHeadersAreRefused(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t)
	head := strings.TrimSuffix(liveness, "\r\n")
	if got := sendText(t, dial(t, run.URL()), head+strings.Repeat("X:\r\n", 1000)+"\r\n", servertest.Timeout); got != 200 {
		t.Errorf("1000 headers: status %d", got)
	}

	// It is refused before all is sent: what follows may find a closed
	// connection.
	c := dial(t, run.URL())
	go func() { _, _ = io.WriteString(c, head+strings.Repeat("X:\r\n", 1<<20)) }()
	if got := sendText(t, c, "", servertest.Timeout); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a million headers: status %d", got)
	}
}

// callAPI sends a signed body, whatever it is, and gives the answer.
func callAPI(t testing.TB, key server.AccessKey, url, target string, body []byte) (int, string) {
	t.Helper()
	return callPath(t, key, url, "/", target, body)
}

// callPath is call with a path of which / is the shortest form.
func callPath(t testing.TB, key server.AccessKey, url, path, target string, body []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret.Reveal()}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "codeconnections", region, time.Now()); err != nil {
		t.Fatal(err)
	}

	r.URL.Path = path
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}

	return resp.StatusCode, string(answer)
}

func TestAttack12LargeAndDeepBodiesAreRefused(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "l.db")
	key := createKey(t, db, "")
	run := servertest.Serve(t, "--db", db, "--target", "sandbox")
	const list = "com.amazonaws.codeconnections.CodeConnections_20231201.ListConnections"
	padded := func(size int) []byte { return append(bytes.Repeat([]byte(" "), size-2), "{}"...) }
	nested := func(depth int) []byte {
		return []byte(`{"X":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}")
	}
	for _, tt := range []struct {
		what   string
		body   []byte
		status int
		says   string
	}{
		{"1 MB", padded(1 << 20), 200, "Connections"},
		{"1 MB and a byte", padded(1<<20 + 1), http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException"},
		{"64 levels", nested(64), 200, "Connections"},
		{"65 levels", nested(65), 400, "SerializationException"},
	} {
		if got, answer := callAPI(t, key, run.URL(), list, tt.body); got != tt.status || !strings.Contains(answer, tt.says) {
			t.Errorf("%s: %d %s", tt.what, got, answer)
		}
	}

	// Whoever is unknown gets no further.
	key.AccessKeyID = "LSAKAAAAAAAAAAAAAAAA"
	if got, answer := callAPI(t, key, run.URL(), list, padded(1<<20+1)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("too much from a stranger: %d %s", got, answer)
	}
}
