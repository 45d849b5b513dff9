package providertest

import (
	"net/http"
	"strings"
)

// MovedAPI returns a handler for the API of a repository that was renamed or transferred, as
// GitHub and Gitea answer: requests below the path from, its former place, are redirected to the
// path to. Those are served by api as if they were below from. Reading is redirected with 301, and
// writes with 307.
func MovedAPI(api http.Handler, from, to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), from); ok {
			address := to + rest
			if r.URL.RawQuery != "" {
				address += "?" + r.URL.RawQuery
			}

			status := http.StatusTemporaryRedirect
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				status = http.StatusMovedPermanently
			}
			http.Redirect(w, r, address, status)
			return
		}

		if rest, ok := strings.CutPrefix(r.URL.Path, to); ok {
			escaped := strings.TrimPrefix(r.URL.EscapedPath(), to)
			r.URL.Path, r.URL.RawPath = from+rest, from+escaped
		}
		api.ServeHTTP(w, r)
	})
}
