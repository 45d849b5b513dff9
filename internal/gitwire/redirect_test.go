package gitwire_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// redirects sends requests of a method elsewhere.
func redirects(method string, to func(*http.Request) string, status int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method {
				http.Redirect(w, r, to(r), status)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestAttack17RedirectLeaksNoCredential(t *testing.T) {
	var mu sync.Mutex
	var leaked []string
	watch := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()

			if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet ||
				strings.Contains(fmt.Sprint(r.URL, r.Header), "hunter2") {
				leaked = append(leaked, fmt.Sprint(r.Method, " ", r.URL, r.Header))
			}

			next.ServeHTTP(w, r)
		})
	}
	tests := map[string]struct {
		other gitwiretest.Options
		want  error
	}{
		"wants a credential": {gitwiretest.Options{Token: "hunter2", Wrap: watch}, giterr.ErrUnauthorized},
		"is open":            {gitwiretest.Options{Wrap: watch}, giterr.ErrRedirect},
		"is old and open":    {gitwiretest.Options{Version0: true, Wrap: watch}, giterr.ErrRedirect},
	}
	for name, test := range tests {
		repo, _, there := served(t, test.other)
		repo.Commit(map[string]string{"a": "1"})
		to := func(r *http.Request) string { return strings.TrimSuffix(there, "/team/app.git") + r.URL.String() }
		for _, status := range []int{301, 302, 303, 307, 308} {
			for method, want := range map[string]error{http.MethodGet: test.want, http.MethodPost: giterr.ErrRedirect} {
				repo, _, address := served(t, gitwiretest.Options{
					Token: "hunter2",
					Wrap:  redirects(method, to, status),
				})
				repo.Commit(map[string]string{"a": "1"})
				r := open(t, gitwire.Options{URL: address, Auth: transport.Bearer(address, "hunter2")})
				_, err := r.Refs(t.Context(), []string{gitwiretest.Main})
				if !errors.Is(err, want) || !strings.Contains(err.Error(), there) {
					t.Errorf("%s, %d to a %s: got %v", name, status, method, err)
				}
			}

			if testing.Short() {
				break
			}
		}
	}

	if len(leaked) > 0 {
		t.Errorf("the other host was asked: %s", leaked)
	}
}

// A host that was sent to must not send back with the credential, to a place of
// its choice.
func TestAttack17TheWayBackIsWithoutTheCredential(t *testing.T) {
	var back string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, back+"/secret/app.git/info/refs", http.StatusFound)
	}))
	defer other.Close()

	away := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/team/") {
				http.Redirect(w, r, other.URL+"/info/refs", http.StatusFound)
				return
			}

			if r.Header.Get("Authorization") != "" {
				t.Errorf("asked for %s with the credential", r.URL)
			}

			next.ServeHTTP(w, r)
		})
	}

	_, srv, address := served(t, gitwiretest.Options{Token: "hunter2", Wrap: away})
	back = srv.URL
	_, err := open(t, gitwire.Options{URL: address, Auth: transport.Bearer(address, "hunter2")}).Head(t.Context())
	if !errors.Is(err, giterr.ErrUnauthorized) || !strings.Contains(err.Error(), "/secret/app.git") {
		t.Errorf("got %v", err)
	}
}

// A redirect may lead to a server inside the network, whose pages are not for the
// people who read the error.
func TestAttack16WhatAnotherOriginSaysIsNotRepeated(t *testing.T) {
	const page = "internal inventory"
	for _, status := range []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			refuse := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, page, status) }
			internal := httptest.NewServer(http.HandlerFunc(refuse))
			defer internal.Close()

			to := func(r *http.Request) string { return internal.URL + r.URL.String() }
			_, _, address := served(t, gitwiretest.Options{Wrap: redirects(http.MethodGet, to, http.StatusFound)})
			_, err := open(t, gitwire.Options{URL: address}).Head(t.Context())
			if err == nil || strings.Contains(err.Error(), page) {
				t.Errorf("the error is %v, want one without what the other server says", err)
			}

			// The repository's own server is repeated, for the person who set it up.
			_, err = open(t, gitwire.Options{URL: internal.URL + "/team/app.git"}).Head(t.Context())
			if err == nil || !strings.Contains(err.Error(), page) {
				t.Errorf("the error is %v, want one with what the repository's server says", err)
			}
		})
	}
}

func TestAttack16RedirectReachesNoForbiddenAddress(t *testing.T) {
	for _, to := range []string{
		"http://169.254.169.254/latest/info/refs", "http://[fd00:ec2::254]/info/refs",
		"http://[::ffff:169.254.169.254]/info/refs",
	} {
		_, _, address := served(t, gitwiretest.Options{Wrap: redirects(http.MethodGet, func(*http.Request) string {
			return to
		}, http.StatusFound)})
		_, err := open(t, gitwire.Options{URL: address}).Head(t.Context())
		if !errors.Is(err, giterr.ErrAddress) {
			t.Errorf("%s: got %v", to, err)
		}
	}

	for _, to := range []string{"file:///etc/info/refs", "ssh://git.example.com/info/refs", "https:///info/refs",
		"http://git.example.com/elsewhere"} {
		_, _, address := served(t, gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(http.StatusFound)
			})
		}})

		_, err := open(t, gitwire.Options{URL: address}).Head(t.Context())
		if !errors.Is(err, giterr.ErrRedirect) {
			t.Errorf("%s: got %v", to, err)
		}
	}
}

// Azure DevOps leads those it does not know to where people sign in.
func TestTheWayToSignInIsARefusedCredential(t *testing.T) {
	to := func(*http.Request) string { return "https://signin.example.com/_signin?realm=x&reply_to=y" }
	_, _, address := served(t, gitwiretest.Options{Wrap: redirects(http.MethodGet, to, http.StatusFound)})
	_, err := open(t, gitwire.Options{
		URL:  address,
		Auth: transport.Basic(address, "", "hunter2-hunter2"),
	}).Head(t.Context())
	if !errors.Is(err, giterr.ErrUnauthorized) {
		t.Fatalf("got %v, want %v", err, giterr.ErrUnauthorized)
	}

	if !strings.Contains(err.Error(), "https://signin.example.com/_signin") {
		t.Errorf("%q does not contain %q", err.Error(), "https://signin.example.com/_signin")
	}

	if strings.Contains(err.Error(), "realm") {
		t.Errorf("%q contains %q", err.Error(), "realm")
	}
}

func TestNoMoreThanThreeRedirectsAreFollowed(t *testing.T) {
	var asked []string
	hop := func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		http.Redirect(w, r, "/x"+r.URL.String(), http.StatusFound)
	}
	srv := httptest.NewServer(http.HandlerFunc(hop))
	defer srv.Close()

	_, err := open(t, gitwire.Options{URL: srv.URL}).Head(t.Context())
	want := []string{"/info/refs", "/x/info/refs", "/x/x/info/refs", "/x/x/x/info/refs"}
	if !errors.Is(err, giterr.ErrRedirect) || !slices.Equal(asked, want) {
		t.Errorf("asked for %q: %v", asked, err)
	}
}

// A host keeps the former name of a repository for advertisements, and often for nothing else.
func TestARepositoryThatMovesBetweenTwoRequestsIsFollowed(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter, r *http.Request, to string){
		"404": func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusNotFound) },
		"410": func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusGone) },
		"401": func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusUnauthorized) },
		"403": func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusForbidden) },
		"405": func(w http.ResponseWriter, _ *http.Request, _ string) {
			http.Error(w, "no", http.StatusMethodNotAllowed)
		},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		answers[fmt.Sprint(status)] = func(w http.ResponseWriter, r *http.Request, to string) {
			http.Redirect(w, r, to, status)
		}
	}

	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			repo, host, address := served(t, gitwiretest.Options{Wrap: func(next http.Handler) http.Handler {
				return newMovingHost(next, answer)
			}})
			commit := repo.Commit(map[string]string{"a": "1"})
			remote := open(t, gitwire.Options{URL: address})

			for _, place := range []string{"team/app.git", "team/new.git", "other/third.git", "team/app.git"} {
				if response, err := http.Post(host.URL+"/move-to/"+place, "", nil); err != nil {
					t.Fatal(err)
				} else {
					response.Body.Close()
				}
				host.Requests()

				refs, err := remote.Refs(t.Context(), []string{gitwiretest.Main})
				if err != nil || refs[gitwiretest.Main].String() != commit {
					t.Fatalf("after a move to %s: got %v, %v, want commit %s", place, refs, err, commit)
				}

				// The new place is remembered.
				host.Requests()
				if _, err := remote.Refs(t.Context(), []string{gitwiretest.Main}); err != nil {
					t.Fatalf("the second time at %s: %v", place, err)
				}
				if count := len(host.Requests()); count != 1 {
					t.Errorf("the second time at %s: %d requests, want 1", place, count)
				}
			}
		})
	}
}

// A movingHost serves the repository team/app.git below the name that a request to /move-to/
// gave last. Advertisements for all its former names are redirected there.
type movingHost struct {
	next   http.Handler
	answer func(w http.ResponseWriter, r *http.Request, to string) // a command to a former name

	mu    sync.Mutex
	place string
}

func newMovingHost(next http.Handler, answer func(http.ResponseWriter, *http.Request, string)) *movingHost {
	return &movingHost{next: next, answer: answer, place: "team/app.git"}
}

func (h *movingHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if to, ok := strings.CutPrefix(r.URL.Path, "/move-to/"); ok {
		h.place = to
		return
	}

	repository, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	to := "/" + h.place + "/" + rest
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}

	switch {
	case repository+".git" == h.place:
		r.URL.Path = "/team/app.git/" + rest
		h.next.ServeHTTP(w, r)
	case r.Method == http.MethodGet:
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	default:
		h.answer(w, r, to)
	}
}

func TestACommandIsRepeatedOnceForARepositoryThatIsGone(t *testing.T) {
	for name, status := range map[string]int{
		"gone": http.StatusNotFound, "refused": http.StatusForbidden, "signed out": http.StatusUnauthorized,
	} {
		t.Run(name, func(t *testing.T) {
			repo, host, address := served(t, gitwiretest.Options{})
			repo.Commit(map[string]string{"a": "1"})
			remote := open(t, gitwire.Options{URL: address})
			if _, err := remote.Refs(t.Context(), []string{gitwiretest.Main}); err != nil {
				t.Fatal(err)
			}

			host.Fail(status, nil)
			for i, want := range []int{2, 1} { // the command and an advertisement, then the latter alone
				host.Requests()
				if _, err := remote.Refs(t.Context(), []string{gitwiretest.Main}); err == nil {
					t.Errorf("look %d: no error", i)
				}
				if count := len(host.Requests()); count != want {
					t.Errorf("look %d: %d requests, want %d", i, count, want)
				}
			}
		})
	}
}
