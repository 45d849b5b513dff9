package console

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
)

// A place is what a page of a commit is about.
type place struct {
	link        string
	sha         lockstep.SHA
	environment string // such as 123456789012/us-east-1
}

const (
	prefix = "/commits/"
	// maxAddress is above what an address of ours has, path and query each.
	maxAddress = 512
	// purpose keeps the keys of these pages apart from all other stamps.
	purpose = "page of a commit"
)

func (p place) path() string { return prefix + p.link + "/" + string(p.sha) + "/" + p.environment }

func (p place) key(k *seal.Key) string {
	return k.MAC(purpose, p.link, string(p.sha), p.environment)
}

func (p place) opens(k *seal.Key, key string) bool {
	return k.VerifyMAC(key, purpose, p.link, string(p.sha), p.environment)
}

// url gives the address that is told, below the one at which people reach this
// server.
func (p place) url(public string, k *seal.Key) string {
	path := url.URL{Path: p.path()}
	return strings.TrimRight(public, "/") + path.EscapedPath() + "?key=" + p.key(k)
}

// parsePath reads a path as the server has decoded it.
func parsePath(path string) (place, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	parts := strings.SplitN(rest, "/", 3)
	if !ok || len(path) > maxAddress || len(parts) < 3 {
		return place{}, false
	}
	p := place{link: parts[0], sha: lockstep.SHA(parts[1]), environment: parts[2]}
	return p, p.sha.Valid()
}

var pageNumber = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)

// parseQuery reads a query that has nothing but a key and a number, each once.
func parseQuery(raw string) (key string, number int, ok bool) {
	if len(raw) > maxAddress {
		return "", 0, false
	}

	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", 0, false
	}

	number = 1
	for name, list := range values {
		switch {
		case len(list) != 1:
			return "", 0, false
		case name == "key":
			key = list[0]
		case name == "page" && pageNumber.MatchString(list[0]):
			number, err = strconv.Atoi(list[0])
			if err != nil {
				return "", 0, false
			}

		default:
			return "", 0, false
		}
	}

	return key, number, key != ""
}
