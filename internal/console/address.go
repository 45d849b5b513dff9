package console

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
)

// A commitAddress identifies a commit page.
type commitAddress struct {
	link        string
	sha         lockstep.SHA
	environment string // such as 123456789012/us-east-1
}

const (
	prefix = "/commits/"
	// maxAddress bounds the length of paths and queries. Those of CommitURL are
	// shorter.
	maxAddress = 512
	// purpose separates the keys of pages from other MACs.
	purpose = "page of a commit"
)

func (p commitAddress) path() string {
	return prefix + p.link + "/" + string(p.sha) + "/" + p.environment
}

func (p commitAddress) key(k *seal.Key) string {
	return k.MAC(purpose, p.link, string(p.sha), p.environment)
}

func (p commitAddress) verifyKey(k *seal.Key, key string) bool {
	return k.VerifyMAC(key, purpose, p.link, string(p.sha), p.environment)
}

// url returns the URL of the page below the server's public URL.
func (p commitAddress) url(public string, k *seal.Key) string {
	path := url.URL{Path: p.path()}
	return strings.TrimRight(public, "/") + path.EscapedPath() + "?key=" + p.key(k)
}

// parsePath parses a decoded path.
func parsePath(path string) (commitAddress, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	parts := strings.SplitN(rest, "/", 3)
	if !ok || len(path) > maxAddress || len(parts) < 3 {
		return commitAddress{}, false
	}
	p := commitAddress{link: parts[0], sha: lockstep.SHA(parts[1]), environment: parts[2]}
	return p, p.sha.Valid()
}

var pageNumber = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)

// parseQuery parses a query. It must have a key, and may have a page number, and
// nothing else.
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
