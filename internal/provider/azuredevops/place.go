package azuredevops

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep"
)

// apiVersion is the version of the REST API whose shapes are used here.
const apiVersion = "7.1"

// A place is where a repository is.
type place struct {
	base                              string // without a slash at its end
	organization, project, repository string // not escaped
}

// locate reads a link.
func locate(base string, l lockstep.RepositoryLink) (place, error) {
	organization, project, ok := strings.Cut(l.OwnerID, "/")
	if !ok {
		project = l.RepositoryName
	}

	at := place{base, organization, project, l.RepositoryName}
	for _, part := range []string{at.organization, at.project, at.repository} {
		// Two of these are not escaped, and lead elsewhere.
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `/\`) || strings.ContainsFunc(part, unicode.IsControl) {
			return place{}, lockstep.Errorf(lockstep.Invalid, "OwnerId %q and RepositoryName %q do not name a repository of Azure DevOps:"+
				" OwnerId is ORGANIZATION/PROJECT, or ORGANIZATION where the project has the repository's name.", l.OwnerID, l.RepositoryName)
		}
	}

	if at.organization == "-" {
		return place{}, lockstep.Errorf(lockstep.Invalid, "A repository of Azure DevOps has an owner, ORGANIZATION/PROJECT, and OwnerId is -.")
	}

	return at, nil
}

// web is the repository's page, which is also what Git clones.
func (p place) web() string {
	return p.base + "/" + url.PathEscape(p.organization) + "/" + url.PathEscape(p.project) + "/_git/" + url.PathEscape(p.repository)
}

// ofOrganization gives the path of what an organization has.
func (p place) ofOrganization(path string, query ...string) string {
	return "/" + url.PathEscape(p.organization) + "/_apis/" + path + encode(query)
}

// ofRepository gives the path of what a repository has, or with "" its own.
func (p place) ofRepository(path string, query ...string) string {
	if path != "" {
		path = "/" + path
	}
	return "/" + url.PathEscape(p.organization) + "/" + url.PathEscape(p.project) +
		"/_apis/git/repositories/" + url.PathEscape(p.repository) + path + encode(query)
}

// encode makes a query of names with their values. A version among them replaces
// ours.
func encode(pairs []string) string {
	q := url.Values{"api-version": {apiVersion}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}
