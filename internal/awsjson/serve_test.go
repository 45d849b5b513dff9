package awsjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

// logged serves one request by an operation that does what run does, and
// returns the answer and the one line of the log.
func logged(t *testing.T, r *http.Request, run func(context.Context) error) (int, string, map[string]any) {
	t.Helper()
	var log bytes.Buffer
	mux := awsjson.NewMux(awsjson.Options{
		Services: []awsjson.Service{shelf()},
		Logger:   slog.New(slog.NewJSONHandler(&log, nil)),
	})
	awsjson.Handle(mux, "shelf", "PutBook", func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, run(ctx)
	})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)

	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Fatalf("%d lines in the log:\n%s", n, log.String())
	}

	line := map[string]any{}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}

	if line["request_id"] != w.Header().Get("x-amzn-RequestId") {
		t.Errorf("request id %v in the log, %v in the answer", line["request_id"], w.Header())
	}

	if d, ok := line["duration"].(float64); !ok || d <= 0 {
		t.Errorf("duration %v", line["duration"])
	}

	for _, key := range []string{"request_id", "duration", "time"} {
		delete(line, key)
	}

	return w.Code, w.Body.String(), line
}

func TestOneLineIsLoggedForARequest(t *testing.T) {
	var id string
	_, _, line := logged(t, request("{}"), func(ctx context.Context) error {
		id = awsjson.RequestID(ctx)
		awsjson.Annotate(ctx, slog.String("principal", "me"))
		return nil
	})

	want := map[string]any{
		"level":     "INFO",
		"msg":       "request",
		"op":        "PutBook",
		"service":   "shelf",
		"status":    200.0,
		"bytes":     2.0,
		"outcome":   "ok",
		"principal": "me",
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if len(id) != 36 {
		t.Errorf("operation got request id %q", id)
	}
}

func TestObserveGetsKnownNamesOnly(t *testing.T) {
	var seen []string
	mux := newMux(awsjson.Options{Observe: func(service, operation, code string, took time.Duration) {
		seen = append(seen, fmt.Sprintf("%s/%s/%s", service, operation, code))
		if took <= 0 {
			t.Errorf("%s took %s", operation, took)
		}
	}})

	awsjson.Handle(mux, "shelf", "Burn", func(context.Context, *struct{}) (*struct{}, error) { panic("a bug") })
	requests := []struct{ target, body string }{
		{target, `{"Title":"Emma"}`},
		{target, `{}`},
		{"com.amazonaws.shelf.Shelf_20200101.Burn", "{}"},
		{"com.amazonaws.shelf.Shelf_20200101.made-up", "{}"},
		{"made-up.PutBook", "{}"},
	}
	for _, c := range requests {
		r := request(c.body)
		r.Header.Set("X-Amz-Target", c.target)
		mux.ServeHTTP(httptest.NewRecorder(), r)
	}

	want := []string{"shelf/PutBook/", "shelf/PutBook/ValidationException", "shelf/Burn/InternalFailure",
		"shelf//UnknownOperationException", "//UnknownOperationException"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutsideARequestThereIsNothingToAnnotate(t *testing.T) {
	awsjson.Annotate(t.Context(), slog.String("a", "b"))
	if id := awsjson.RequestID(t.Context()); id != "" {
		t.Errorf("request id %q", id)
	}
}

// A slowLog takes lines only once the answers have arrived.
type slowLog struct {
	slog.Handler
	arrived, taken chan struct{}
}

func (l slowLog) Handle(ctx context.Context, r slog.Record) error {
	<-l.arrived
	defer close(l.taken)
	return l.Handler.Handle(ctx, r)
}

func TestAnAnswerDoesNotWaitForTheLog(t *testing.T) {
	log := slowLog{slog.NewTextHandler(io.Discard, nil), make(chan struct{}), make(chan struct{})}
	m := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{shelf()}, Logger: slog.New(log)})
	awsjson.Handle(m, "shelf", "PutBook", func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	server := httptest.NewServer(m)
	defer server.Close()

	arrived := sync.OnceFunc(func() { close(log.arrived) })
	defer arrived() // before the server waits for its request

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	r := request("{}").WithContext(ctx)
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", server.Listener.Addr().String()
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}

	defer answer.Body.Close()

	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "{}" {
		t.Errorf("%q, %v", body, err)
	}

	arrived()
	<-log.taken
}

func TestErrorsAreLoggedAtTheLevelOfTheirStatus(t *testing.T) {
	cause := errors.New("cause")
	for _, tc := range []struct {
		err            error
		status         int
		body           string
		level, outcome string
		logged         any
	}{
		{
			err:     &awsjson.Error{Code: "ThrottlingException", Status: 400, Message: "Slow <down>", Err: cause},
			status:  400,
			body:    `{"__type":"com.amazonaws.shelf#ThrottlingException","Message":"Slow <down>"}`,
			level:   "INFO",
			outcome: "ThrottlingException",
			logged:  "cause",
		},
		{
			err: fmt.Errorf("wrapped: %w",
				&awsjson.Error{Code: "AccessDeniedException", Status: 400, Message: "No"}),
			status:  400,
			body:    `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"No"}`,
			level:   "INFO",
			outcome: "AccessDeniedException",
		},
		{
			err:     cause,
			status:  500,
			body:    `{"__type":"com.amazon.coral.service#InternalFailure"}`,
			level:   "ERROR",
			outcome: "InternalFailure",
			logged:  "cause",
		},
	} {
		status, body, line := logged(t, request("{}"), func(context.Context) error { return tc.err })
		if status != tc.status || body != tc.body {
			t.Errorf("%v: %d %s", tc.err, status, body)
		}

		if line["level"] != tc.level || line["outcome"] != tc.outcome || line["err"] != tc.logged {
			t.Errorf("%v: logged %v", tc.err, line)
		}
	}
}

func TestPanicIsAnsweredAndLoggedWithItsStack(t *testing.T) {
	status, body, line := logged(t, request("{}"), func(context.Context) error { panic("a bug") })
	if status != 500 || body != `{"__type":"com.amazon.coral.service#InternalFailure"}` {
		t.Errorf("%d %s", status, body)
	}
	stack, _ := line["stack"].(string)
	if line["level"] != "ERROR" || line["err"] != "panic: a bug" || !strings.Contains(stack, "TestPanicIsAnswered") {
		t.Errorf("logged %v", line)
	}
}

func TestAbortIsLeftToTheServer(t *testing.T) {
	mux := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{shelf()}})
	awsjson.Handle(mux, "shelf", "PutBook", func(context.Context, *struct{}) (*struct{}, error) {
		panic(http.ErrAbortHandler)
	})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	mux.ServeHTTP(httptest.NewRecorder(), request("{}"))
	t.Error("not aborted")
}

func TestDisconnectedClientIsNotAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, _, line := logged(t, request("{}").WithContext(ctx), func(ctx context.Context) error {
		return fmt.Errorf("read: %w", ctx.Err())
	})
	if status != 499 || line["level"] != "INFO" {
		t.Errorf("%d, logged %v", status, line)
	}
	status, _, line = logged(t, request("{}"), func(context.Context) error { return context.Canceled })
	if status != 500 || line["level"] != "ERROR" {
		t.Errorf("canceled by ourselves: %d, logged %v", status, line)
	}
}

func TestTruncatedBodyIsRefused(t *testing.T) {
	r := request("")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.ContentLength = -1
	status, body, line := logged(t, r, func(context.Context) error { return nil })
	if status != 400 || body != `{"__type":"com.amazon.coral.service#SerializationException"}` ||
		line["err"] != "unexpected EOF" {
		t.Errorf("%d %s, logged %v", status, body, line)
	}
}
