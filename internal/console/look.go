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

//go:embed look/*.html
var look embed.FS

//go:embed look/style.css
var style string

// templates are those of all pages. They are ours alone and parsed once.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
}).ParseFS(look, "look/*.html"))

// contentSecurityPolicy lets a browser apply our style, and do nothing else: no
// script, no picture, no form, no frame.
var contentSecurityPolicy = "default-src 'none'; style-src '" + hashOf(style) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// The answers that are the same for everybody.
var (
	missing = notice(http.StatusNotFound, "not found", "There is nothing here",
		"The address is not complete, or what it led to is no longer kept. Ask for the status of the commit at your Git host.")
	limited     = notice(http.StatusTooManyRequests, "limited", "Too many requests", "Try again in a moment.")
	wrongMethod = notice(http.StatusMethodNotAllowed, "wrong method", "This page can only be read", "Ask for it with GET.")
	unavailable = notice(http.StatusServiceUnavailable, "unavailable", "Not now", "The server is busy. Try again in a moment.")
	failed      = notice(http.StatusInternalServerError, "failed", "Something went wrong", "Whoever operates this server finds more in its log.")
)

func notice(status int, outcome, title, text string) answer {
	body, err := render("notice.html", struct{ Title, Text string }{title, text})
	if err != nil {
		panic(err) // a template of ours, and nothing in it from elsewhere
	}
	return answer{status, outcome, body}
}

// render makes a page whole before any of it is sent.
func render(name string, page any) ([]byte, error) {
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, name, page)
	return text.Bytes(), err
}

// A moment is a time for people and for their browsers. The zero moment is none.
type moment time.Time

// IsZero says whether there is no such time.
func (m moment) IsZero() bool { return time.Time(m).IsZero() }

// Exact is for browsers.
func (m moment) Exact() string { return time.Time(m).UTC().Format("2006-01-02T15:04:05Z") }

// Said is for people.
func (m moment) Said() string { return time.Time(m).UTC().Format("2006-01-02 15:04:05 UTC") }

// plain is a text from elsewhere, at most so many bytes of it.
func plain(text string, most int) string { return lockstep.Truncate(lockstep.SanitizeLine(text), most) }
