package awsjson

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A call is one request.
type call struct {
	id        string
	start     time.Time
	service   *service
	operation string
	mu        sync.Mutex
	attrs     []slog.Attr
}

type callKey struct{}

// RequestID returns the id of the request, which the response carries, or "" outside
// of a request.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.id
	}
	return ""
}

// Annotate adds attributes to the log line of the request. Outside of a request it
// does nothing.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.attrs = append(c.attrs, attrs...)
	}
}

// ServeHTTP serves a request, whatever its path.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := &call{id: newRequestID(), start: time.Now()}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, call))
	body, err := m.serveRecovered(call, w, r)
	status := http.StatusOK
	var failure *Error
	if err != nil {
		failure = m.errorFor(r.Context(), call, err)
		status = failure.Status
		body = appendError(make([]byte, 0, 256), call.namespace(), failure)
	}

	h := w.Header()
	h.Set("Content-Type", contentType(r, "application/x-amz-json-1.0"))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", call.id)
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has disconnected
	took := time.Since(call.start)
	m.observe(call, failure, took)

	// The client does not wait for the log.
	_ = http.NewResponseController(w).Flush()
	m.log(r.Context(), call, status, failure, len(body), took)
}

func (m *Mux) observe(call *call, failure *Error, took time.Duration) {
	if m.options.Observe == nil {
		return
	}
	service, code := "", ""
	if call.service != nil {
		service = call.service.name
	}
	if failure != nil {
		code = failure.Code
	}
	m.options.Observe(service, call.operation, code, took)
}

func (c *call) namespace() string {
	if c.service == nil {
		return ""
	}
	return c.service.namespace
}

// serveRecovered is serve, but returns a panic as an error, except for
// http.ErrAbortHandler.
func (m *Mux) serveRecovered(call *call, w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	defer func() {
		if panicked := recover(); panicked == http.ErrAbortHandler {
			panic(panicked)
		} else if panicked != nil {
			Annotate(r.Context(), slog.String("stack", string(debug.Stack())))
			err = internalFailure(fmt.Errorf("panic: %v", panicked))
		}
	}()
	return m.serve(call, w, r)
}

func (m *Mux) serve(call *call, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &Error{Code: "UnknownOperationException", Status: http.StatusMethodNotAllowed,
			Message: "This is an AWS JSON 1.0 endpoint: it answers POST requests."}
	}

	if contentType(r, "") == "" {
		return nil, &Error{Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: "Content-Type must be application/x-amz-json-1.0."}
	}

	run := m.route(call, r.Header.Get("X-Amz-Target"))
	if run == nil {
		return nil, unknownOperation()
	}

	verify := Verify(func([]byte) (context.Context, error) { return r.Context(), nil })
	if m.options.Authenticate != nil {
		var err error
		if verify, err = m.options.Authenticate(r, call.service.name); err != nil {
			return nil, err
		}
	}

	body, err := readBody(w, r, m.options.MaxBody)
	if err != nil {
		return nil, err
	}

	ctx, err := verify(body)
	if err != nil {
		return nil, err
	}

	return run(ctx, body)
}

// contentType returns the media type of the request if it is one of the protocol's,
// else fallback. Version 1.1 does not differ in any relevant way, and some clients
// send it.
func contentType(r *http.Request, fallback string) string {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	for _, known := range []string{"application/x-amz-json-1.0", "application/x-amz-json-1.1"} {
		if strings.EqualFold(strings.TrimSpace(t), known) {
			return known
		}
	}
	return fallback
}

// route returns the operation of a target, or nil if it is unknown.
func (m *Mux) route(call *call, target string) operation {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return nil
	}

	service := m.byPrefix[target[:dot]]
	if service == nil {
		return nil
	}

	call.service = service
	run := service.operations[target[dot+1:]]
	if run != nil {
		call.operation = target[dot+1:]
	}

	return run
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	size := r.ContentLength
	if size < 0 || size > 64<<10 {
		size = 512
	}

	body := make([]byte, 0, size+1)
	limited := http.MaxBytesReader(w, r.Body, limit)
	for {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, nil
		}

		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, &Error{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
				Message: fmt.Sprintf("A request may have at most %d bytes.", limit)}
		}
		if err != nil {
			return nil, &Error{Code: "SerializationException", Status: http.StatusBadRequest, Err: err}
		}

		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// errorFor returns the response for an error.
func (m *Mux) errorFor(ctx context.Context, call *call, err error) *Error {
	var failure *Error
	if errors.As(err, &failure) {
		return failure
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		// The client has disconnected.
		return &Error{Code: "RequestCanceled", Status: 499, Err: err}
	}

	if m.options.Errors == nil {
		return internalFailure(err)
	}

	failure = &Error{Err: err}
	failure.Code, failure.Status, failure.Message = m.options.Errors(call.operation, err)
	return failure
}

func (m *Mux) log(ctx context.Context, call *call, status int, failure *Error, size int, took time.Duration) {
	var few [12]slog.Attr // on the stack: slog copies it
	attrs := append(few[:0],
		slog.String("op", call.operation),
		slog.String("request_id", call.id),
		slog.Int("status", status),
		slog.Int("bytes", size),
		slog.Duration("duration", took))
	if call.service != nil {
		attrs = append(attrs, slog.String("service", call.service.name))
	}

	level, outcome := slog.LevelInfo, "ok"
	if failure != nil {
		outcome = failure.Code
		if failure.Err != nil {
			attrs = append(attrs, slog.String("err", failure.Err.Error()))
		}
	}

	if status >= 500 {
		level = slog.LevelError
	}

	call.mu.Lock()
	attrs = append(attrs, call.attrs...)
	call.mu.Unlock()
	m.options.Logger.LogAttrs(ctx, level, "request", append(attrs, slog.String("outcome", outcome))...)
}

// newRequestID returns a random UUID.
func newRequestID() string {
	var b [16]byte
	// crypto/rand never fails.
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:36], b[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'

	return string(text[:])
}
