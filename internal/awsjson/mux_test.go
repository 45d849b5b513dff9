package awsjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

const target = "com.amazonaws.shelf.Shelf_20200101.PutBook"

type author struct {
	Name string `shape:"Name"`
	Born int    `json:",omitzero" shape:"Year"`
}

type putBookInput struct {
	Title   string   `shape:"Title"`
	Isbn    string   `json:",omitzero" shape:"Isbn"`
	State   string   `json:",omitzero" shape:"State"`
	Pages   *int     `json:",omitzero" shape:"Pages"`
	Lent    bool     `json:",omitzero" shape:"Lent"`
	Words   []string `json:",omitzero" shape:"WordList"`
	Authors []author `json:",omitzero" shape:"AuthorList"`
	Editor  *author  `json:",omitzero"`
	Secret  string   `json:",omitzero" shape:"Secret"`
	Foreign string   `json:",omitzero" shape:"OfAnotherService"`
}

type putBookOutput struct {
	Book    putBookInput
	Shelves []string `shape:"WordList"`
	Note    string   `json:",omitzero" shape:"Free"`
}

func shelf() awsjson.Service {
	return awsjson.Service{
		Name:   "shelf",
		Prefix: "com.amazonaws.shelf.Shelf_20200101",
		Shapes: map[string]awsjson.Shape{
			"AuthorList": {Bounded: true, Min: 1, Max: 2},
			"Free":       {},
			"Isbn":       {Bounded: true, Min: 4, Max: 6, Pattern: `[0-9-]+`},
			"Lent":       {},
			"Name":       {Bounded: true, Min: 1, Max: 8},
			"Pages":      {Bounded: true, Min: 0, Max: 100},
			"Secret":     {Bounded: true, Min: 1, Max: 4, Sensitive: true},
			"State":      {Enum: []string{"NEW", "USED"}},
			"Title":      {Bounded: true, Min: 1, Max: 10, Pattern: `.*`},
			"Word":       {Bounded: true, Min: 1, Max: 5, Pattern: `[a-z]*`},
			"WordList":   {Bounded: true, Min: 0, Max: 3, Member: "Word"},
			"Year":       {Bounded: true, Min: -50, Max: 2100},
		},
	}
}

func newMux(o awsjson.Options) *awsjson.Mux {
	o.Services = []awsjson.Service{shelf()}
	mux := awsjson.NewMux(o)
	awsjson.Handle(mux, "shelf", "PutBook", func(_ context.Context, in *putBookInput) (*putBookOutput, error) {
		return &putBookOutput{Book: *in}, nil
	})
	return mux
}

func request(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	return r
}

func serve(t *testing.T, h http.Handler, r *http.Request) (int, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Header(), string(body)
}

func TestOperationGetsItsInputAndItsOutputIsSent(t *testing.T) {
	status, header, body := serve(t, newMux(awsjson.Options{}), request(` {"Pages":0, "Unknown":[{"a":"}"}],
		"Title":"A \u00e9\"<b>", "Words":["a","b"], "Authors":[{"Name":"x","Born":-3},{"Name":"y","Born":null}],
		"Editor":{"Name":"z"}, "State":"NEW", "title":"other", "Lent":true, "\u0049sbn":"1-23", "Foreign":7} `))
	want := `{"Book":{"Title":"A é\"<b>","Isbn":"1-23","State":"NEW","Pages":0,"Lent":true,"Words":["a","b"],` +
		`"Authors":[{"Name":"x","Born":-3},{"Name":"y"}],"Editor":{"Name":"z"}},"Shelves":[]}`
	if diff := cmp.Diff(want, body); diff != "" || status != http.StatusOK {
		t.Errorf("status %d, answer (-want +got):\n%s", status, diff)
	}

	if got := header.Get("Content-Type"); got != "application/x-amz-json-1.0" {
		t.Errorf("Content-Type = %q", got)
	}

	if id := header.Get("x-amzn-RequestId"); len(id) != 36 {
		t.Errorf("request id %q is no UUID", id)
	}
}

func TestLastOfDuplicateMembersCounts(t *testing.T) {
	_, _, body := serve(t, newMux(awsjson.Options{}), request(`{"Title":"a","Title":"b"}`))
	if want := `{"Book":{"Title":"b"},"Shelves":[]}`; body != want {
		t.Errorf("answer %s, want %s", body, want)
	}
}

func TestShortTargetIsAccepted(t *testing.T) {
	r := request(`{"Title":"a"}`)
	r.Header.Set("X-Amz-Target", "Shelf_20200101.PutBook")
	if status, _, body := serve(t, newMux(awsjson.Options{}), r); status != http.StatusOK {
		t.Errorf("status %d: %s", status, body)
	}
}

func TestRequestsThatReachNoOperation(t *testing.T) {
	const unknown = `{"__type":"com.amazon.coral.service#UnknownOperationException"`
	for _, tc := range []struct {
		name, method, target, contentType string
		status                            int
		body                              string
	}{
		{
			name:        "unknown operation",
			method:      "POST",
			target:      "com.amazonaws.shelf.Shelf_20200101.Burn",
			contentType: "application/x-amz-json-1.0",
			status:      400,
			body:        unknown + "}",
		},
		{
			name:        "unknown service",
			method:      "POST",
			target:      "com.amazonaws.shelf.Shelf_19990101.PutBook",
			contentType: "application/x-amz-json-1.0",
			status:      400,
			body:        unknown + "}",
		},
		{
			name:        "longer prefix",
			method:      "POST",
			target:      "x." + target,
			contentType: "application/x-amz-json-1.0",
			status:      400,
			body:        unknown + "}",
		},
		{
			name:        "middle of the prefix",
			method:      "POST",
			target:      "shelf.Shelf_20200101.PutBook",
			contentType: "application/x-amz-json-1.0",
			status:      400,
			body:        unknown + "}",
		},
		{
			name:        "no dot",
			method:      "POST",
			target:      "PutBook",
			contentType: "application/x-amz-json-1.0",
			status:      400,
			body:        unknown + "}",
		},
		{
			name:        "no target",
			method:      "POST",
			contentType: "application/x-amz-json-1.0",
			status:      400,
			body:        unknown + "}",
		},
		{
			name:        "other type",
			method:      "POST",
			target:      target,
			contentType: "text/plain",
			status:      404,
			body:        unknown + `,"message":"Content-Type must be application/x-amz-json-1.0."}`,
		},
		{
			name:   "no type",
			method: "POST",
			target: target,
			status: 404,
			body:   unknown + `,"message":"Content-Type must be application/x-amz-json-1.0."}`,
		},
		{
			name:        "GET",
			method:      "GET",
			target:      target,
			contentType: "application/x-amz-json-1.0",
			status:      405,
			body:        unknown + `,"message":"This is an AWS JSON 1.0 endpoint: it answers POST requests."}`,
		},
	} {
		r := httptest.NewRequest(tc.method, "/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", tc.target)
		r.Header.Set("Content-Type", tc.contentType)
		status, header, body := serve(t, newMux(awsjson.Options{}), r)
		if status != tc.status || body != tc.body {
			t.Errorf("%s: %d %s\nwant %d %s", tc.name, status, body, tc.status, tc.body)
		}

		if header.Get("x-amzn-RequestId") == "" || header.Get("Content-Type") != "application/x-amz-json-1.0" {
			t.Errorf("%s: header %v", tc.name, header)
		}
	}
}

func TestContentTypeOfTheRequestIsTheAnswers(t *testing.T) {
	r := request(`{"Title":"a"}`)
	r.Header.Set("Content-Type", "Application/X-Amz-Json-1.1; charset=utf-8")
	_, header, _ := serve(t, newMux(awsjson.Options{}), r)
	if got := header.Get("Content-Type"); got != "application/x-amz-json-1.1" {
		t.Errorf("Content-Type = %q", got)
	}
}

func TestBodyMayBeAsLargeAsTheLimitAndNoLarger(t *testing.T) {
	mux := newMux(awsjson.Options{MaxBody: 100})
	fill := func(size int) string {
		return `{"Title":"a"` + strings.Repeat(" ", size-len(`{"Title":"a"}`)) + "}"
	}
	if status, _, body := serve(t, mux, request(fill(100))); status != 200 {
		t.Errorf("100 bytes: %d %s", status, body)
	}

	for _, declared := range []int64{101, -1} {
		r := request(fill(101))
		r.ContentLength = declared
		status, _, body := serve(t, mux, r)
		want := `{"__type":"com.amazon.coral.service#RequestEntityTooLargeException","message":"A request may have ` +
			`at most 100 bytes."}`
		if status != 413 || body != want {
			t.Errorf("101 bytes: %d %s", status, body)
		}
	}
}

func TestOutputMayBeEncodedAlready(t *testing.T) {
	mux := newMux(awsjson.Options{})
	awsjson.Handle(mux, "shelf", "GetRaw", func(context.Context, *struct{}) (*awsjson.Raw, error) {
		raw := awsjson.Raw(`{"a":1}`)
		return &raw, nil
	})
	awsjson.Handle(mux, "shelf", "GetNothing", func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })

	for op, want := range map[string]string{"GetRaw": `{"a":1}`, "GetNothing": `{}`} {
		r := request("{}")
		r.Header.Set("X-Amz-Target", "Shelf_20200101."+op)
		if _, _, body := serve(t, mux, r); body != want {
			t.Errorf("%s answered %s", op, body)
		}
	}
}

func TestRegistrationRefusesUnsupportedTypes(t *testing.T) {
	type float struct {
		F float64 `shape:"Free"`
	}
	type lookbehind struct {
		S string `shape:"Bad"`
	}
	service := shelf()
	service.Shapes["Bad"] = awsjson.Shape{Pattern: `(?<!a)b`}
	mux := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{service}})
	for name, register := range map[string]func(){
		"unknown service": func() {
			awsjson.Handle(mux, "no", "A", func(context.Context, *author) (*author, error) { return nil, nil })
		},
		"float": func() {
			awsjson.Handle(mux, "shelf", "B", func(context.Context, *float) (*author, error) { return nil, nil })
		},
		"float output": func() {
			awsjson.Handle(mux, "shelf", "C", func(context.Context, *author) (*float, error) { return nil, nil })
		},
		"no struct": func() {
			awsjson.Handle(mux, "shelf", "D", func(context.Context, *int) (*author, error) { return nil, nil })
		},
		"bad pattern": func() {
			awsjson.Handle(mux, "shelf", "E", func(context.Context, *lookbehind) (*author, error) { return nil, nil })
		},
		"twice": func() {
			for range 2 {
				awsjson.Handle(mux, "shelf", "F", func(context.Context, *author) (*author, error) { return nil, nil })
			}
		},
		"same prefix": func() { awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{service, service}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: registered", name)
				}
			}()
			register()
		}()
	}
}

func TestBodyIsDecodedAfterAuthentication(t *testing.T) {
	type key struct{}
	mux := awsjson.NewMux(awsjson.Options{
		Services: []awsjson.Service{shelf()},
		Authenticate: func(r *http.Request, service string) (awsjson.Verify, error) {
			if r.Header.Get("Authorization") == "" {
				return nil, &awsjson.Error{
					Code:    "MissingAuthenticationTokenException",
					Status:  400,
					Message: "Missing Authentication Token",
				}
			}
			return func(body []byte) (context.Context, error) {
				return context.WithValue(r.Context(), key{}, service+" "+string(body)), nil
			}, nil
		},
	})

	var got any
	awsjson.Handle(mux, "shelf", "PutBook", func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		got = ctx.Value(key{})
		return nil, nil
	})
	_, _, body := serve(t, mux, request("no JSON"))
	if want := `{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Missing ` +
		`Authentication Token"}`; body != want {
		t.Errorf("answer %s", body)
	}

	if got != nil {
		t.Error("operation ran")
	}

	r := request("{}")
	r.Header.Set("Authorization", "me")
	serve(t, mux, r)

	if got != "shelf {}" {
		t.Errorf("operation got %v", got)
	}
}

func TestErrorsOfAnOperationAreTranslated(t *testing.T) {
	mux := awsjson.NewMux(awsjson.Options{
		Services: []awsjson.Service{shelf()},
		Errors: func(operation string, err error) (string, int, string) {
			return "ResourceNotFoundException", 400, operation + ": " + err.Error() + strings.Repeat("é", 700)
		},
	})
	awsjson.Handle(mux, "shelf", "PutBook", func(context.Context, *struct{}) (*struct{}, error) {
		return nil, errors.New("gone")
	})
	status, _, body := serve(t, mux, request("{}"))
	var got struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}

	if status != 400 || got.Type != "com.amazonaws.shelf#ResourceNotFoundException" ||
		!strings.HasPrefix(got.Message, "PutBook: gone") {
		t.Errorf("%d %s", status, body)
	}

	if n := len([]rune(got.Message)); n != 600 {
		t.Errorf("message has %d characters", n)
	}
}
