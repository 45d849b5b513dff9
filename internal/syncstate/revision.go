package syncstate

import (
	"encoding/json"
	"fmt"

	"github.com/lockstephq/lockstep"
)

// storedRevision is the JSON of a revision in a column. The names are part of the
// schema.
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
	var stored storedRevision
	if err := json.Unmarshal([]byte(s), &stored); err != nil {
		return lockstep.Revision{}, fmt.Errorf("decode revision: %w", err)
	}
	return lockstep.Revision{
		Branch: stored.Branch, Directory: stored.Directory, OwnerID: stored.OwnerID,
		RepositoryName: stored.RepositoryName, ProviderType: lockstep.ProviderType(stored.ProviderType),
		SHA: lockstep.SHA(stored.SHA),
	}, nil
}

// storedConfiguration is the JSON of a sync configuration in a column: the members
// that an attempt needs if the configuration is deleted. The names are part of the
// schema.
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

func encodeConfiguration(cfg lockstep.SyncConfiguration) (string, error) {
	b, err := json.Marshal(storedConfiguration{
		ID: cfg.ID, Account: string(cfg.Account), Region: cfg.Region, SyncType: string(cfg.SyncType),
		ResourceName: cfg.ResourceName, LinkID: cfg.LinkID, Branch: cfg.Branch, ConfigFile: cfg.ConfigFile,
		RoleARN: cfg.RoleARN, OwnerID: cfg.OwnerID, RepositoryName: cfg.RepositoryName,
		ProviderType: string(cfg.ProviderType),
	})
	return string(b), err
}

func decodeConfiguration(s string) (lockstep.SyncConfiguration, error) {
	var stored storedConfiguration
	if err := json.Unmarshal([]byte(s), &stored); err != nil {
		return lockstep.SyncConfiguration{}, fmt.Errorf("decode configuration: %w", err)
	}
	return lockstep.SyncConfiguration{
		ID: stored.ID, Account: lockstep.AccountID(stored.Account), Region: stored.Region,
		SyncType:     lockstep.SyncType(stored.SyncType),
		ResourceName: stored.ResourceName, LinkID: stored.LinkID, Branch: stored.Branch, ConfigFile: stored.ConfigFile,
		RoleARN: stored.RoleARN, OwnerID: stored.OwnerID, RepositoryName: stored.RepositoryName,
		ProviderType: lockstep.ProviderType(stored.ProviderType),
	}, nil
}
