package syncstate

import (
	"encoding/json"
	"fmt"

	"github.com/lockstephq/lockstep"
)

// storedRevision is a revision as it stands in a column: its names are part of
// the schema, whatever becomes of the words.
type storedRevision struct {
	Branch         string `json:"branch"`
	Directory      string `json:"directory"`
	OwnerID        string `json:"owner_id"`
	RepositoryName string `json:"repository_name"`
	ProviderType   string `json:"provider_type"`
	SHA            string `json:"sha"`
}

func encodeRevision(r lockstep.Revision) (string, error) {
	b, err := json.Marshal(storedRevision{
		Branch: r.Branch, Directory: r.Directory, OwnerID: r.OwnerID,
		RepositoryName: r.RepositoryName, ProviderType: string(r.ProviderType), SHA: string(r.SHA),
	})
	return string(b), err
}

func decodeRevision(s string) (lockstep.Revision, error) {
	var r storedRevision
	if err := json.Unmarshal([]byte(s), &r); err != nil {
		return lockstep.Revision{}, fmt.Errorf("decode revision: %w", err)
	}
	return lockstep.Revision{
		Branch: r.Branch, Directory: r.Directory, OwnerID: r.OwnerID,
		RepositoryName: r.RepositoryName, ProviderType: lockstep.ProviderType(r.ProviderType), SHA: lockstep.SHA(r.SHA),
	}, nil
}

// storedConfiguration is the part of a configuration that an attempt needs to
// go on with when the configuration is gone.
type storedConfiguration struct {
	ID             int64  `json:"id"`
	Account        string `json:"account"`
	Region         string `json:"region"`
	SyncType       string `json:"sync_type"`
	ResourceName   string `json:"resource_name"`
	LinkID         string `json:"link_id"`
	Branch         string `json:"branch"`
	ConfigFile     string `json:"config_file"`
	RoleARN        string `json:"role_arn"`
	OwnerID        string `json:"owner_id"`
	RepositoryName string `json:"repository_name"`
	ProviderType   string `json:"provider_type"`
}

func encodeConfiguration(c lockstep.SyncConfiguration) (string, error) {
	b, err := json.Marshal(storedConfiguration{
		ID: c.ID, Account: string(c.Account), Region: c.Region, SyncType: string(c.SyncType),
		ResourceName: c.ResourceName, LinkID: c.LinkID, Branch: c.Branch, ConfigFile: c.ConfigFile,
		RoleARN: c.RoleARN, OwnerID: c.OwnerID, RepositoryName: c.RepositoryName, ProviderType: string(c.ProviderType),
	})
	return string(b), err
}

func decodeConfiguration(s string) (lockstep.SyncConfiguration, error) {
	var c storedConfiguration
	if err := json.Unmarshal([]byte(s), &c); err != nil {
		return lockstep.SyncConfiguration{}, fmt.Errorf("decode configuration: %w", err)
	}
	return lockstep.SyncConfiguration{
		ID: c.ID, Account: lockstep.AccountID(c.Account), Region: c.Region, SyncType: lockstep.SyncType(c.SyncType),
		ResourceName: c.ResourceName, LinkID: c.LinkID, Branch: c.Branch, ConfigFile: c.ConfigFile,
		RoleARN: c.RoleARN, OwnerID: c.OwnerID, RepositoryName: c.RepositoryName,
		ProviderType: lockstep.ProviderType(c.ProviderType),
	}, nil
}
