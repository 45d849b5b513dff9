package api

import (
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/wire"
)

// route says which service has which operations. What a model declares and is
// not here is answered as an unknown operation.
func (s *Service) route(mux *awsjson.Mux) {
	for _, service := range []string{wire.CodeConnectionsName, wire.CodeStarConnectionsName} {
		handle(mux, service, "CreateConnection", s.CreateConnection)
		handle(mux, service, "CreateHost", s.CreateHost)
		handle(mux, service, "CreateRepositoryLink", s.CreateRepositoryLink)
		handle(mux, service, "CreateSyncConfiguration", s.CreateSyncConfiguration)
		handle(mux, service, "DeleteConnection", s.DeleteConnection)
		handle(mux, service, "DeleteHost", s.DeleteHost)
		handle(mux, service, "DeleteRepositoryLink", s.DeleteRepositoryLink)
		handle(mux, service, "DeleteSyncConfiguration", s.DeleteSyncConfiguration)
		handle(mux, service, "GetConnection", s.GetConnection)
		handle(mux, service, "GetHost", s.GetHost)
		handle(mux, service, "GetRepositoryLink", s.GetRepositoryLink)
		handle(mux, service, "GetRepositorySyncStatus", s.GetRepositorySyncStatus)
		handle(mux, service, "GetResourceSyncStatus", s.GetResourceSyncStatus)
		handle(mux, service, "GetSyncBlockerSummary", s.GetSyncBlockerSummary)
		handle(mux, service, "GetSyncConfiguration", s.GetSyncConfiguration)
		handle(mux, service, "ListConnections", s.ListConnections)
		handle(mux, service, "ListHosts", s.ListHosts)
		handle(mux, service, "ListRepositoryLinks", s.ListRepositoryLinks)
		handle(mux, service, "ListRepositorySyncDefinitions", s.ListRepositorySyncDefinitions)
		handle(mux, service, "ListSyncConfigurations", s.ListSyncConfigurations)
		handle(mux, service, "ListTagsForResource", s.ListTagsForResource)
		handle(mux, service, "TagResource", s.TagResource)
		handle(mux, service, "UntagResource", s.UntagResource)
		handle(mux, service, "UpdateHost", s.UpdateHost)
		handle(mux, service, "UpdateRepositoryLink", s.UpdateRepositoryLink)
		handle(mux, service, "UpdateSyncBlocker", s.UpdateSyncBlocker)
		handle(mux, service, "UpdateSyncConfiguration", s.UpdateSyncConfiguration)
	}

	s.routeOwn(mux)
}

// routeOwn routes Lockstep's own service.
func (s *Service) routeOwn(mux *awsjson.Mux) {
	handle(mux, wire.LockstepName, "CompleteConnection", s.CompleteConnection)
	handle(mux, wire.LockstepName, "CreateAccessKey", s.CreateAccessKey)
	handle(mux, wire.LockstepName, "CreateSignedSyncConfiguration", s.CreateSignedSyncConfiguration)
	handle(mux, wire.LockstepName, "DeleteAccessKey", s.DeleteAccessKey)
	handle(mux, wire.LockstepName, "DeletePolicy", s.DeletePolicy)
	handle(mux, wire.LockstepName, "DeleteRepositoryWebhook", s.DeleteRepositoryWebhook)
	handle(mux, wire.LockstepName, "DeleteSignaturePolicy", s.DeleteSignaturePolicy)
	handle(mux, wire.LockstepName, "DeleteWebIdentityRole", s.DeleteWebIdentityRole)
	handle(mux, wire.LockstepName, "GetConnectionHandshake", s.GetConnectionHandshake)
	handle(mux, wire.LockstepName, "GetPolicy", s.GetPolicy)
	handle(mux, wire.LockstepName, "GetRepositoryWebhook", s.GetRepositoryWebhook)
	handle(mux, wire.LockstepName, "GetResourceSyncAttempt", s.GetResourceSyncAttempt)
	handle(mux, wire.LockstepName, "GetRevisionSync", s.GetRevisionSync)
	handle(mux, wire.LockstepName, "GetSignaturePolicy", s.GetSignaturePolicy)
	handle(mux, wire.LockstepName, "ListAccessKeys", s.ListAccessKeys)
	handle(mux, wire.LockstepName, "ListPolicies", s.ListPolicies)
	handle(mux, wire.LockstepName, "ListResourceSyncAttempts", s.ListResourceSyncAttempts)
	handle(mux, wire.LockstepName, "ListResourceSyncs", s.ListResourceSyncs)
	handle(mux, wire.LockstepName, "ListSignaturePolicies", s.ListSignaturePolicies)
	handle(mux, wire.LockstepName, "ListSyncBlockers", s.ListSyncBlockers)
	handle(mux, wire.LockstepName, "ListSyncEvents", s.ListSyncEvents)
	handle(mux, wire.LockstepName, "ListWebIdentityRoles", s.ListWebIdentityRoles)
	handle(mux, wire.LockstepName, "ProposeDeploymentFile", s.ProposeDeploymentFile)
	handle(mux, wire.LockstepName, "PutHostCertificate", s.PutHostCertificate)
	handle(mux, wire.LockstepName, "PutPolicy", s.PutPolicy)
	handle(mux, wire.LockstepName, "PutRepositoryWebhook", s.PutRepositoryWebhook)
	handle(mux, wire.LockstepName, "PutSignaturePolicy", s.PutSignaturePolicy)
	handle(mux, wire.LockstepName, "PutWebIdentityRole", s.PutWebIdentityRole)
	handle(mux, wire.LockstepName, "RegisterRepositoryWebhook", s.RegisterRepositoryWebhook)
	handle(mux, wire.LockstepName, "RotateAccessKey", s.RotateAccessKey)
	handle(mux, wire.LockstepName, "StartConnectionHandshake", s.StartConnectionHandshake)
	handle(mux, wire.LockstepName, "StartRepositorySync", s.StartRepositorySync)
	handle(mux, wire.LockstepName, "StartResourceSync", s.StartResourceSync)
	handle(mux, wire.LockstepName, "UpdateAccessKey", s.UpdateAccessKey)
}
