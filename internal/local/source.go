package local

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
)

// A source is a parsed REPO argument.
type source struct {
	argument   string // as it was given, without a password
	endpoint   string // of the host
	owner      string
	name       string
	folder     string   // that discovery is limited to; "" is the whole repository
	work       string   // root of the working copy, or ""
	root       string   // root of the local repository, or "" for a URL
	roots      []string // folders that reading the repository touches
	credential lockstep.Credential
}

// connectionName returns the name of the connection that is created for a source.
func (s source) connectionName() string { return lockstep.Truncate(s.name, 32) }

// parseSource parses a REPO argument: a URL, or any folder of a working copy, a worktree or a bare
// repository.
func parseSource(argument string) (source, error) {
	switch {
	case argument == "":
		return source{}, errors.New("one of the repositories is an empty argument; name a URL or a folder")
	case strings.Contains(argument, "://"):
		return parseURL(argument)
	case isSCP(argument):
		return source{}, sshError(sshOfSCP(argument), httpsOfSCP(argument))
	}

	repository, err := localrepo.Find(argument)
	if err != nil {
		shown := withoutUserinfo(argument)
		if _, statErr := os.Stat(argument); statErr != nil {
			return source{}, fmt.Errorf("%s: there is no such folder, and it is not a URL", shown)
		}
		return source{}, fmt.Errorf("%s: the folder is not in a Git repository (git init creates one)", shown)
	}

	src := source{
		argument:   argument,
		endpoint:   "file://" + (&url.URL{Path: filepath.Dir(repository.Root)}).EscapedPath(),
		owner:      "-",
		name:       filepath.Base(repository.Root),
		root:       repository.Root,
		roots:      []string{repository.Root, repository.CommonDir},
		credential: lockstep.Credential{Kind: lockstep.NoCredential},
	}
	if !repository.Bare {
		src.work = repository.Root
	}

	// The folder .git and its content stand for the whole repository.
	if top, _, _ := strings.Cut(repository.Subfolder, "/"); top != "." && top != ".git" {
		src.folder = repository.Subfolder
	}

	return src, nil
}

// isSCP reports whether an argument is git's user@host:path. An existing folder is not.
func isSCP(argument string) bool {
	host, _, ok := strings.Cut(argument, ":")
	if !ok || strings.ContainsAny(host, `/\`) {
		return false
	}
	_, err := os.Stat(argument)
	return err != nil
}

// sshOfSCP returns the endpoint of git's user@host:path.
func sshOfSCP(argument string) string {
	host, path, _ := strings.Cut(argument, ":")
	if i := strings.LastIndex(path, "@"); i >= 0 && !strings.Contains(host, "@") {
		host, _, _ = strings.Cut(path[i+1:], "/")
	}
	return "ssh://" + host
}

// httpsOfSCP returns the likely URL of git's user@host:path. An argument with the user after the colon
// is a URL without its scheme: user:password@host/path.
func httpsOfSCP(argument string) string {
	host, path, _ := strings.Cut(argument, ":")
	if i := strings.LastIndex(path, "@"); i >= 0 && !strings.Contains(host, "@") {
		return "https://" + path[i+1:]
	}
	return "https://" + host[strings.Index(host, "@")+1:] + "/" + strings.TrimPrefix(path, "/")
}

// withoutUserinfo removes the password from an argument that may be a URL without its scheme.
func withoutUserinfo(argument string) string {
	if i := strings.LastIndex(argument, "@"); i >= 0 && strings.Contains(argument[:i], ":") {
		return argument[i+1:]
	}
	return argument
}

func parseURL(argument string) (source, error) {
	parsed, err := url.Parse(argument)
	if err != nil { // it may hold a password: not repeated
		return source{}, errors.New("one of the repositories is not a valid URL")
	}

	clean := *parsed
	clean.User, clean.RawQuery, clean.Fragment = nil, "", "" // a query may hold a token
	shown := clean.String()
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		return source{}, fmt.Errorf("%s: the URL of a repository has nothing after ? or #", shown)
	}

	switch parsed.Scheme {
	case "https", "http":
		return parseHTTP(parsed, shown)
	case "ssh", "git+ssh":
		endpoint := &url.URL{Scheme: "ssh", User: url.User(parsed.User.Username()), Host: parsed.Host}
		return source{}, sshError(endpoint.String(), "https://"+parsed.Hostname()+parsed.Path)
	case "file":
		if parsed.Host != "" && parsed.Host != "localhost" {
			return source{}, fmt.Errorf("%s: a file URL names no host: file:///PATH", shown)
		}
		if parsed.Path == "" {
			return source{}, fmt.Errorf("%s is not a folder", shown)
		}
		return parseSource(parsed.Path)
	}

	return source{}, fmt.Errorf("%s: only https:// and http:// are supported; or name a local clone", shown)
}

func parseHTTP(parsed *url.URL, shown string) (source, error) {
	owner, name := "-", strings.Trim(parsed.EscapedPath(), "/")
	if i := strings.LastIndex(name, "/"); i >= 0 {
		owner, name = name[:i], name[i+1:]
	}
	if parsed.Host == "" || name == "" {
		return source{}, fmt.Errorf("%s: not the URL of a repository", shown)
	}

	return source{
		argument:   shown,
		endpoint:   parsed.Scheme + "://" + strings.ToLower(parsed.Host),
		owner:      cmp.Or(owner, "-"),
		name:       name,
		credential: credentialOf(parsed.User),
	}, nil
}

// sshError names what to do instead of `lockstep up` with an SSH URL.
func sshError(endpoint, https string) error {
	return fmt.Errorf("SSH is not supported here: use %s, or the folder of a local clone; or run `lockstep up` "+
		"without it, and then `lockstep connect NAME --endpoint %s --ssh-key FILE` and `lockstep link create`",
		https, endpoint)
}

// credentialOf returns the credential in a URL. A user name without a password is a token, as on Git
// hosts.
func credentialOf(user *url.Userinfo) lockstep.Credential {
	if user == nil {
		return lockstep.Credential{Kind: lockstep.NoCredential}
	}

	password, ok := user.Password()
	if !ok {
		password = "x-oauth-basic"
	}
	return lockstep.Credential{Kind: lockstep.BasicCredential, Username: user.Username(), Secret: password}
}

// checkDistinct refuses a repository that is named twice: its files would ask for two names.
func checkDistinct(sources []source) error {
	arguments := map[string]string{}
	for _, src := range sources {
		id := src.endpoint + "/" + src.owner + "/" + src.name
		if other, ok := arguments[id]; ok {
			return usageErrorf(
				"%s and %s are one repository; name it once (--only selects what is synced)",
				other,
				src.argument,
			)
		}
		arguments[id] = src.argument
	}
	return nil
}
