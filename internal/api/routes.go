package api

import (
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/wire"
)

// route says which service has which operations. What a model declares and is
// not here is answered as an unknown operation.
func (s *Service) route(m *awsjson.Mux) {
	for _, service := range []string{wire.CodeConnectionsName, wire.CodeStarConnectionsName} {
		handle(m, service, "CreateConnection", s.CreateConnection)
		handle(m, service, "CreateHost", s.CreateHost)
		handle(m, service, "CreateRepositoryLink", s.CreateRepositoryLink)
		handle(m, service, "CreateSyncConfiguration", s.CreateSyncConfiguration)
		handle(m, service, "DeleteConnection", s.DeleteConnection)
		handle(m, service, "DeleteHost", s.DeleteHost)
		handle(m, service, "DeleteRepositoryLink", s.DeleteRepositoryLink)
		handle(m, service, "DeleteSyncConfiguration", s.DeleteSyncConfiguration)
		handle(m, service, "GetConnection", s.GetConnection)
		handle(m, service, "GetHost", s.GetHost)
		handle(m, service, "GetRepositoryLink", s.GetRepositoryLink)
		handle(m, service, "GetRepositorySyncStatus", s.GetRepositorySyncStatus)
		handle(m, service, "GetResourceSyncStatus", s.GetResourceSyncStatus)
		handle(m, service, "GetSyncBlockerSummary", s.GetSyncBlockerSummary)
		handle(m, service, "GetSyncConfiguration", s.GetSyncConfiguration)
		handle(m, service, "ListConnections", s.ListConnections)
		handle(m, service, "ListHosts", s.ListHosts)
		handle(m, service, "ListRepositoryLinks", s.ListRepositoryLinks)
		handle(m, service, "ListRepositorySyncDefinitions", s.ListRepositorySyncDefinitions)
		handle(m, service, "ListSyncConfigurations", s.ListSyncConfigurations)
		handle(m, service, "ListTagsForResource", s.ListTagsForResource)
		handle(m, service, "TagResource", s.TagResource)
		handle(m, service, "UntagResource", s.UntagResource)
		handle(m, service, "UpdateHost", s.UpdateHost)
		handle(m, service, "UpdateRepositoryLink", s.UpdateRepositoryLink)
		handle(m, service, "UpdateSyncBlocker", s.UpdateSyncBlocker)
		handle(m, service, "UpdateSyncConfiguration", s.UpdateSyncConfiguration)
	}

	s.routeOwn(m)
}

// routeOwn routes Lockstep's own service.
func (s *Service) routeOwn(m *awsjson.Mux) {
	handle(m, wire.LockstepName, "CompleteConnection", s.CompleteConnection)
	handle(m, wire.LockstepName, "CreateAccessKey", s.CreateAccessKey)
	handle(m, wire.LockstepName, "CreateSignedSyncConfiguration", s.CreateSignedSyncConfiguration)
	handle(m, wire.LockstepName, "DeleteAccessKey", s.DeleteAccessKey)
	handle(m, wire.LockstepName, "DeletePolicy", s.DeletePolicy)
	handle(m, wire.LockstepName, "DeleteRepositoryWebhook", s.DeleteRepositoryWebhook)
	handle(m, wire.LockstepName, "DeleteSignaturePolicy", s.DeleteSignaturePolicy)
	handle(m, wire.LockstepName, "DeleteWebIdentityRole", s.DeleteWebIdentityRole)
	handle(m, wire.LockstepName, "GetConnectionHandshake", s.GetConnectionHandshake)
	handle(m, wire.LockstepName, "GetPolicy", s.GetPolicy)
	handle(m, wire.LockstepName, "GetRepositoryWebhook", s.GetRepositoryWebhook)
	handle(m, wire.LockstepName, "GetResourceSyncAttempt", s.GetResourceSyncAttempt)
	handle(m, wire.LockstepName, "GetRevisionSync", s.GetRevisionSync)
	handle(m, wire.LockstepName, "GetSignaturePolicy", s.GetSignaturePolicy)
	handle(m, wire.LockstepName, "ListAccessKeys", s.ListAccessKeys)
	handle(m, wire.LockstepName, "ListPolicies", s.ListPolicies)
	handle(m, wire.LockstepName, "ListResourceSyncAttempts", s.ListResourceSyncAttempts)
	handle(m, wire.LockstepName, "ListResourceSyncs", s.ListResourceSyncs)
	handle(m, wire.LockstepName, "ListSignaturePolicies", s.ListSignaturePolicies)
	handle(m, wire.LockstepName, "ListSyncBlockers", s.ListSyncBlockers)
	handle(m, wire.LockstepName, "ListSyncEvents", s.ListSyncEvents)
	handle(m, wire.LockstepName, "ListWebIdentityRoles", s.ListWebIdentityRoles)
	handle(m, wire.LockstepName, "ProposeDeploymentFile", s.ProposeDeploymentFile)
	handle(m, wire.LockstepName, "PutHostCertificate", s.PutHostCertificate)
	handle(m, wire.LockstepName, "PutPolicy", s.PutPolicy)
	handle(m, wire.LockstepName, "PutRepositoryWebhook", s.PutRepositoryWebhook)
	handle(m, wire.LockstepName, "PutSignaturePolicy", s.PutSignaturePolicy)
	handle(m, wire.LockstepName, "PutWebIdentityRole", s.PutWebIdentityRole)
	handle(m, wire.LockstepName, "RegisterRepositoryWebhook", s.RegisterRepositoryWebhook)
	handle(m, wire.LockstepName, "RotateAccessKey", s.RotateAccessKey)
	handle(m, wire.LockstepName, "StartConnectionHandshake", s.StartConnectionHandshake)
	handle(m, wire.LockstepName, "StartRepositorySync", s.StartRepositorySync)
	handle(m, wire.LockstepName, "StartResourceSync", s.StartResourceSync)
	handle(m, wire.LockstepName, "UpdateAccessKey", s.UpdateAccessKey)
}
