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

// A call is one request on its way through the Mux.
type call struct {
	id        string
	start     time.Time
	service   *service
	operation string
	mu        sync.Mutex
	attrs     []slog.Attr
}

type callKey struct{}

// RequestID returns the ID that the answer carries, or "" outside a request.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.id
	}
	return ""
}

// Annotate adds attributes to the request's log line. Outside a request it does
// nothing.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.attrs = append(c.attrs, attrs...)
	}
}

// ServeHTTP answers every request, whatever its path.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: newRequestID(), start: time.Now()}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	body, err := m.safely(c, w, r)
	status := http.StatusOK
	var failure *Error
	if err != nil {
		failure = m.failure(r.Context(), c, err)
		status = failure.Status
		body = appendError(make([]byte, 0, 256), c.namespace(), failure)
	}

	h := w.Header()
	h.Set("Content-Type", contentType(r, "application/x-amz-json-1.0"))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", c.id)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone: what follows is done either way
	took := time.Since(c.start)
	m.observe(c, failure, took)

	// Nobody has to wait for our log.
	_ = http.NewResponseController(w).Flush()
	m.log(r.Context(), c, status, failure, len(body), took)
}

func (m *Mux) observe(c *call, failure *Error, took time.Duration) {
	if m.options.Observe == nil {
		return
	}
	service, code := "", ""
	if c.service != nil {
		service = c.service.name
	}
	if failure != nil {
		code = failure.Code
	}
	m.options.Observe(service, c.operation, code, took)
}

func (c *call) namespace() string {
	if c.service == nil {
		return ""
	}
	return c.service.namespace
}

// safely turns a panic into an error, unless it is net/http's own.
func (m *Mux) safely(c *call, w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			Annotate(r.Context(), slog.String("stack", string(debug.Stack())))
			err = internalFailure(fmt.Errorf("panic: %v", v))
		}
	}()
	return m.serve(c, w, r)
}

func (m *Mux) serve(c *call, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &Error{Code: "UnknownOperationException", Status: http.StatusMethodNotAllowed,
			Message: "This is an AWS JSON 1.0 endpoint: it answers POST requests."}
	}

	if contentType(r, "") == "" {
		return nil, &Error{Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: "Content-Type must be application/x-amz-json-1.0."}
	}

	run := m.route(c, r.Header.Get("X-Amz-Target"))
	if run == nil {
		return nil, unknownOperation()
	}

	body, err := readBody(w, r, m.options.MaxBody)
	if err != nil {
		return nil, err
	}

	ctx := r.Context()
	if m.options.Authenticate != nil {
		if ctx, err = m.options.Authenticate(r, body, c.service.name); err != nil {
			return nil, err
		}
	}

	return run(ctx, body)
}

// contentType returns the request's media type if it is one of this protocol's,
// else the fallback. 1.1 differs in nothing that matters here, and some clients
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

// route returns nil for an unknown target.
func (m *Mux) route(c *call, target string) operation {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return nil
	}

	s := m.byPrefix[target[:dot]]
	if s == nil {
		return nil
	}

	c.service = s
	run := s.operations[target[dot+1:]]
	if run != nil {
		c.operation = target[dot+1:]
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

// failure decides what an error is answered with.
func (m *Mux) failure(ctx context.Context, c *call, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		// The client has gone: nobody reads this, and nobody is to blame.
		return &Error{Code: "RequestCanceled", Status: 499, Err: err}
	}

	if m.options.Errors == nil {
		return internalFailure(err)
	}

	e = &Error{Err: err}
	e.Code, e.Status, e.Message = m.options.Errors(c.operation, err)
	return e
}

func (m *Mux) log(ctx context.Context, c *call, status int, failure *Error, size int, took time.Duration) {
	var few [12]slog.Attr // on the stack: slog copies what it is given
	attrs := append(few[:0],
		slog.String("op", c.operation),
		slog.String("request_id", c.id),
		slog.Int("status", status),
		slog.Int("bytes", size),
		slog.Duration("duration", took))
	if c.service != nil {
		attrs = append(attrs, slog.String("service", c.service.name))
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

	c.mu.Lock()
	attrs = append(attrs, c.attrs...)
	c.mu.Unlock()
	m.options.Logger.LogAttrs(ctx, level, "request", append(attrs, slog.String("outcome", outcome))...)
}

// newRequestID returns a random UUID.
func newRequestID() string {
	var b [16]byte
	// crypto/rand ends the program rather than fail.
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'

	return string(s[:])
}
