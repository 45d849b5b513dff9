package manifest

import "fmt"

// A Kind is a kind of resource, in the singular.
type Kind string

// The kinds, in the order in which they are created.
const (
	HostKind          Kind = "host"
	ConnectionKind    Kind = "connection"
	LinkKind          Kind = "link"
	ConfigurationKind Kind = "configuration"
	RoleKind          Kind = "role"
	PolicyKind        Kind = "policy"
)

// DefaultSyncType is the type of a sync configuration that names none.
const DefaultSyncType = "CFN_STACK_SYNC"

// Resources are the resources of a file or of a server.
type Resources struct {
	Hosts          []Host
	Connections    []Connection
	Links          []Link
	Configurations []Configuration
	Policies       []Policy
	Roles          []Role
}

// A Resource is a Host, Connection, Link, Configuration, Policy or Role.
type Resource interface {
	// ID identifies the resource among those of its kind.
	ID() string
	// source returns the position in the file.
	source() Position
	// address returns the ARN or ID of a resource of a server.
	address() string
}

// A Position is a place in a file. Lines and columns count from 1.
type Position struct{ Line, Column int }

func (p Position) source() Position { return p }

// Host is an installed Git server. In a file, a nil VPC and nil Tags are not set.
type Host struct {
	Position
	Name, Provider, Endpoint string
	VPC                      *VPC
	Tags                     map[string]string
	ARN                      string // of a server's host
}

// ID returns the name.
func (h Host) ID() string      { return h.Name }
func (h Host) address() string { return h.ARN }

// VPC is how AWS would reach a host inside a VPC.
type VPC struct {
	ID             string
	Subnets        []string
	SecurityGroups []string
	Certificate    string
}

// Connection is a connection to a provider or to a host. One of a server has a
// provider in both cases.
type Connection struct {
	Position
	Name, Provider, Host string
	Tags                 map[string]string
	ARN, Status          string // of a server's connection
}

// ID returns the name.
func (c Connection) ID() string      { return c.Name }
func (c Connection) address() string { return c.ARN }

// Link is a link to a repository, OWNER/NAME, over a connection.
type Link struct {
	Position
	Repository, Connection, EncryptionKey string
	Tags                                  map[string]string
	ARN, UUID, Provider                   string // of a server's link
}

// ID returns the repository.
func (l Link) ID() string      { return l.Repository }
func (l Link) address() string { return l.ARN }

// Configuration is a sync configuration. Link is the repository of its link.
type Configuration struct {
	Position
	Type, Resource           string
	Link, Branch, File, Role string
	// Empty members are not set.
	Trigger, PublishDeploymentStatus, PullRequestComment string
	// Signers are not set if they are nil. Those of a server are nil if there are
	// none, or if they were not read.
	Signers *Signers
}

// ID returns the resource, with the sync type if that is not the default.
func (c Configuration) ID() string {
	if c.Type == DefaultSyncType {
		return c.Resource
	}
	return c.Type + " " + c.Resource
}
func (c Configuration) address() string { return c.ID() }

// Policy is a Cedar policy.
type Policy struct {
	Position
	Name, Document string
}

// ID returns the name.
func (p Policy) ID() string      { return p.Name }
func (p Policy) address() string { return p.Name }

// Role is a role that can be assumed with the tokens of another issuer. Members that
// a file does not set are removed, except for MaxSessionDuration, in seconds, which
// stays as it is.
type Role struct {
	Position
	Name, Role, Issuer  string
	Audiences, Subjects []string
	Claims              []Claim
	JWKS                string
	MaxSessionDuration  *int
}

// ID returns the name.
func (r Role) ID() string      { return r.Name }
func (r Role) address() string { return r.Name }

// Claim is the pattern that a claim of a token must match.
type Claim struct{ Name, Pattern string }

// A File is a parsed manifest.
type File struct {
	// Name is the name of the file in errors.
	Name string
	Resources
	// Lists has the kinds that the file has a list of, even if it is empty.
	Lists map[Kind]bool
}

// Len returns how many resources the file has.
func (f File) Len() int {
	return len(f.Hosts) + len(f.Connections) + len(f.Links) + len(f.Configurations) + len(f.Policies) + len(f.Roles)
}

// A Problem is a problem of a file. The zero Position is the file as a whole.
type Problem struct {
	Position
	Text string
}

// A FileError has the problems of a file.
type FileError struct {
	Name     string
	Problems []Problem
}

// maxProblems is how many problems of a file are shown.
const maxProblems = 20

// Error returns a line for each problem: file:line:column: text.
func (e *FileError) Error() string {
	text := ""
	for i, problem := range e.Problems {
		if i == maxProblems {
			return text + fmt.Sprintf("\n… and %d more", len(e.Problems)-i)
		}

		if i > 0 {
			text += "\n"
		}

		text += e.Name + ":"
		if problem.Line > 0 {
			text += fmt.Sprintf("%d:%d:", problem.Line, problem.Column)
		}

		text += " " + problem.Text
	}

	return text
}
