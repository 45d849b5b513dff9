package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

type files struct{ fstest.MapFS }

func (files) ObjectID(string) (string, error) { return lockstep.NoObject, nil }

// One account names the role of another, which trusts the server.
func TestAttack22ARoleIsAssumedInTheNameOfTheCallersAccount(t *testing.T) {
	asked := make(chan string, 100)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") == "AssumeRole" {
			asked <- r.FormValue("RoleArn") + " by " + r.FormValue("ExternalId")
		}
		http.Error(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>", http.StatusForbidden)
	}))

	t.Cleanup(sts.Close)
	drivers, err := targets(stackTarget{endpoint: sts.URL, assumeRoles: true},
		credentials.NewStaticCredentialsProvider("id", "secret", ""), "installation", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}

	const theirs = "arn:aws:iam::222222222222:role/deploy"
	_, err = drivers[0].Advance(t.Context(), target.Attempt{
		ID: "a", StartedAt: time.Now(), Now: time.Now(),
		Configuration: lockstep.SyncConfiguration{Account: "111111111111", Region: "eu-west-1", ResourceName: "web",
			ConfigFile: "web.yaml", RoleARN: theirs},
		OpenTree: func(context.Context) (lockstep.Tree, error) {
			return files{fstest.MapFS{
				"web.yaml": &fstest.MapFile{Data: []byte("template-file-path: t.yaml\n")},
				"t.yaml":   &fstest.MapFile{Data: []byte("Resources: {T: {Type: AWS::SNS::Topic}}\n")},
			}}, nil
		},
	})
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("got %v", err)
	}

	select {
	case got := <-asked:
		if want := theirs + " by lockstep:111111111111"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	default:
		t.Error("no role was asked for")
	}
}

// A pipe is a listener with one connection, which knows fake time.
type pipe struct{ conns chan net.Conn }

func (p pipe) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipe) Close() error   { return nil }
func (p pipe) Addr() net.Addr { return &net.TCPAddr{} }

func TestAttack12AClientThatSendsSlowlyIsCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		sends  string // and then a byte a second
		within time.Duration
	}{
		"header": {"POST / HTTP/1.1\r\nHost: localhost\r\nX: ", 10 * time.Second},
		"body":   {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				l := pipe{make(chan net.Conn, 1)}
				l.conns <- theirs
				served := make(chan error, 1)
				drain := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
				s := newHTTPServer(drain, l.Addr(), slog.New(slog.DiscardHandler))
				go func() { served <- s.Serve(l) }()
				go func() { _, _ = io.Copy(io.Discard, ours) }()
				began := time.Now()
				_, err := io.WriteString(ours, tt.sends)
				for err == nil && time.Since(began) < time.Hour {
					time.Sleep(time.Second)
					_, err = ours.Write([]byte("x"))
				}

				if took := time.Since(began); took > tt.within+2*time.Second {
					t.Errorf("cut off after %s, want %s", took, tt.within)
				}

				close(l.conns)
				<-served
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
