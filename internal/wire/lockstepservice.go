package wire

// lockstepOperations are the operations of Lockstep's own service, with the
// exceptions of each beyond the common four.
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
		operation[GetResourceHealthInput, GetResourceHealthOutput]("GetResourceHealth", notFound),
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
	return merge(codeConnectionsShapes(), lockstepTexts(), lockstepFreeShapes(), map[string]Shape{
		// The status of the access key.
		"AccessKeyStatus": enum(KeyActive, KeyDisabled),
		// The outcome of the attempt.
		"AttemptOutcome": enum(OutcomeApplied, OutcomeUnchanged, OutcomeFailed, OutcomeSuperseded, OutcomeCancelled),
		// The kind of the credential.
		"CredentialKind": enum(CredentialNone, CredentialBasic, CredentialToken, CredentialSSHKey, CredentialApp, CredentialOAuthCode),
		// The kind of the credential that the connection holds.
		"HeldCredentialKind": enum(CredentialNone, CredentialBasic, CredentialToken, CredentialSSHKey, CredentialApp, CredentialOAuth),
		// Whether the resource is as Git says.
		"HealthStatus": enum(HealthBlocked, HealthSyncing, HealthFailed, HealthUnknown, HealthBehind, HealthInStep),
		// The role.
		"ReadyMadeRole": enum(RoleAdmin, RoleOperator, RoleReader, RoleNone),
		// What became of the commit.
		"RevisionStatus": enum(RevisionPending, RevisionNotAffected, RevisionInProgress, RevisionSucceeded,
			RevisionFailed, RevisionBlocked, RevisionLaterSucceeded, RevisionPinned),
		// The kind of the webhook.
		"WebhookKind": enum(WebhookGitHub, WebhookGitLab, WebhookGitLabSigning, WebhookBitbucket, WebhookAzureDevOps, WebhookGitea,
			WebhookGeneric),

		// For how many seconds the old key stays valid. By default it is deleted at once.
		"KeepOldFor": {Bounded: true, Min: 0, Max: 7 * 24 * 60 * 60},
		// The maximum duration of a session, in seconds.
		"SessionDuration": {Bounded: true, Min: 15 * 60, Max: 60 * 60},

		// The allowed audiences of tokens.
		"AudienceList": {Bounded: true, Min: 1, Max: 20, Member: "ClaimText"},
		// The parts of the resource that change.
		"ChangeScope": {Member: "ChangeWord"},
		// The patterns of further claims.
		"ClaimPatternList": {Bounded: true, Min: 0, Max: 20},
		// The names and values.
		"NamedValueList": {Bounded: true, Min: 0, Max: 50},
		// The patterns of allowed subjects. * matches any text.
		"SubjectList": {Bounded: true, Min: 1, Max: 100, Member: "ClaimText"},
	})
}

// lockstepTexts are the strings of Lockstep's own service.
func lockstepTexts() map[string]Shape {
	const name = `[A-Za-z0-9+=,.@_-]+`
	return map[string]Shape{
		// The id of the access key.
		"AccessKeyId": text(16, 128, `[A-Z0-9]+`),
		// The id of the application.
		"AppId": text(1, 64, `[A-Za-z0-9._-]+`),
		// The URL that the user opens in a browser.
		"AuthorizationUrl": {Bounded: true, Min: 1, Max: 4096, Sensitive: true}, // contains the state
		// The name of the claim.
		"ClaimName": text(1, 128, ""),
		// The pattern of the claim. * matches any text.
		"ClaimText": text(1, 1024, ""),
		// The secret of the credential.
		"CredentialSecret": {Bounded: true, Min: 1, Max: 16384, Sensitive: true},
		// The user name of the credential.
		"CredentialUsername": text(1, 255, ""),
		// The state of the handshake.
		"HandshakeState": {Bounded: true, Min: 1, Max: 256, Sensitive: true},
		// The id of the installation of the application.
		"InstallationId": text(1, 20, `[0-9]+`),
		// The OAuth client id of the application.
		"OAuthClientId": text(1, 255, `[!-~]+`),
		// The OAuth client secret of the application.
		"OAuthClientSecret": {Bounded: true, Min: 1, Max: 1024, Pattern: `[!-~]+`, Sensitive: true},
		// The redirect URI that the application is registered with.
		"RedirectUri": text(1, 512, `[!-~]+`),
		// The position among the events.
		"EventCursor": text(1, 1024, ""),
		// The URL of the issuer.
		"Issuer": text(1, 512, `https?://.+`),
		// The keys of the issuer, as a JSON Web Key Set. By default they are read from the issuer.
		"Jwks": {Bounded: true, Min: 1, Max: 65536, Sensitive: true}, // public, but too long to repeat in a message
		// The text of the policy, in Cedar.
		"PolicyDocument": text(1, 16384, `[\s\S]*`),
		// The name of the policy.
		"PolicyName": text(1, 64, name),
		// The name of the principal.
		"PrincipalName": text(1, 64, name),
		// The secret access key.
		"SecretAccessKey": {Bounded: true, Min: 1, Max: 128, Sensitive: true},
		// The URL.
		"PublicUrl": text(1, 2048, `https?://.+`),
		// The keys of the signers.
		"SignerList": text(1, 65536, `[\s\S]*`),
		// The name.
		"ValueName": text(1, 255, ""),
		// The value.
		"ValueText": text(0, 4096, `[\s\S]*`),
		// The path of the webhook's URL.
		"WebhookPath": text(1, 128, ""),
		// The secret of the webhook.
		"WebhookSecret": {Bounded: true, Min: 16, Max: 256, Pattern: `[!-~]+`, Sensitive: true},
	}
}

// lockstepFreeShapes are the shapes of Lockstep's own service without constraints.
func lockstepFreeShapes() map[string]Shape {
	return map[string]Shape{
		// The access keys.
		"AccessKeyList": {},
		// The details of the change.
		"ChangeDetailList": {},
		"ChangeText":       {},
		"ChangeWord":       {},
		// The number.
		"Count": {},
		"Flag":  {},
		// The policies.
		"PolicyList": {},
		// The proposed changes.
		"ProposedChangeList": {},
		// The signature policies.
		"ResourceSignaturePolicyList": {},
		// The attempts.
		"ResourceSyncAttemptSummaryList": {},
		// The blockers.
		"ResourceSyncBlockerList": {},
		// The resources.
		"ResourceSyncSummaryList": {},
		// The reason, for people.
		"RevisionStatusReason": {},
		// The reason, for people.
		"StatusReason": {},
		// The events.
		"SyncEventList": {},
		// The changed values.
		"ValueChangeList": {},
		// The web identity roles.
		"WebIdentityRoleList": {},
	}
}
