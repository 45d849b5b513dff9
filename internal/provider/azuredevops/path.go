package azuredevops

import (
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
)

// apiVersion is the version of the REST API that the driver uses.
const apiVersion = "7.1"

// A location is where a repository is.
type location struct {
	base                              string // without a slash at its end
	organization, project, repository string // not escaped
}

// parseLink returns the location of a link's repository.
func parseLink(base string, link lockstep.RepositoryLink) (location, error) {
	organization, project, ok := strings.Cut(link.OwnerID, "/")
	if !ok {
		project = link.RepositoryName
	}

	at := location{base: base, organization: organization, project: project, repository: link.RepositoryName}
	for _, part := range []string{at.organization, at.project, at.repository} {
		// PathEscape leaves dots as they are, which lead to another path.
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `/\`) ||
			strings.ContainsFunc(part, lockstep.IsUnsafe) {
			return location{}, lockstep.Errorf(lockstep.Invalid,
				"OwnerId %q and RepositoryName %q do not name a repository of Azure DevOps:"+
					" OwnerId is ORGANIZATION/PROJECT, or ORGANIZATION if the project has the repository's "+
					"name.", link.OwnerID, link.RepositoryName)
		}
	}

	if at.organization == "-" {
		return location{}, lockstep.Errorf(lockstep.Invalid,
			"A repository of Azure DevOps has an owner, ORGANIZATION/PROJECT, but OwnerId is -.")
	}

	return at, nil
}

// web returns the URL of the repository, both for people and for Git.
func (l location) web() string {
	return l.base + "/" + url.PathEscape(l.organization) + "/" + url.PathEscape(l.project) + "/_git/" +
		url.PathEscape(l.repository)
}

// organizationPath returns the path of a resource of the organization.
func (l location) organizationPath(path string, query ...string) string {
	return "/" + url.PathEscape(l.organization) + "/_apis/" + path + encodeQuery(query)
}

// repositoryPath returns the path of a resource of the repository, or with "" its own.
func (l location) repositoryPath(path string, query ...string) string {
	if path != "" {
		path = "/" + path
	}
	return "/" + url.PathEscape(l.organization) + "/" + url.PathEscape(l.project) +
		"/_apis/git/repositories/" + url.PathEscape(l.repository) + path + encodeQuery(query)
}

// encodeQuery returns a query of names with their values. A version among them replaces
// apiVersion.
func encodeQuery(pairs []string) string {
	query := url.Values{"api-version": {apiVersion}}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return "?" + query.Encode()
}
