package sts_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/sts"
)

const (
	account  = "123456789012"
	role     = "arn:aws:iam::123456789012:role/deploy"
	audience = "sts.amazonaws.com"
	subject  = "repo:acme/infra:ref:refs/heads/main"
)

// A world is the service, reached at url, an issuer that it listens to, and a
// role "deploy" for the issuer's tokens.
type world struct {
	testing.TB
	db      *db.DB
	key     *seal.Key
	issuer  *identitytest.Issuer
	handler http.Handler
	url     string
	log     *safeBuffer
}

func newWorld(t testing.TB, change func(options *sts.Options)) *world {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}

	w := &world{TB: t, db: dbtest.Open(t), key: key, issuer: identitytest.NewIssuer(t), log: &safeBuffer{}}
	directory, err := identity.NewDirectory(identity.Options{DB: w.db, Key: key})
	if err != nil {
		t.Fatal(err)
	}

	options := sts.Options{
		Directory: directory,
		Logger:    slog.New(slog.NewTextHandler(w.log, nil)),
		WebIdentities: identity.NewTokenExchange(
			identity.TokenExchangeOptions{DB: w.db, Key: key, Issuers: []string{w.issuer.URL}}),
	}
	if change != nil {
		change(&options)
	}

	w.handler = sts.New(options)
	w.url = serve(t, w.handler)
	w.update(func(tx *db.Tx) error {
		return identity.PutWebIdentityRole(tx, key, account, identity.WebIdentityRole{
			Name:       "deploy",
			Issuer:     w.issuer.URL,
			Audiences:  []string{audience},
			Subjects:   []string{"repo:acme/infra:*"},
			Grants:     identity.Operator,
			MaxSession: 30 * time.Minute,
		}, []string{w.issuer.URL})
	})

	return w
}

func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func (w *world) update(f func(tx *db.Tx) error) {
	w.Helper()
	if err := w.db.Update(context.Background(), f); err != nil {
		w.Fatal(err)
	}
}

func (w *world) token() string { return w.issuer.Token(audience, subject, nil) }

func (w *world) accessKey() identity.AccessKey {
	w.Helper()
	var key identity.AccessKey
	w.update(func(tx *db.Tx) (err error) {
		key, err = identity.CreateKey(tx, w.key, identity.CreateKeyInput{
			Account:   account,
			Principal: "jo",
			Role:      identity.Reader,
		})
		return err
	})
	return key
}

// An answer is what comes back, whichever it is.
type answer struct {
	status    int
	requestID string
	text      string
	XMLName   xml.Name
	Error     struct{ Type, Code, Message string }
	RequestID string `xml:"RequestId"`
}

// form returns the values of a valid request with changes; "" removes a value.
func (w *world) form(changes map[string]string) url.Values {
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role},
		"RoleSessionName": {"run-1"}, "WebIdentityToken": {w.token()}}
	for name, value := range changes {
		if form.Set(name, value); value == "" {
			form.Del(name)
		}
	}
	return form
}

func (w *world) post(form url.Values) answer {
	w.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return w.serve(r)
}

func (w *world) serve(r *http.Request) answer {
	w.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	answer := answer{status: rec.Code, requestID: rec.Header().Get("x-amzn-RequestId"), text: rec.Body.String()}
	if err := xml.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Header().Get("Content-Type") != "text/xml" {
		w.Errorf("%v in %s", err, answer.text)
	}
	return answer
}

// A safeBuffer is a log that several requests may write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
