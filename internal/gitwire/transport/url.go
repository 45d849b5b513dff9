package transport

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// parseURL accepts http:// and https:// URLs. Its errors do not repeat the URL, which may
// contain a password, and show the https form of an ssh one.
func parseURL(raw string) (*url.URL, error) {
	if form, ok := httpsForm(raw); ok {
		return nil, fmt.Errorf("%w: only http:// and https:// are read; use %s", giterr.ErrURL, form)
	}

	address, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it cannot be parsed", giterr.ErrURL)
	case address.Scheme != "https" && address.Scheme != "http":
		return nil, fmt.Errorf("%w: only http:// and https:// are read, use https://HOST/PATH", giterr.ErrURL)
	case address.Hostname() == "" || address.Opaque != "":
		return nil, fmt.Errorf("%w: it names no host", giterr.ErrURL)
	case address.User != nil:
		return nil, fmt.Errorf("%w: take user name and password out of it and give them as a credential (%s://%s%s)",
			giterr.ErrURL, address.Scheme, address.Host, address.EscapedPath())
	case address.RawQuery != "" || address.ForceQuery || address.Fragment != "":
		return nil, fmt.Errorf("%w: a query or a fragment is not part of a repository's address", giterr.ErrURL)
	case strings.ContainsFunc(address.Path, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return nil, fmt.Errorf("%w: it holds control characters", giterr.ErrURL)
	}

	address.Path, address.RawPath = strings.TrimSuffix(address.Path, "/"), strings.TrimSuffix(address.RawPath, "/")
	return address, nil
}

// httpsForm returns the https:// form of an address for SSH or for git's own protocol:
// ssh://git@host:22/path, git://host/path, git@host:path.
func httpsForm(raw string) (string, bool) {
	scheme, remainder, ok := strings.Cut(raw, "://")
	if !ok {
		host, path, ok := strings.Cut(raw, ":")
		if !ok || host == "http" || host == "https" || strings.ContainsAny(host, "/\\") ||
			strings.HasPrefix(path, ":") || path == "" {
			return "", false
		}

		remainder = host + "/" + path
	} else if scheme != "ssh" && scheme != "git" && scheme != "git+ssh" && scheme != "ssh+git" {
		return "", false
	}

	host, path, _ := strings.Cut(remainder, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(host, ":")
	form := url.URL{Scheme: "https", Host: host, Path: "/" + strings.TrimPrefix(path, "/")}

	return form.String(), true
}

// parseSSH accepts ssh://[USER@]HOST[:PORT]/PATH. Its errors do not repeat the URL, which may
// contain a password.
func parseSSH(raw string) (*url.URL, error) {
	address, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be parsed", giterr.ErrURL)
	}

	_, password := address.User.Password()
	host := address.Hostname()
	switch {
	case password:
		return nil, fmt.Errorf("%w: a password is not part of a repository's address, and not used over SSH",
			giterr.ErrURL)
	case host == "" || address.Opaque != "":
		return nil, fmt.Errorf("%w: it names no host", giterr.ErrURL)
	case host[0] == '-' || strings.ContainsFunc(host, isOutside("-._:%")):
		return nil, fmt.Errorf("%w: it is not the name of a host", giterr.ErrURL)
	case strings.HasPrefix(address.User.Username(), "-") ||
		strings.ContainsFunc(address.User.Username(), isOutside("-._+@")):
		return nil, fmt.Errorf("%w: its user name holds characters that are not sent", giterr.ErrURL)
	case address.RawQuery != "" || address.ForceQuery || address.Fragment != "":
		return nil, fmt.Errorf("%w: a query or a fragment is not part of a repository's address", giterr.ErrURL)
	}

	address.Path, address.RawPath = strings.TrimRight(address.Path, "/"), ""
	return address, nil
}

// uploadPackPath returns a path for the command line, where it stands between quotes and the
// server's shell reads it. A path that could end the quotes is refused, because servers do not
// agree on how to escape it.
func uploadPackPath(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%w: it names no repository", giterr.ErrURL)
	}
	if bad := strings.IndexFunc(path, isOutside("/-._~+@=,: %")); bad >= 0 {
		return "", fmt.Errorf("%w: its path holds %s, which is not sent over SSH", giterr.ErrURL,
			giterr.Quote([]byte(string([]rune(path[bad:])[:1]))))
	}

	for element := range strings.SplitSeq(path, "/") {
		if element == "." || element == ".." {
			return "", fmt.Errorf("%w: its path leads upwards", giterr.ErrURL)
		}
	}

	if strings.HasPrefix(path, "/~") {
		path = path[1:] // a home directory, as git writes it
	}

	return path, nil
}

// isOutside returns a function that reports whether a rune is neither a letter nor a digit nor
// listed.
func isOutside(listed string) func(rune) bool {
	return func(c rune) bool {
		return c == unicode.ReplacementChar || !unicode.IsLetter(c) && !unicode.IsDigit(c) &&
			!strings.ContainsRune(listed, c)
	}
}
