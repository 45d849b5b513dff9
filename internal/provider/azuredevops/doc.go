// Package azuredevops is the driver for Azure DevOps: dev.azure.com, and Azure DevOps
// Servers, which are hosts with an endpoint such as https://devops.example.com/tfs.
//
// A link's owner is ORGANIZATION/PROJECT, on a server COLLECTION/PROJECT. An owner without a
// slash is the organization, and the project has the repository's name: that is Azure's own
// short form, https://dev.azure.com/fabrikam/_git/web.
//
// Repositories are read by Git's own protocol, in version 0, the only one that Azure speaks.
// Everything else uses version 7.1 of the REST API, so a server must be 2022.1 or later.
//
// # Credentials
//
// Git and the API accept the same credentials: a personal access token or a password by basic
// authentication, an access token of Microsoft Entra (OAUTH) as a bearer token. Without a
// credential public projects can be read, and nothing else.
//
// Azure answers a credential that it does not know with a sign-in page, by 203, 302 or an HTML
// page. All of them are Denied.
//
// There is no provider.CredentialChecker. A personal access token is for one organization,
// which only a link names. What can be asked without one, the owner's profile, refuses tokens
// that are for code alone.
package azuredevops
