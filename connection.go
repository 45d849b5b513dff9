package lockstep

import "time"

// A Connection is the permission to read and report, at one provider.
type Connection struct {
	ARN          ARN
	Account      AccountID
	Region       string
	Name         string
	ProviderType ProviderType
	HostARN      ARN // "" where the provider needs no host
	Status       ConnectionStatus
	CreatedAt    time.Time
}

// A ConnectionStatus is where the handshake stands.
type ConnectionStatus string

// The statuses of a connection, as the API spells them.
const (
	ConnectionPending   ConnectionStatus = "PENDING"
	ConnectionAvailable ConnectionStatus = "AVAILABLE"
	ConnectionError     ConnectionStatus = "ERROR"
)
