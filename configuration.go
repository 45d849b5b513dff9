package lockstep

import (
	"regexp"
	"time"
)

// A SyncType says what kind of target a configuration syncs. Each driver's
// folder holds its own.
type SyncType string

// A SyncConfiguration says which resource follows which branch, and how. It is
// unique per account, region, sync type and resource name.
type SyncConfiguration struct {
	ID             int64 // never reused; not on the wire
	Account        AccountID
	Region         string
	SyncType       SyncType
	ResourceName   string
	LinkID         string
	Branch         string
	ConfigFile     string // path from the repository's root
	RoleARN        string
	OwnerID        string // of the link, as are the next two
	RepositoryName string
	ProviderType   ProviderType
	// The three switches are "" where the caller said nothing.
	TriggerResourceUpdateOn TriggerResourceUpdateOn
	PublishDeploymentStatus Switch
	PullRequestComment      Switch
	CreatedAt               time.Time
}

// A TriggerResourceUpdateOn says which heads concern a configuration. ""
// behaves as FileChange.
type TriggerResourceUpdateOn string

// The two triggers, as the API spells them.
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

// Resource gives the name of what the configuration syncs.
func (c SyncConfiguration) Resource() Resource {
	return Resource{Account: c.Account, Region: c.Region, SyncType: c.SyncType, Name: c.ResourceName}
}

// Revision gives the configuration's view of a commit of its branch.
func (c SyncConfiguration) Revision(sha SHA) Revision {
	return Revision{
		Branch: c.Branch, Directory: c.ConfigFile, OwnerID: c.OwnerID,
		RepositoryName: c.RepositoryName, ProviderType: c.ProviderType, SHA: sha,
	}
}

// A Resource names what a sync changes. It outlives its configuration: never
// two attempts run for one resource, whichever configuration began them.
type Resource struct {
	Account  AccountID
	Region   string
	SyncType SyncType
	Name     string
}

var branchName = regexp.MustCompile(`^[^\x00-\x20\x7f~^:?*\[\\]+$`)

// ValidBranch says whether a name can be a branch, by the rules of
// git check-ref-format for refs/heads/NAME.
func ValidBranch(name string) bool {
	return len(name) <= 255 && branchName.MatchString(name) && !badBranch.MatchString(name)
}

var badBranch = regexp.MustCompile(`^[-/.]|\.\.|//|/\.|@\{|\.lock(/|$)|[/.]$|^@$`)
