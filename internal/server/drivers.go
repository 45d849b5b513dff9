package server

import (
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

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
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
)

// providers lists the drivers of Git hosts. A new one is a line here and one in
// hostRules.
func providers(network *transport.Network, roots []string) []provider.Driver {
	return []provider.Driver{
		git.New(git.Options{Network: network, Roots: roots}),
		azuredevops.New(azuredevops.Options{Network: network}),
		gitlab.New(gitlab.Options{Network: network}),
		gitlab.NewSelfManaged(gitlab.Options{Network: network}),
		github.New(github.Options{Network: network}),
		github.NewEnterprise(network),
		bitbucket.New(bitbucket.Options{Network: network}),
	}
}

// transports carries requests for tokens where those of drivers may go.
func transports(network *transport.Network) func(string) (http.RoundTripper, error) {
	return func(certificate string) (http.RoundTripper, error) {
		trusting, err := network.Trusting(certificate)
		if err != nil {
			return nil, err
		}
		return trusting.Transport(), nil
	}
}

// hostRules is what the API has to know of each provider type.
func hostRules(roots []string) map[lockstep.ProviderType]api.Provider {
	return map[lockstep.ProviderType]api.Provider{
		git.Type:               {NeedsHost: true, ValidEndpoint: git.ValidEndpoint(roots)},
		azuredevops.Type:       {ValidEndpoint: azuredevops.ValidEndpoint},
		gitlab.Type:            {ValidEndpoint: gitlab.NoEndpoint},
		gitlab.SelfManagedType: {NeedsHost: true, ValidEndpoint: gitlab.ValidEndpoint},
		github.Type:            {ValidEndpoint: github.NoEndpoint},
		github.EnterpriseType:  {NeedsHost: true, ValidEndpoint: github.ValidEndpoint},
		bitbucket.Type:         {ValidEndpoint: bitbucket.ValidEndpoint},
	}
}

// targets lists the drivers of sync types. A new one is a line here and one in
// validNames.
func targets(t stackTarget, credentials aws.CredentialsProvider, installation string, log *slog.Logger) ([]target.Driver, error) {
	stacks, err := cfnstack.New(cfnstack.Options{
		Target: t.endpoint, BaseCredentials: credentials, AssumeRoles: t.assumeRoles, Instance: installation, Log: log,
		ExternalID: externalID,
	})
	return []target.Driver{stacks}, err
}

// externalID is by which the server assumes roles for an account. A caller
// cannot choose it, so that a role whose trust policy asks for it serves the
// configurations of one account alone, whoever else names the role.
func externalID(account lockstep.AccountID) string { return "lockstep:" + string(account) }

// validNames says which names each sync type's resources can have.
func validNames() map[lockstep.SyncType]func(string) error {
	return map[lockstep.SyncType]func(string) error{cfnstack.Type: deploymentfile.ValidateStackName}
}

// A stackTarget is the CloudFormation that stacks are in.
type stackTarget struct {
	name        string // as the administrator says it
	endpoint    string // "" is AWS
	assumeRoles bool
}
