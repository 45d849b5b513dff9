package manifest

import "fmt"

// A Kind is a kind of thing, in the singular that people read.
type Kind string

// The kinds, in the order in which things come into being.
const (
	HostKind          Kind = "host"
	ConnectionKind    Kind = "connection"
	LinkKind          Kind = "link"
	ConfigurationKind Kind = "configuration"
	RoleKind          Kind = "role"
	PolicyKind        Kind = "policy"
)

// DefaultSyncType is the type of a configuration that names none.
const DefaultSyncType = "CFN_STACK_SYNC"

// Resources are the whole of a fleet, as a file asks for it or as a server has it.
type Resources struct {
	Hosts          []Host
	Connections    []Connection
	Links          []Link
	Configurations []Configuration
	Policies       []Policy
	Roles          []Role
}

// A Thing is a Host, a Connection, a Link, a Configuration, a Policy or a Role.
type Resource interface {
	// ID is what the thing is known by among those of its kind.
	ID() string
	// source is where a file has it.
	source() Position
	// address is the ARN or the id of a thing of the server's.
	address() string
}

// A Position is a place in a file. Both count from 1.
type Position struct{ Line, Column int }

func (p Position) source() Position { return p }

// Host is an installed Git server. Of a file's Host, what is empty and may be so
// is not asked for: no VPC, nil Tags.
type Host struct {
	Position
	Name, Provider, Endpoint string
	VPC                      *VPC
	Tags                     map[string]string
	ARN                      string
}

// ID is the name.
func (h Host) ID() string      { return h.Name }
func (h Host) address() string { return h.ARN }

// VPC says how AWS would reach a host inside a VPC.
type VPC struct {
	ID             string
	Subnets        []string
	SecurityGroups []string
	Certificate    string
}

// Connection is at a provider or at a host. A connection of the server's has
// the provider also where it has a host.
type Connection struct {
	Position
	Name, Provider, Host string
	Tags                 map[string]string
	ARN, Status          string
}

// ID is the name.
func (c Connection) ID() string      { return c.Name }
func (c Connection) address() string { return c.ARN }

// Link is a repository, OWNER/NAME, read over a connection.
type Link struct {
	Position
	Repository, Connection, EncryptionKey string
	Tags                                  map[string]string
	ARN, UUID, Provider                   string
}

// ID is the repository.
func (l Link) ID() string      { return l.Repository }
func (l Link) address() string { return l.ARN }

// Configuration says which resource follows which file of which branch. Link is
// the link's repository.
type Configuration struct {
	Position
	Type, Resource           string
	Link, Branch, File, Role string
	// What is empty is not asked for.
	Trigger, PublishDeploymentStatus, PullRequestComment string
	// Signers are not asked for where they are nil; a configuration of the
	// server's has none then, or they were not read.
	Signers *Signers
}

// ID is the resource, with the sync type where that is not the default.
func (c Configuration) ID() string {
	if c.Type == DefaultSyncType {
		return c.Resource
	}
	return c.Type + " " + c.Resource
}
func (c Configuration) address() string { return c.ID() }

// Policy is a text of Cedar.
type Policy struct {
	Position
	Name, Document string
}

// ID is the name.
func (p Policy) ID() string      { return p.Name }
func (p Policy) address() string { return p.Name }

// Role is a role that holders of another issuer's tokens may assume. It is
// written whole: what a file does not say of it is not there, but for
// MaxSessionDuration, in seconds, whose absence leaves the choice to the server.
type Role struct {
	Position
	Name, Role, Issuer  string
	Audiences, Subjects []string
	Claims              []Claim
	JWKS                string
	MaxSessionDuration  *int
}

// ID is the name.
func (r Role) ID() string      { return r.Name }
func (r Role) address() string { return r.Name }

// Claim is what a claim of a token must be like.
type Claim struct{ Name, Pattern string }

// A File is what somebody wrote.
type File struct {
	// Name is how errors call it.
	Name string
	Resources
	// Lists says which lists the file has, be they empty.
	Lists map[Kind]bool
}

// Len returns how many resources the file has.
func (f File) Len() int {
	return len(f.Hosts) + len(f.Connections) + len(f.Links) + len(f.Configurations) + len(f.Policies) + len(f.Roles)
}

// A Problem is one thing that is wrong with a file. A zero Position is nowhere
// in particular.
type Problem struct {
	Position
	Text string
}

// A FileError is what is wrong with a file, or with what it asks for.
type FileError struct {
	Name     string
	Problems []Problem
}

// maxProblems are shown of a file.
const maxProblems = 20

// Error is a line for each problem: file:line:column: text.
func (e *FileError) Error() string {
	text := ""
	for i, p := range e.Problems {
		if i == maxProblems {
			return text + fmt.Sprintf("\n… and %d more", len(e.Problems)-i)
		}

		if i > 0 {
			text += "\n"
		}

		text += e.Name + ":"
		if p.Line > 0 {
			text += fmt.Sprintf("%d:%d:", p.Line, p.Column)
		}

		text += " " + p.Text
	}

	return text
}
