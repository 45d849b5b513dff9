package awsjson_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

// Whatever comes in, the answer is JSON: the input again, as encoding/json reads
// it, or one of the two exceptions for bad input.
func FuzzBody(f *testing.F) {
	f.Add(`{"Title":"A \u00e9\"","Pages":1.5e1,"Words":["a",null],"Authors":[{"Name":"x","Born":-3}],` +
		`"Editor":{"Name":"z"},"Lent":false}`)
	f.Add(`{"Title":null,"X":[[{}]],"Title":"b","\u0054itle":"c"}`)
	f.Add(`{"Authors":[{},{},{}],"Words":["",""],"Isbn":"","State":"","Pages":-99999999999999999999}`)
	f.Add(` [ 1 , "a" ] `)
	f.Add(`{"Title":"\ud800","Isbn":"\\`)
	f.Add(`{"Title":"a\u0000"}`)
	f.Add(`{"Title":"a","Words":["a","b","c",null,"é"],"Authors":[null,{"Name":null,"Born":1e400},{"Name":[]}]}`)
	f.Add(`{"Title":"a","Editor":[],"Lent":"true","Pages":-0.0e-1,"Isbn":"<&>\u2028"}`)
	f.Add("\ufeff{\"Title\":\"\u00e9\U0001F600\xff\"}")
	f.Add(strings.Repeat(`{"Editor":`, 65) + "1" + strings.Repeat("}", 65))
	f.Add(`{"Title":"a"}{"Title":"b"}`)
	f.Add(`{"Title":"a","X":1e700}`)
	m := newMux(awsjson.Options{})
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, request(body))
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q was answered with %s", body, w.Body)
		}

		if w.Code == 400 {
			name, message := exception(t, w.Body.String())
			if name != "com.amazon.coral.service#SerializationException" &&
				name != "com.amazon.coral.validate#ValidationException" ||
				len([]rune(message)) > 600 {
				t.Errorf("%q was answered with %s", body, w.Body)
			}
			return
		}

		if w.Code != 200 {
			t.Fatalf("%q was answered with %d %s", body, w.Code, w.Body)
		}

		var want map[string]any
		decoder := json.NewDecoder(strings.NewReader(body))
		decoder.UseNumber() // a number of an unknown member may be larger than a float64
		if err := decoder.Decode(&want); err != nil || !json.Valid([]byte(body)) {
			t.Fatalf("%q was accepted: %v", body, err)
		}

		var got struct{ Book map[string]any }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}

		for _, member := range []string{"Title", "Isbn", "State"} {
			if want[member] == "" {
				want[member] = nil // an empty optional string is an absent one
			}
			if !reflect.DeepEqual(got.Book[member], want[member]) {
				t.Errorf("%q: %s became %q", body, member, got.Book[member])
			}
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	mux := newMux(awsjson.Options{})
	const body = `{"Title":"A book","Isbn":"12-34","Words":["a","b"],"Authors":[{"Name":"x","Born":1900}]}`
	r := request(body)
	b.ReportAllocs()

	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(body))
		w := discard{}
		mux.ServeHTTP(w, r)

		if w["status"] != nil {
			b.Fatal("refused")
		}
	}
}

// discard is a ResponseWriter that keeps only whether the status is not 200.
type discard map[string][]string

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(status int) {
	if status != http.StatusOK {
		d["status"] = []string{http.StatusText(status)}
	}
}
