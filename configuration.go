package lockstep

import (
	"regexp"
	"strings"
	"time"
)

// A SyncType is a kind of target. Each driver defines its own.
type SyncType string

// A SyncConfiguration keeps one resource in sync with a file of a branch. It is
// unique for its account, region, sync type and resource name.
//
// Attempts and previews store the members that they need if the configuration is
// deleted, as JSON. The names are part of the stored format. CONTRIBUTING.md lists
// what has to change when a member is added.
type SyncConfiguration struct {
	ID           int64     `json:"id"` // never reused; not in the API
	Account      AccountID `json:"account"`
	Region       string    `json:"region"`
	SyncType     SyncType  `json:"sync_type"`
	ResourceName string    `json:"resource_name"`
	LinkID       string    `json:"link_id"`
	Branch       string    `json:"branch"`
	ConfigFile   string    `json:"config_file"` // as the caller wrote it; see ConfigPath
	RoleARN      string    `json:"role_arn"`

	// Of the repository link.
	OwnerID        string       `json:"owner_id"`
	RepositoryName string       `json:"repository_name"`
	ProviderType   ProviderType `json:"provider_type"`

	// "" if the caller did not set them.
	TriggerResourceUpdateOn TriggerResourceUpdateOn `json:"-"`
	PublishDeploymentStatus Switch                  `json:"-"`
	PullRequestComment      Switch                  `json:"-"`

	CreatedAt time.Time `json:"-"`
}

// A TriggerResourceUpdateOn selects the heads that affect a configuration. "" is
// FileChange.
type TriggerResourceUpdateOn string

// The triggers, as the API spells them.
const (
	AnyChange  TriggerResourceUpdateOn = "ANY_CHANGE"
	FileChange TriggerResourceUpdateOn = "FILE_CHANGE"
)

// A Switch turns a feature of a sync configuration on or off. "" is the default,
// which is off.
type Switch string

// The positions of a switch, as the API spells them.
const (
	Enabled  Switch = "ENABLED"
	Disabled Switch = "DISABLED"
)

// Resource returns the resource that the configuration syncs.
func (c SyncConfiguration) Resource() Resource {
	return Resource{Account: c.Account, Region: c.Region, SyncType: c.SyncType, Name: c.ResourceName}
}

// ConfigPath returns the path of the deployment file in a tree. Callers may write
// /stacks/web.yaml or ./stacks/web.yaml for stacks/web.yaml, as at AWS.
func (c SyncConfiguration) ConfigPath() string { return TreePath(c.ConfigFile) }

// TreePath returns the path in a tree that a person wrote: without leading ./ and
// without the slash that stands for the root of the repository.
func TreePath(name string) string {
	if rest, ok := strings.CutPrefix(name, "/"); ok {
		return rest
	}
	for strings.HasPrefix(name, "./") {
		name = name[len("./"):]
	}
	return name
}

// Revision returns a commit of the configuration's branch as a revision.
func (c SyncConfiguration) Revision(sha SHA) Revision {
	return Revision{
		Branch:         c.Branch,
		Directory:      c.ConfigFile,
		OwnerID:        c.OwnerID,
		RepositoryName: c.RepositoryName,
		ProviderType:   c.ProviderType,
		SHA:            sha,
	}
}

// A Resource identifies what a sync changes. It outlives its sync configuration: at
// most one attempt runs for a resource, whichever configuration started it.
type Resource struct {
	Account  AccountID
	Region   string
	SyncType SyncType
	Name     string
}

var (
	branchName = regexp.MustCompile(`^[^\x00-\x20\x7f~^:?*\[\\]+$`)
	badBranch  = regexp.MustCompile(`^[-/.]|\.\.|//|/\.|@\{|\.lock(/|$)|[/.]$|^@$`)
)

// ValidBranch reports whether a branch can have a name, by the rules of git
// check-ref-format for refs/heads/NAME.
func ValidBranch(name string) bool {
	return len(name) <= 255 && branchName.MatchString(name) && !badBranch.MatchString(name)
}
