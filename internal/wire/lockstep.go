package wire

// What has become of a revision for one resource, as GetRevisionSync says it.
const (
	HandlingPending        = "PENDING"         // known, and its attempt has not started
	HandlingNotConcerned   = "NOT_CONCERNED"   // the revision changes nothing that the resource reads
	HandlingInProgress     = "IN_PROGRESS"     // its attempt is running
	HandlingSucceeded      = "SUCCEEDED"       // its attempt succeeded
	HandlingFailed         = "FAILED"          // its attempt failed
	HandlingBlocked        = "BLOCKED"         // an active blocker keeps it back
	HandlingLaterSucceeded = "LATER_SUCCEEDED" // never attempted itself, or failed, and a later revision succeeded
)

// How a connection's credential is sent to the Git host.
const (
	CredentialNone   = "NONE"
	CredentialBasic  = "BASIC"
	CredentialToken  = "TOKEN"
	CredentialSSHKey = "SSH_KEY"
)

// Credential is what a connection shows to the Git host. NONE needs nothing
// else, TOKEN needs Secret, BASIC both. SSH_KEY needs a private key in PEM for
// Secret, and Username if that is not git. Secret is shown in no message.
type Credential struct {
	Kind     string `shape:"CredentialKind"`
	Username string `json:",omitzero" shape:"CredentialUsername"`
	Secret   string `json:",omitzero" shape:"CredentialSecret"`
}

// CompleteConnectionInput gives a connection its credential.
type CompleteConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	Credential    Credential
}

// CompleteConnectionOutput answers CompleteConnection.
type CompleteConnectionOutput struct {
	ConnectionStatus string `shape:"ConnectionStatus"`
}

// StartResourceSyncInput asks for the branch's head to be tried again now, or
// for Sha, which must be the head or one of its ancestors.
type StartResourceSyncInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	Sha          string `json:",omitzero" shape:"SHA"`
}

// StartResourceSyncOutput is empty.
type StartResourceSyncOutput struct{}

// StartRepositorySyncInput asks for a branch to be polled now, or for every
// followed branch when it names none.
type StartRepositorySyncInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Branch           string `json:",omitzero" shape:"BranchName"`
}

// StartRepositorySyncOutput is empty.
type StartRepositorySyncOutput struct{}

// GetRevisionSyncInput asks what has become of a revision. Without Sha the
// Git host is asked for the branch's head.
type GetRevisionSyncInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	Sha          string `json:",omitzero" shape:"SHA"`
}

// GetRevisionSyncOutput answers GetRevisionSync. Head is the branch's newest
// revision known, ResourceSync the resource's latest status (absent before any
// attempt), Reason a sentence for a person.
type GetRevisionSyncOutput struct {
	Sha          string                       `shape:"SHA"`
	Handling     string                       `shape:"RevisionHandling"`
	Head         string                       `json:",omitzero" shape:"SHA"`
	ResourceSync *GetResourceSyncStatusOutput `json:",omitzero"`
	Reason       string                       `json:",omitzero" shape:"HandlingReason"`
}
