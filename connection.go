package lockstep

import "time"

// A Connection holds the credential for a Git host.
type Connection struct {
	ARN          ARN
	Account      AccountID
	Region       string
	Name         string
	ProviderType ProviderType
	HostARN      ARN // "" if the provider type needs no host
	Status       ConnectionStatus
	CreatedAt    time.Time
}

// A ConnectionStatus is the status of a connection, as the API spells it.
type ConnectionStatus string

// The statuses of a connection.
const (
	ConnectionPending   ConnectionStatus = "PENDING"   // it has no credential yet
	ConnectionAvailable ConnectionStatus = "AVAILABLE" // the credential works, as far as is known
	ConnectionError     ConnectionStatus = "ERROR"     // the Git host rejects the credential
)
