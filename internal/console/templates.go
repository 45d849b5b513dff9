package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"time"

	"github.com/lockstephq/lockstep"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed templates/style.css
var style string

// templates are the templates of all pages.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
}).ParseFS(templateFiles, "templates/*.html"))

// contentSecurityPolicy allows the inline style and nothing else: no scripts,
// images, forms or frames.
var contentSecurityPolicy = "default-src 'none'; style-src '" + hashOf(style) +
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// The responses that do not depend on the request.
var (
	notFound = newResponse(http.StatusNotFound, "not found", "Page not found",
		"The URL is incomplete, or the page is no longer stored. See the status of the commit at your Git host.")
	tooManyRequests = newResponse(http.StatusTooManyRequests, "limited", "Too many requests",
		"Try again in a moment.")
	methodNotAllowed = newResponse(http.StatusMethodNotAllowed, "wrong method", "Method not allowed",
		"This page can only be read. Use GET.")
	unavailable = newResponse(http.StatusServiceUnavailable, "unavailable", "Service unavailable",
		"The server is busy. Try again in a moment.")
	internalError = newResponse(http.StatusInternalServerError, "failed", "Internal error",
		"The page could not be rendered. Details are in the server's log.")
)

func newResponse(status int, outcome, title, text string) response {
	body, err := render("notice.html", struct{ Title, Text string }{title, text})
	if err != nil {
		panic(err) // the template and its data are constant
	}
	return response{status, outcome, body}
}

// render renders a page into memory, so that an error does not send half of it.
func render(name string, page any) ([]byte, error) {
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, name, page)
	return text.Bytes(), err
}

// A timestamp formats a time for pages. The zero timestamp is not shown.
type timestamp time.Time

// IsZero reports whether there is no time.
func (t timestamp) IsZero() bool { return time.Time(t).IsZero() }

// RFC3339 returns the time for browsers.
func (t timestamp) RFC3339() string { return time.Time(t).UTC().Format("2006-01-02T15:04:05Z") }

// Text returns the time for people.
func (t timestamp) Text() string { return time.Time(t).UTC().Format("2006-01-02 15:04:05 UTC") }

// sanitize returns text from outside, safe to show, of at most most bytes.
func sanitize(text string, most int) string {
	return lockstep.Truncate(lockstep.SanitizeLine(text), most)
}
