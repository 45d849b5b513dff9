package lockstep

import "time"

// A RepositoryLink is one repository over one connection.
type RepositoryLink struct {
	ID               string // a UUID
	ARN              ARN
	Account          AccountID
	Region           string
	ConnectionARN    ARN
	OwnerID          string // may hold slashes; "-" where the host has no owners
	RepositoryName   string
	ProviderType     ProviderType
	EncryptionKeyARN string
	// Discovery, where set, makes a sync configuration of every deployment
	// file found at a new head.
	Discovery *Discovery
	CreatedAt time.Time
}

// Path gives the repository's path below its host: OwnerID/RepositoryName,
// without the owner where it is "-".
func (l RepositoryLink) Path() string {
	if l.OwnerID == "-" {
		return l.RepositoryName
	}
	return l.OwnerID + "/" + l.RepositoryName
}

// A Discovery says which deployment files of a repository become sync
// configurations, and what they are called.
type Discovery struct {
	Branch string            `json:"branch"`
	Folder string            `json:"folder,omitempty"` // "" is the whole tree
	Only   string            `json:"only,omitempty"`   // a path.Match pattern on the file's path or name
	Names  map[string]string `json:"names,omitempty"`  // file path to resource name
	// Rename lets a name that is taken become NAME-2; otherwise it is an error.
	Rename  bool   `json:"rename,omitempty"`
	RoleARN string `json:"role_arn,omitempty"`
	// Deleted are the files whose configurations somebody has deleted: they are
	// not made again.
	Deleted []string `json:"deleted,omitempty"`
}
