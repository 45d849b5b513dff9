package apiserver

import (
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/wire"
)

// routeAWS registers the operations of the AWS services. An operation of their
// models that is missing here is answered as unknown.
func routeAWS(mux *awsjson.Mux, operations *api.Service) {
	for _, service := range []string{wire.CodeConnectionsName, wire.CodeStarConnectionsName} {
		handle(mux, service, "CreateConnection", operations.CreateConnection)
		handle(mux, service, "CreateHost", operations.CreateHost)
		handle(mux, service, "CreateRepositoryLink", operations.CreateRepositoryLink)
		handle(mux, service, "CreateSyncConfiguration", operations.CreateSyncConfiguration)
		handle(mux, service, "DeleteConnection", operations.DeleteConnection)
		handle(mux, service, "DeleteHost", operations.DeleteHost)
		handle(mux, service, "DeleteRepositoryLink", operations.DeleteRepositoryLink)
		handle(mux, service, "DeleteSyncConfiguration", operations.DeleteSyncConfiguration)
		handle(mux, service, "GetConnection", operations.GetConnection)
		handle(mux, service, "GetHost", operations.GetHost)
		handle(mux, service, "GetRepositoryLink", operations.GetRepositoryLink)
		handle(mux, service, "GetRepositorySyncStatus", operations.GetRepositorySyncStatus)
		handle(mux, service, "GetResourceSyncStatus", operations.GetResourceSyncStatus)
		handle(mux, service, "GetSyncBlockerSummary", operations.GetSyncBlockerSummary)
		handle(mux, service, "GetSyncConfiguration", operations.GetSyncConfiguration)
		handle(mux, service, "ListConnections", operations.ListConnections)
		handle(mux, service, "ListHosts", operations.ListHosts)
		handle(mux, service, "ListRepositoryLinks", operations.ListRepositoryLinks)
		handle(mux, service, "ListRepositorySyncDefinitions", operations.ListRepositorySyncDefinitions)
		handle(mux, service, "ListSyncConfigurations", operations.ListSyncConfigurations)
		handle(mux, service, "ListTagsForResource", operations.ListTagsForResource)
		handle(mux, service, "TagResource", operations.TagResource)
		handle(mux, service, "UntagResource", operations.UntagResource)
		handle(mux, service, "UpdateHost", operations.UpdateHost)
		handle(mux, service, "UpdateRepositoryLink", operations.UpdateRepositoryLink)
		handle(mux, service, "UpdateSyncBlocker", operations.UpdateSyncBlocker)
		handle(mux, service, "UpdateSyncConfiguration", operations.UpdateSyncConfiguration)
	}
}

// routeLockstep registers the operations of Lockstep's own service.
func routeLockstep(mux *awsjson.Mux, operations *api.Service, identities *iam.Service) {
	const service = wire.LockstepName
	handle(mux, service, "CompleteConnection", operations.CompleteConnection)
	handle(mux, service, "CreateSignedSyncConfiguration", operations.CreateSignedSyncConfiguration)
	handle(mux, service, "DeleteRepositoryWebhook", operations.DeleteRepositoryWebhook)
	handle(mux, service, "DeleteSignaturePolicy", operations.DeleteSignaturePolicy)
	handle(mux, service, "GetConnectionHandshake", operations.GetConnectionHandshake)
	handle(mux, service, "GetRepositoryWebhook", operations.GetRepositoryWebhook)
	handle(mux, service, "GetResourceHealth", operations.GetResourceHealth)
	handle(mux, service, "GetResourceSyncAttempt", operations.GetResourceSyncAttempt)
	handle(mux, service, "GetRevisionSync", operations.GetRevisionSync)
	handle(mux, service, "GetSignaturePolicy", operations.GetSignaturePolicy)
	handle(mux, service, "ListResourceSyncAttempts", operations.ListResourceSyncAttempts)
	handle(mux, service, "ListResourceSyncs", operations.ListResourceSyncs)
	handle(mux, service, "ListSignaturePolicies", operations.ListSignaturePolicies)
	handle(mux, service, "ListSyncBlockers", operations.ListSyncBlockers)
	handle(mux, service, "ListSyncEvents", operations.ListSyncEvents)
	handle(mux, service, "ProposeDeploymentFile", operations.ProposeDeploymentFile)
	handle(mux, service, "PutHostCertificate", operations.PutHostCertificate)
	handle(mux, service, "PutRepositoryWebhook", operations.PutRepositoryWebhook)
	handle(mux, service, "PutSignaturePolicy", operations.PutSignaturePolicy)
	handle(mux, service, "RegisterRepositoryWebhook", operations.RegisterRepositoryWebhook)
	handle(mux, service, "StartConnectionHandshake", operations.StartConnectionHandshake)
	handle(mux, service, "StartRepositorySync", operations.StartRepositorySync)
	handle(mux, service, "StartResourceSync", operations.StartResourceSync)

	handle(mux, service, "CreateAccessKey", identities.CreateAccessKey)
	handle(mux, service, "DeleteAccessKey", identities.DeleteAccessKey)
	handle(mux, service, "DeletePolicy", identities.DeletePolicy)
	handle(mux, service, "DeleteWebIdentityRole", identities.DeleteWebIdentityRole)
	handle(mux, service, "GetPolicy", identities.GetPolicy)
	handle(mux, service, "ListAccessKeys", identities.ListAccessKeys)
	handle(mux, service, "ListPolicies", identities.ListPolicies)
	handle(mux, service, "ListWebIdentityRoles", identities.ListWebIdentityRoles)
	handle(mux, service, "PutPolicy", identities.PutPolicy)
	handle(mux, service, "PutWebIdentityRole", identities.PutWebIdentityRole)
	handle(mux, service, "RotateAccessKey", identities.RotateAccessKey)
	handle(mux, service, "UpdateAccessKey", identities.UpdateAccessKey)
}
