package wire

// lockstepOperations are Lockstep's own. All of them may be denied, throttled
// and fail; what else each declares stands beside it.
func lockstepOperations() []Operation {
	all := []Operation{
		operation[CompleteConnectionInput, CompleteConnectionOutput]("CompleteConnection",
			concurrent, notFound, unavailable, unsupportedGit),
		operation[CreateAccessKeyInput, CreateAccessKeyOutput]("CreateAccessKey", limitExceeded),
		operation[CreateSignedSyncConfigurationInput, CreateSignedSyncConfigurationOutput]("CreateSignedSyncConfiguration",
			alreadyExists, limitExceeded, notFound),
		operation[DeleteAccessKeyInput, DeleteAccessKeyOutput]("DeleteAccessKey", notFound),
		operation[DeletePolicyInput, DeletePolicyOutput]("DeletePolicy", notFound),
		operation[DeleteRepositoryWebhookInput, DeleteRepositoryWebhookOutput]("DeleteRepositoryWebhook", notFound),
		operation[DeleteSignaturePolicyInput, DeleteSignaturePolicyOutput]("DeleteSignaturePolicy", notFound),
		operation[DeleteWebIdentityRoleInput, DeleteWebIdentityRoleOutput]("DeleteWebIdentityRole", notFound),
		operation[GetConnectionHandshakeInput, GetConnectionHandshakeOutput]("GetConnectionHandshake", notFound),
		operation[GetPolicyInput, GetPolicyOutput]("GetPolicy", notFound),
		operation[GetRepositoryWebhookInput, GetRepositoryWebhookOutput]("GetRepositoryWebhook", notFound),
		operation[GetResourceSyncAttemptInput, GetResourceSyncAttemptOutput]("GetResourceSyncAttempt", notFound),
		operation[GetRevisionSyncInput, GetRevisionSyncOutput]("GetRevisionSync", notFound, unavailable),
		operation[GetSignaturePolicyInput, GetSignaturePolicyOutput]("GetSignaturePolicy", notFound),
		operation[ListAccessKeysInput, ListAccessKeysOutput]("ListAccessKeys"),
		operation[ListPoliciesInput, ListPoliciesOutput]("ListPolicies"),
		operation[ListResourceSyncAttemptsInput, ListResourceSyncAttemptsOutput]("ListResourceSyncAttempts", notFound),
		operation[ListResourceSyncsInput, ListResourceSyncsOutput]("ListResourceSyncs"),
		operation[ListSignaturePoliciesInput, ListSignaturePoliciesOutput]("ListSignaturePolicies"),
		operation[ListSyncBlockersInput, ListSyncBlockersOutput]("ListSyncBlockers"),
		operation[ListSyncEventsInput, ListSyncEventsOutput]("ListSyncEvents"),
		operation[ListWebIdentityRolesInput, ListWebIdentityRolesOutput]("ListWebIdentityRoles"),
		operation[ProposeDeploymentFileInput, ProposeDeploymentFileOutput]("ProposeDeploymentFile", alreadyExists, notFound, unavailable),
		operation[PutHostCertificateInput, PutHostCertificateOutput]("PutHostCertificate", notFound, unavailable),
		operation[PutPolicyInput, PutPolicyOutput]("PutPolicy", limitExceeded),
		operation[PutRepositoryWebhookInput, PutRepositoryWebhookOutput]("PutRepositoryWebhook", notFound),
		operation[PutSignaturePolicyInput, PutSignaturePolicyOutput]("PutSignaturePolicy", notFound),
		operation[PutWebIdentityRoleInput, PutWebIdentityRoleOutput]("PutWebIdentityRole", limitExceeded),
		operation[RegisterRepositoryWebhookInput, RegisterRepositoryWebhookOutput]("RegisterRepositoryWebhook", notFound, unavailable),
		operation[RotateAccessKeyInput, RotateAccessKeyOutput]("RotateAccessKey", notFound, limitExceeded),
		operation[StartConnectionHandshakeInput, StartConnectionHandshakeOutput]("StartConnectionHandshake", notFound),
		operation[StartRepositorySyncInput, StartRepositorySyncOutput]("StartRepositorySync", notFound),
		operation[StartResourceSyncInput, StartResourceSyncOutput]("StartResourceSync", concurrent, notFound, retryFailed, unavailable),
		operation[UpdateAccessKeyInput, UpdateAccessKeyOutput]("UpdateAccessKey", notFound),
	}
	for i := range all {
		all[i].Errors = append([]string{accessDenied, internalServer, invalidInput, throttling}, all[i].Errors...)
	}

	return all
}

func lockstepShapes() map[string]Shape {
	return merge(codeConnectionsShapes(), lockstepTexts(), map[string]Shape{
		"AccessKeyStatus":    enum(KeyActive, KeyDisabled),
		"AttemptOutcome":     enum(OutcomeApplied, OutcomeUnchanged, OutcomeFailed, OutcomeSuperseded, OutcomeCancelled),
		"CredentialKind":     enum(CredentialNone, CredentialBasic, CredentialToken, CredentialSSHKey, CredentialApp, CredentialOAuthCode),
		"HeldCredentialKind": enum(CredentialNone, CredentialBasic, CredentialToken, CredentialSSHKey, CredentialApp, CredentialOAuth),
		"ReadyMadeRole":      enum(RoleAdmin, RoleOperator, RoleReader, RoleNone),
		"RevisionStatus": enum(RevisionPending, RevisionNotAffected, RevisionInProgress, RevisionSucceeded,
			RevisionFailed, RevisionBlocked, RevisionLaterSucceeded),
		"WebhookKind": enum(WebhookGitHub, WebhookGitLab, WebhookGitLabSigning, WebhookBitbucket, WebhookAzureDevOps, WebhookGitea,
			WebhookGeneric),

		"KeepOldFor":      {Bounded: true, Min: 0, Max: 7 * 24 * 60 * 60},
		"SessionDuration": {Bounded: true, Min: 15 * 60, Max: 60 * 60},

		"AudienceList":     {Bounded: true, Min: 1, Max: 20, Member: "ClaimText"},
		"ChangeScope":      {Member: "ChangeWord"},
		"ClaimPatternList": {Bounded: true, Min: 0, Max: 20},
		"NamedValueList":   {Bounded: true, Min: 0, Max: 50},
		"SubjectList":      {Bounded: true, Min: 1, Max: 100, Member: "ClaimText"},
	})
}

// lockstepTexts are the texts of Lockstep's own shapes, and what has no
// constraint.
func lockstepTexts() map[string]Shape {
	const name = `[A-Za-z0-9+=,.@_-]+`
	shapes := map[string]Shape{
		"AccessKeyId":        text(16, 128, `[A-Z0-9]+`),
		"AppId":              text(1, 64, `[A-Za-z0-9._-]+`),
		"AuthorizationUrl":   {Bounded: true, Min: 1, Max: 4096, Sensitive: true}, // has the state in it
		"ClaimName":          text(1, 128, ""),
		"ClaimText":          text(1, 1024, ""),
		"CredentialSecret":   {Bounded: true, Min: 1, Max: 16384, Sensitive: true},
		"CredentialUsername": text(1, 255, ""),
		"HandshakeState":     {Bounded: true, Min: 1, Max: 256, Sensitive: true},
		"InstallationId":     text(1, 20, `[0-9]+`),
		"OAuthClientId":      text(1, 255, `[!-~]+`),
		"OAuthClientSecret":  {Bounded: true, Min: 1, Max: 1024, Pattern: `[!-~]+`, Sensitive: true},
		"RedirectUri":        text(1, 512, `[!-~]+`),
		"EventCursor":        text(1, 1024, ""),
		"Issuer":             text(1, 512, `https?://.+`),
		"Jwks":               {Bounded: true, Min: 1, Max: 65536, Sensitive: true}, // public, and too long to be repeated
		"PolicyDocument":     text(1, 16384, `[\s\S]*`),
		"PolicyName":         text(1, 64, name),
		"PrincipalName":      text(1, 64, name),
		"SecretAccessKey":    {Bounded: true, Min: 1, Max: 128, Sensitive: true},
		"PublicUrl":          text(1, 2048, `https?://.+`),
		"SignerList":         text(1, 65536, `[\s\S]*`),
		"ValueName":          text(1, 255, ""),
		"ValueText":          text(0, 4096, `[\s\S]*`),
		"WebhookPath":        text(1, 128, ""),
		"WebhookSecret":      {Bounded: true, Min: 16, Max: 256, Pattern: `[!-~]+`, Sensitive: true},
	}
	for _, free := range []string{
		"AccessKeyList", "ChangeDetailList", "ChangeText", "ChangeWord", "Count", "Flag", "RevisionStatusReason", "PolicyList",
		"ProposedChangeList", "ResourceSignaturePolicyList", "ResourceSyncAttemptSummaryList", "ResourceSyncBlockerList", "ResourceSyncSummaryList",
		"StatusReason", "SyncEventList", "ValueChangeList", "WebIdentityRoleList",
	} {
		shapes[free] = Shape{}
	}

	return shapes
}
