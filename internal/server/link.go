package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/provider/git"
	"github.com/lockstephq/lockstep/internal/store"
)

// A source is a repository as a person named it, taken apart.
type source struct {
	said       string // without a password
	endpoint   string // the host's
	owner      string
	name       string
	folder     string   // that discovery is limited to, "" for all
	work       string   // the working copy's root, "" where there is none
	root       string   // the local repository's root, "" for a URL
	roots      []string // folders that reading it touches
	credential lockstep.Credential
}

// parseSource takes apart what a person gave as REPO: a URL, or any folder of a
// working copy, a worktree or a bare repository.
func parseSource(said string) (source, error) {
	switch {
	case said == "":
		return source{}, errors.New("a repository is needed, and one of them is named by nothing")
	case strings.Contains(said, "://"):
		return parseURL(said)
	case scpLike(said):
		return source{}, noSSH(httpsOfSCP(said))
	}

	at, err := localrepo.Find(said)
	if err != nil {
		shown := withoutUserinfo(said)
		if _, statErr := os.Stat(said); statErr != nil {
			return source{}, fmt.Errorf("%s: there is no such folder, and it is no URL", shown)
		}
		return source{}, fmt.Errorf("%s: no Git repository holds this folder (git init makes one)", shown)
	}

	s := source{
		said: said, endpoint: "file://" + (&url.URL{Path: filepath.Dir(at.Root)}).EscapedPath(), owner: "-",
		name: filepath.Base(at.Root), root: at.Root, roots: []string{at.Root, at.CommonDir},
		credential: lockstep.Credential{Kind: lockstep.NoCredential},
	}
	if !at.Bare {
		s.work = at.Root
	}

	// The folder .git and what it holds stand for the whole repository.
	if top, _, _ := strings.Cut(at.Subfolder, "/"); top != "." && top != ".git" {
		s.folder = at.Subfolder
	}

	return s, nil
}

// scpLike says whether a text is git's user@host:path, which no folder is.
func scpLike(said string) bool {
	host, _, ok := strings.Cut(said, ":")
	if !ok || strings.ContainsAny(host, `/\`) {
		return false
	}
	_, err := os.Stat(said)
	return err != nil
}

// httpsOfSCP gives the URL that git's user@host:path may have. What has its user
// behind the colon is a URL without its beginning: user:password@host/path.
func httpsOfSCP(said string) string {
	host, path, _ := strings.Cut(said, ":")
	if i := strings.LastIndex(path, "@"); i >= 0 && !strings.Contains(host, "@") {
		return "https://" + path[i+1:]
	}
	return "https://" + host[strings.Index(host, "@")+1:] + "/" + strings.TrimPrefix(path, "/")
}

// withoutUserinfo shows what is no URL, but was perhaps meant as one, without
// the password that may stand in it.
func withoutUserinfo(said string) string {
	if i := strings.LastIndex(said, "@"); i >= 0 && strings.Contains(said[:i], ":") {
		return said[i+1:]
	}
	return said
}

func parseURL(said string) (source, error) {
	u, err := url.Parse(said)
	if err != nil {
		return source{}, errors.New("one of the repositories is not a URL that can be read")
	}

	// A password is not shown, nor what may be one in a query.
	clean := *u
	clean.User, clean.RawQuery, clean.Fragment = nil, "", ""
	shown := clean.String()
	if u.RawQuery != "" || u.Fragment != "" {
		return source{}, fmt.Errorf("%s: the URL of a repository has nothing behind ? or #", shown)
	}

	switch u.Scheme {
	case "https", "http":
	case "ssh", "git+ssh":
		return source{}, noSSH("https://" + u.Hostname() + u.Path)
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return source{}, fmt.Errorf("%s: a file URL names no host: file:///PATH", shown)
		}
		if u.Path == "" {
			return source{}, fmt.Errorf("%s is no folder", shown)
		}
		return parseSource(u.Path)

	default:
		return source{}, fmt.Errorf("%s: only https:// and http:// are read; or give a local clone", shown)
	}

	dir, name := "", strings.Trim(u.EscapedPath(), "/")
	if i := strings.LastIndex(name, "/"); i >= 0 {
		dir, name = name[:i], name[i+1:]
	}

	if u.Host == "" || name == "" {
		return source{}, fmt.Errorf("%s: not the URL of a repository", shown)
	}

	s := source{said: shown, endpoint: u.Scheme + "://" + strings.ToLower(u.Host), owner: cmp.Or(dir, "-"), name: name,
		credential: lockstep.Credential{Kind: lockstep.NoCredential}}
	if u.User != nil {
		s.credential = userinfo(u.User)
	}

	return s, nil
}

func noSSH(https string) error {
	return fmt.Errorf("ssh is not spoken: give %s, or the folder of a local clone", https)
}

// userinfo gives the credential in a URL. A lone user name is a token, as Git
// hosts have it.
func userinfo(u *url.Userinfo) lockstep.Credential {
	if password, ok := u.Password(); ok {
		return lockstep.Credential{Kind: lockstep.BasicCredential, Username: u.Username(), Secret: password}
	}
	return lockstep.Credential{Kind: lockstep.BasicCredential, Username: u.Username(), Secret: "x-oauth-basic"}
}

// linker makes the rows that a source needs: host, connection, credential and
// repository link.
type linker struct {
	*server
	account lockstep.AccountID
	region  string
}

// service is the API by which what `up` makes says it was made.
const service = "codeconnections"

func (l linker) arn(kind, id string) lockstep.ARN {
	return lockstep.MakeARN(service, l.region, string(l.account), kind, id)
}

// link gives the link of a source, made if it is not there yet. A credential
// that was given replaces the one there is.
func (l linker) link(ctx context.Context, s source) (link lockstep.RepositoryLink, err error) {
	err = l.db.Update(ctx, func(tx *db.Tx) error {
		host, err := l.host(tx, s)
		if err != nil {
			return err
		}

		var known bool
		if link, known, err = l.known(tx, host, s); err != nil {
			return err
		}

		if !known {
			if link, err = l.insert(tx, host, s); err != nil {
				return err
			}
		}

		if known && s.credential.Kind == lockstep.NoCredential {
			return nil
		}

		return store.SaveCredential(tx, l.key, link.ConnectionARN, s.credential)
	})

	return link, err
}

// host gives the host of an endpoint, made if it is not there yet.
func (l linker) host(tx *db.Tx, s source) (lockstep.Host, error) {
	page := db.Page{Limit: 1000}
	for {
		hosts, next, err := store.Hosts(tx, l.account, l.region, page)
		if err != nil {
			return lockstep.Host{}, err
		}

		for _, h := range hosts {
			if h.Endpoint == s.endpoint {
				return h, nil
			}
		}

		if next == (db.Cursor{}) {
			break
		}

		page.After = next
	}

	id := uuid.NewString()
	h := lockstep.Host{ARN: l.arn("host", "up-"+id[:8]), Account: l.account, Region: l.region, Name: lockstep.Truncate(s.endpoint, 64),
		ProviderType: git.Type, Endpoint: s.endpoint, Status: lockstep.HostAvailable}
	return h, store.InsertHost(tx, &h)
}

// known looks for the link of a repository on a host.
func (l linker) known(tx *db.Tx, host lockstep.Host, s source) (lockstep.RepositoryLink, bool, error) {
	links, err := l.all(tx)
	if err != nil {
		return lockstep.RepositoryLink{}, false, err
	}

	for _, link := range links {
		conn, err := store.ConnectionByARN(tx, link.ConnectionARN)
		if err != nil {
			return link, false, err
		}
		if conn.HostARN == host.ARN && link.OwnerID == s.owner && link.RepositoryName == s.name {
			return link, true, nil
		}
	}

	return lockstep.RepositoryLink{}, false, nil
}

// isNear says whether a link's repository is on this machine.
func (l linker) isNear(d *db.DB, link lockstep.RepositoryLink) (near bool) {
	err := d.View(context.Background(), func(tx *db.Tx) error {
		conn, err := store.ConnectionByARN(tx, link.ConnectionARN)
		if err != nil {
			return err
		}
		host, err := store.HostByARN(tx, conn.HostARN)
		near = strings.HasPrefix(host.Endpoint, "file://") || netaddr.IsLoopbackURL(host.Endpoint)
		return err
	})
	return near && err == nil
}

// all reads every link of the account and region.
func (l linker) all(tx *db.Tx) ([]lockstep.RepositoryLink, error) {
	var all []lockstep.RepositoryLink
	page := db.Page{Limit: 1000}
	for {
		links, next, err := store.Links(tx, l.account, l.region, page)
		if err != nil {
			return nil, err
		}

		all = append(all, links...)
		if next == (db.Cursor{}) {
			return all, nil
		}

		page.After = next
	}
}

func (l linker) insert(tx *db.Tx, host lockstep.Host, s source) (lockstep.RepositoryLink, error) {
	conn := lockstep.Connection{ARN: l.arn("connection", uuid.NewString()), Account: l.account, Region: l.region,
		Name: lockstep.Truncate(s.name, 32), ProviderType: git.Type, HostARN: host.ARN, Status: lockstep.ConnectionAvailable}
	if err := store.InsertConnection(tx, &conn); err != nil {
		return lockstep.RepositoryLink{}, err
	}
	id := uuid.NewString()
	link := lockstep.RepositoryLink{ID: id, ARN: l.arn("repository-link", id), Account: l.account, Region: l.region,
		ConnectionARN: conn.ARN, OwnerID: s.owner, RepositoryName: s.name, ProviderType: git.Type}
	return link, store.InsertLink(tx, &link)
}
