package server

import (
	"log/slog"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/azuredevops"
	"github.com/lockstephq/lockstep/internal/provider/bitbucket"
	"github.com/lockstephq/lockstep/internal/provider/git"
	"github.com/lockstephq/lockstep/internal/provider/github"
	"github.com/lockstephq/lockstep/internal/provider/gitlab"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
)

// providerDrivers returns the drivers of Git hosts. A new driver is a line here.
func providerDrivers(network *transport.Network, roots []string) []provider.Driver {
	return []provider.Driver{
		git.New(git.Options{Network: network, Roots: roots}),
		azuredevops.New(azuredevops.Options{Network: network}),
		gitlab.New(gitlab.Options{Network: network}),
		gitlab.New(gitlab.Options{Network: network, SelfManaged: true}),
		github.New(github.Options{Network: network}),
		github.New(github.Options{Network: network, Enterprise: true}),
		bitbucket.New(bitbucket.Options{Network: network}),
	}
}

// ProviderTypes describes the provider types that have a driver.
func ProviderTypes() []provider.Metadata { return metadataOf(providerDrivers(nil, nil)) }

func metadataOf(drivers []provider.Driver) []provider.Metadata {
	var all []provider.Metadata
	for _, driver := range drivers {
		all = append(all, driver.Metadata())
	}
	return all
}

func providerTypes(drivers []provider.Driver) []lockstep.ProviderType {
	var types []lockstep.ProviderType
	for _, metadata := range metadataOf(drivers) {
		types = append(types, metadata.Type)
	}
	return types
}

// providerRules returns what the API checks for each provider type.
func providerRules(drivers []provider.Driver) map[lockstep.ProviderType]api.Provider {
	rules := map[lockstep.ProviderType]api.Provider{}
	for _, metadata := range metadataOf(drivers) {
		rules[metadata.Type] = api.Provider{NeedsHost: metadata.NeedsHost(), ValidEndpoint: metadata.CheckEndpoint}
	}
	return rules
}

// tokenTransport returns the transports for OAuth token requests, which reach the same addresses as
// the drivers do. The certificate, in PEM, is trusted in addition.
func tokenTransport(network *transport.Network) func(certificate string) (http.RoundTripper, error) {
	return func(certificate string) (http.RoundTripper, error) {
		trusting, err := network.Trusting(certificate)
		if err != nil {
			return nil, err
		}
		return trusting.Transport(), nil
	}
}

// targetDrivers returns the drivers of sync types. A new driver is a line here.
func targetDrivers(t Target, installationID string, log *slog.Logger) ([]target.Driver, error) {
	stacks, err := cfnstack.New(cfnstack.Options{
		Target:          t.Endpoint,
		BaseCredentials: t.Credentials,
		AssumeRoles:     t.AssumeRoles,
		Instance:        installationID,
		Log:             log,
		ExternalID:      externalID,
	})
	return []target.Driver{stacks}, err
}

// nameRules returns the check of resource names for each sync type.
func nameRules(drivers []target.Driver) map[lockstep.SyncType]func(string) error {
	rules := map[lockstep.SyncType]func(string) error{}
	for _, driver := range drivers {
		rules[driver.Type()] = func(string) error { return nil }
		if validator, ok := driver.(target.NameValidator); ok {
			rules[driver.Type()] = validator.ValidateName
		}
	}
	return rules
}

// externalID returns the external ID with which the server assumes roles for an account. Callers
// cannot choose it, so a role whose trust policy requires it works for the sync configurations of
// one account only, whichever account names the role.
func externalID(account lockstep.AccountID) string { return "lockstep:" + string(account) }
