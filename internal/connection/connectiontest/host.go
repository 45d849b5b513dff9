// Package connectiontest provides a Git host for tests of credentials: an HTTP
// server that checks tokens, authorizes applications by OAuth 2 with PKCE, and
// refreshes tokens. A test can make it refuse, rotate, be unavailable or redirect.
package connectiontest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// The credentials of the application that is registered at every Host.
const (
	ClientID     = "app-1"
	ClientSecret = "canary-client-secret"
)

// A Host is the server. Change its fields only in Update.
type Host struct {
	URL string

	mu sync.Mutex
	// Tokens are the valid access tokens.
	Tokens map[string]bool
	// Unavailable makes it respond with status 503.
	Unavailable bool
	// RedirectTo is where token requests are redirected, unless it is "".
	RedirectTo string
	// RotatesRefreshTokens makes a refresh token valid for one use; each access
	// token then comes with another.
	RotatesRefreshTokens bool
	// TokenLifetime is the lifetime of an access token; 0 is unlimited.
	TokenLifetime time.Duration
	// PublicClient is set if the application has no secret.
	PublicClient bool
	// OnTokenRequest is called before the response to a token request, unless it is
	// nil.
	OnTokenRequest func()

	codes             map[string]url.Values // parameters of the authorization request, by code
	refreshTokenUses  map[string]int        // uses of each refresh token
	liveRefreshTokens map[string]bool       // the valid refresh tokens
	checks            []time.Time           // times of token checks
	refreshes         []time.Time           // times of refresh requests
}

// New starts a host that listens on a socket.
func New(t testing.TB) *Host {
	h := NewInProcess()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

// NewInProcess returns a host without a socket, which is its own transport. Use it
// in bubbles of testing/synctest, where an idle connection would stop the clock.
func NewInProcess() *Host {
	return &Host{
		URL:                  "https://git.example.com",
		Tokens:               map[string]bool{},
		RotatesRefreshTokens: true,
		TokenLifetime:        2 * time.Hour,
		codes:                map[string]url.Values{},
		refreshTokenUses:     map[string]int{},
		liveRefreshTokens:    map[string]bool{},
	}
}

// RoundTrip answers a request to this host.
func (h *Host) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	resp := answer.Result()
	resp.Request = r
	return resp, r.Context().Err()
}

// Update calls change, which may set the host's fields.
func (h *Host) Update(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// CheckTimes returns when tokens were checked.
func (h *Host) CheckTimes() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]time.Time(nil), h.checks...)
}

// RefreshTimes returns when refresh tokens were used.
func (h *Host) RefreshTimes() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]time.Time(nil), h.refreshes...)
}

// RefreshTokenUses returns how often each refresh token was used.
func (h *Host) RefreshTokenUses() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]int{}
	for token, n := range h.refreshTokenUses {
		all[token] = n
	}
	return all
}

// Grant issues an access token and a refresh token, as after an authorization.
func (h *Host) Grant() (access, refresh string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.issueTokens()
}

// Revoke invalidates all tokens.
func (h *Host) Revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.Tokens)
	clear(h.liveRefreshTokens)
}

func (h *Host) issueTokens() (access, refresh string) {
	access, refresh = "canary-access-"+rand.Text(), "canary-refresh-"+rand.Text()
	h.Tokens[access], h.liveRefreshTokens[refresh] = true, true
	return access, refresh
}

// ServeHTTP answers as the host.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	away := h.Unavailable
	h.mu.Unlock()

	switch {
	case away:
		http.Error(w, "away", http.StatusServiceUnavailable)
	case r.URL.Path == "/check":
		h.check(w, r)
	case r.URL.Path == "/authorize":
		h.authorize(w, r)
	case r.URL.Path == "/token" && r.Method == http.MethodPost:
		h.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (h *Host) check(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, time.Now())
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !h.Tokens[token] {
		http.Error(w, "bad token "+token, http.StatusUnauthorized) // some hosts repeat the token
	}
}

// authorize is the authorization endpoint, where the person agrees at once.
func (h *Host) authorize(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()

	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != ClientID || q.Get("code_challenge_method") != "S256" ||
		q.Get("code_challenge") == "" || q.Get("state") == "" || q.Get("scope") != "read api" {
		http.Error(w, "no such application, or no PKCE", http.StatusBadRequest)
		return
	}

	code := "canary-code-" + rand.Text()
	h.codes[code] = q
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "bad redirect", http.StatusBadRequest)
		return
	}

	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (h *Host) token(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	answered, elsewhere := h.OnTokenRequest, h.RedirectTo
	h.mu.Unlock()

	if elsewhere != "" {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		return
	}

	if answered != nil {
		answered()
	}

	h.mu.Lock()
	defer h.mu.Unlock()

	if r.ParseForm() != nil || !h.isClient(r) {
		refuse(w, http.StatusUnauthorized, "invalid_client", r)
		return
	}

	ok := false
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		ok = h.spendCode(r)
	case "refresh_token":
		ok = h.spendRefresh(r.PostForm.Get("refresh_token"))
	}

	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_grant", r)
		return
	}

	access, refresh := h.issueTokens()
	answer := map[string]any{
		"access_token":  access,
		"token_type":    "Bearer",
		"refresh_token": refresh,
		"scope":         "read api",
	}
	if !h.RotatesRefreshTokens && r.PostForm.Get("refresh_token") != "" {
		delete(answer, "refresh_token")
	}

	if h.TokenLifetime > 0 {
		answer["expires_in"] = int(h.TokenLifetime.Seconds())
	}

	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// isClient reports whether the request authenticates the registered application.
func (h *Host) isClient(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	if h.PublicClient {
		return !basic && r.PostForm.Get("client_id") == ClientID && r.PostForm.Get("client_secret") == ""
	}
	return id == ClientID && secret == ClientSecret
}

func (h *Host) spendCode(r *http.Request) bool {
	code := r.PostForm.Get("code")
	asked, ok := h.codes[code]
	delete(h.codes, code)
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	return ok && r.PostForm.Get("redirect_uri") == asked.Get("redirect_uri") &&
		base64.RawURLEncoding.EncodeToString(sum[:]) == asked.Get("code_challenge")
}

func (h *Host) spendRefresh(token string) bool {
	h.refreshTokenUses[token]++
	h.refreshes = append(h.refreshes, time.Now())
	ok := h.liveRefreshTokens[token]
	if h.RotatesRefreshTokens {
		delete(h.liveRefreshTokens, token)
	}
	return ok
}

// refuse repeats the secrets of the request, as some hosts do.
func refuse(w http.ResponseWriter, status int, code string, r *http.Request) {
	_, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code,
		"error_description": "not accepted: " + secret + " " + r.PostForm.Encode()})
}

// InvalidateRefreshToken marks a refresh token as used.
func (h *Host) InvalidateRefreshToken(refresh string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.liveRefreshTokens, refresh)
}
