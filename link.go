package lockstep

import "time"

// A RepositoryLink is a repository that is reached through a connection.
type RepositoryLink struct {
	ID               string // a UUID
	ARN              ARN
	Account          AccountID
	Region           string
	ConnectionARN    ARN
	OwnerID          string // may contain slashes; "-" if the Git host has no owners
	RepositoryName   string
	ProviderType     ProviderType
	EncryptionKeyARN string     // stored and returned, not used
	Discovery        *Discovery // nil if nothing is discovered
	CreatedAt        time.Time
}

// Path returns the path of the repository on its Git host: OwnerID/RepositoryName,
// or RepositoryName if the host has no owners.
func (l RepositoryLink) Path() string {
	if l.OwnerID == "-" {
		return l.RepositoryName
	}
	return l.OwnerID + "/" + l.RepositoryName
}

// A Discovery selects the deployment files of a branch for which sync
// configurations are created, whenever the branch has a new head.
type Discovery struct {
	Branch  string            `json:"branch"`
	Folder  string            `json:"folder,omitempty"` // "" is the whole tree
	Only    string            `json:"only,omitempty"`   // a path.Match pattern for the file's path or name
	Names   map[string]string `json:"names,omitempty"`  // resource names by file path
	RoleARN string            `json:"role_arn,omitempty"`
	// Deleted lists the files whose configurations were deleted by a caller. They
	// are not created again.
	Deleted []string `json:"deleted,omitempty"`
}
