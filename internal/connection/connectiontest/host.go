// Package connectiontest has a Git host for tests of credentials: an HTTP server
// that knows tokens, lets applications in by OAuth 2 with PKCE, and renews what it
// gave. A test makes it refuse, rotate, be away, or send callers elsewhere.
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

// The application that is registered at every Host.
const (
	ClientID     = "app-1"
	ClientSecret = "canary-client-secret"
)

// A Host is the server. Its fields are changed under Set.
type Host struct {
	URL string

	mu sync.Mutex
	// Tokens are those that work.
	Tokens map[string]bool
	// Unavailable makes it answer 503.
	Unavailable bool
	// Elsewhere, where not "", is where it sends whoever asks for a token.
	RedirectTo string
	// RotatesRefreshTokens says that a refresh token works once, and that another comes with
	// each access token.
	RotatesRefreshTokens bool
	// TokenLifetime is how long an access token lasts; 0 is for ever.
	TokenLifetime time.Duration
	// PublicClient says that the application has no secret.
	PublicClient bool
	// Answered, where not nil, is called before the answer to a request for a token
	// is given.
	OnTokenRequest func()

	codes   map[string]url.Values // what was asked for, by code
	refresh map[string]int        // how often each refresh token was shown
	live    map[string]bool       // refresh tokens that work
	asked   []time.Time           // checks of a token
	renewed []time.Time           // requests with a refresh token
}

// New makes a host behind a socket.
func New(t testing.TB) *Host {
	h := NewInProcess()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

// NewInProcess makes a host without a socket, for bubbles of testing/synctest, where
// an idle connection would stop the clock. It is its own transport.
func NewInProcess() *Host {
	return &Host{
		URL: "https://git.example.com", Tokens: map[string]bool{}, RotatesRefreshTokens: true, TokenLifetime: 2 * time.Hour,
		codes: map[string]url.Values{}, refresh: map[string]int{}, live: map[string]bool{},
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

// Update changes the host.
func (h *Host) Update(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// CheckTimes gives when a token was checked.
func (h *Host) CheckTimes() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]time.Time(nil), h.asked...)
}

// RefreshTimes gives when a refresh token was shown.
func (h *Host) RefreshTimes() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]time.Time(nil), h.renewed...)
}

// RefreshTokenUses gives how often each refresh token was shown.
func (h *Host) RefreshTokenUses() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]int{}
	for token, n := range h.refresh {
		all[token] = n
	}
	return all
}

// Grant gives an access token and a refresh token, as if a person had let the
// application in.
func (h *Host) Grant() (access, refresh string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.issueTokens()
}

// Revoke ends all tokens of both kinds.
func (h *Host) Revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.Tokens)
	clear(h.live)
}

func (h *Host) issueTokens() (access, refresh string) {
	access, refresh = "canary-access-"+rand.Text(), "canary-refresh-"+rand.Text()
	h.Tokens[access], h.live[refresh] = true, true
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
	h.asked = append(h.asked, time.Now())
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !h.Tokens[token] {
		http.Error(w, "bad token "+token, http.StatusUnauthorized) // as careless hosts do
	}
}

// authorize is the page on which a person says yes.
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

	if r.ParseForm() != nil || !h.client(r) {
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
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "refresh_token": refresh, "scope": "read api"}
	if !h.RotatesRefreshTokens && r.PostForm.Get("refresh_token") != "" {
		delete(answer, "refresh_token")
	}

	if h.TokenLifetime > 0 {
		answer["expires_in"] = int(h.TokenLifetime.Seconds())
	}

	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// client says whether the application is who it says.
func (h *Host) client(r *http.Request) bool {
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
	h.refresh[token]++
	h.renewed = append(h.renewed, time.Now())
	ok := h.live[token]
	if h.RotatesRefreshTokens {
		delete(h.live, token)
	}
	return ok
}

// refuse repeats what it was shown, as careless hosts do.
func refuse(w http.ResponseWriter, status int, code string, r *http.Request) {
	_, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code,
		"error_description": "not accepted: " + secret + " " + r.PostForm.Encode()})
}

// InvalidateRefreshToken makes a refresh token one that has been used.
func (h *Host) InvalidateRefreshToken(refresh string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.live, refresh)
}
