// Package bitbucket is the driver for Bitbucket Cloud.
//
// Repositories are read by Git's own protocol from bitbucket.org. Build statuses, pull
// requests, comments and webhooks use version 2.0 of the REST API, for which there is no
// well-maintained library.
//
// # Credentials
//
// TOKEN is an access token of a repository, a project or a workspace, which belongs to no
// user and cannot ask for one. BASIC is the e-mail address of an Atlassian account with an
// API token, or a user name with an app password. OAUTH is an application's token. NONE
// reads public repositories.
//
// # Repeated calls
//
// A status has a key that is made of its environment, a comment is found by its marker, and a
// webhook by its URL, so that a repeated call after a crash creates no second one. Of a list, a
// bounded number of pages is read, and only from the API's own origin.
package bitbucket
