package wire

import "reflect"

// MessageLimit is the maximum length of an exception's message, in characters (shape
// ErrorMessage).
const MessageLimit = 600

// An Operation is an operation of a service.
type Operation struct {
	Name string
	// Input and Output are the struct types; [reflect.Type.Name] is the model's
	// shape.
	Input, Output reflect.Type
	// Errors are the exceptions that the model declares, in its order. Each has one
	// member, Message.
	Errors []string
}

// A Service is one of the three services.
type Service struct {
	// Name is the service's name in credential scopes and ARNs.
	Name string
	// Prefix precedes the operation in X-Amz-Target. Older clients send only its
	// last segment.
	Prefix     string
	Operations []Operation
	// Shapes are the constraints by shape. A member whose shape is missing is not a
	// member of this service.
	Shapes map[string]Shape
}

// Names of the services, in credential scopes and ARNs.
const (
	CodeConnectionsName     = "codeconnections"
	CodeStarConnectionsName = "codestar-connections"
	LockstepName            = "lockstep"
)

// Services returns the three services. The caller may change the result.
func Services() []Service {
	return []Service{CodeConnections(), CodeStarConnections(), Lockstep()}
}

// CodeConnections returns AWS CodeConnections (2023-12-01).
func CodeConnections() Service {
	return Service{
		Name:       CodeConnectionsName,
		Prefix:     "com.amazonaws.codeconnections.CodeConnections_20231201",
		Operations: operations(),
		Shapes:     codeConnectionsShapes(),
	}
}

// CodeStarConnections returns AWS CodeStar Connections (2019-12-01). It has the same
// operations, but no pull request comments and no Azure DevOps.
func CodeStarConnections() Service {
	return Service{
		Name:       CodeStarConnectionsName,
		Prefix:     "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
		Operations: operations(),
		Shapes:     codeStarShapes(),
	}
}

// Lockstep returns Lockstep's own service.
func Lockstep() Service {
	return Service{
		Name:       LockstepName,
		Prefix:     "Lockstep_20261122",
		Operations: lockstepOperations(),
		Shapes:     lockstepShapes(),
	}
}

func operation[In, Out any](name string, exceptions ...string) Operation {
	return Operation{Name: name, Input: reflect.TypeFor[In](), Output: reflect.TypeFor[Out](), Errors: exceptions}
}

// Exceptions of the models, to keep the tables below in one column.
const (
	accessDenied   = "AccessDeniedException"
	concurrent     = "ConcurrentModificationException"
	conditional    = "ConditionalCheckFailedException"
	conflict       = "ConflictException"
	internalServer = "InternalServerException"
	invalidInput   = "InvalidInputException"
	limitExceeded  = "LimitExceededException"
	alreadyExists  = "ResourceAlreadyExistsException"
	notFound       = "ResourceNotFoundException"
	unavailable    = "ResourceUnavailableException"
	retryFailed    = "RetryLatestCommitFailedException"
	noSuchBlocker  = "SyncBlockerDoesNotExistException"
	stillExists    = "SyncConfigurationStillExistsException"
	throttling     = "ThrottlingException"
	unsupported    = "UnsupportedOperationException"
	unsupportedGit = "UnsupportedProviderTypeException"
	outOfSync      = "UpdateOutOfSyncException"
)

func operations() []Operation {
	return []Operation{
		operation[CreateConnectionInput, CreateConnectionOutput]("CreateConnection", limitExceeded, notFound, unavailable),
		operation[CreateHostInput, CreateHostOutput]("CreateHost", limitExceeded),
		operation[CreateRepositoryLinkInput, CreateRepositoryLinkOutput]("CreateRepositoryLink",
			accessDenied, concurrent, internalServer, invalidInput, limitExceeded, alreadyExists, throttling),
		operation[CreateSyncConfigurationInput, CreateSyncConfigurationOutput]("CreateSyncConfiguration",
			accessDenied, concurrent, internalServer, invalidInput, limitExceeded, alreadyExists, throttling),
		operation[DeleteConnectionInput, DeleteConnectionOutput]("DeleteConnection", notFound),
		operation[DeleteHostInput, DeleteHostOutput]("DeleteHost", notFound, unavailable),
		operation[DeleteRepositoryLinkInput, DeleteRepositoryLinkOutput]("DeleteRepositoryLink",
			accessDenied, concurrent, internalServer, invalidInput, stillExists, notFound, throttling, unsupportedGit),
		operation[DeleteSyncConfigurationInput, DeleteSyncConfigurationOutput]("DeleteSyncConfiguration",
			accessDenied, concurrent, internalServer, invalidInput, limitExceeded, throttling),
		operation[GetConnectionInput, GetConnectionOutput]("GetConnection", notFound, unavailable),
		operation[GetHostInput, GetHostOutput]("GetHost", notFound, unavailable),
		operation[GetRepositoryLinkInput, GetRepositoryLinkOutput]("GetRepositoryLink",
			accessDenied, concurrent, internalServer, invalidInput, notFound, throttling),
		operation[GetRepositorySyncStatusInput, GetRepositorySyncStatusOutput]("GetRepositorySyncStatus",
			accessDenied, internalServer, invalidInput, notFound, throttling),
		operation[GetResourceSyncStatusInput, GetResourceSyncStatusOutput]("GetResourceSyncStatus",
			accessDenied, internalServer, invalidInput, notFound, throttling),
		operation[GetSyncBlockerSummaryInput, GetSyncBlockerSummaryOutput]("GetSyncBlockerSummary",
			accessDenied, internalServer, invalidInput, notFound, throttling),
		operation[GetSyncConfigurationInput, GetSyncConfigurationOutput]("GetSyncConfiguration",
			accessDenied, internalServer, invalidInput, notFound, throttling),
		operation[ListConnectionsInput, ListConnectionsOutput]("ListConnections", notFound),
		operation[ListHostsInput, ListHostsOutput]("ListHosts"),
		operation[ListRepositoryLinksInput, ListRepositoryLinksOutput]("ListRepositoryLinks",
			accessDenied, concurrent, internalServer, invalidInput, notFound, throttling),
		operation[ListRepositorySyncDefinitionsInput, ListRepositorySyncDefinitionsOutput]("ListRepositorySyncDefinitions",
			accessDenied, internalServer, invalidInput, notFound, throttling),
		operation[ListSyncConfigurationsInput, ListSyncConfigurationsOutput]("ListSyncConfigurations",
			accessDenied, internalServer, invalidInput, notFound, throttling),
		operation[ListTagsForResourceInput, ListTagsForResourceOutput]("ListTagsForResource", notFound),
		operation[TagResourceInput, TagResourceOutput]("TagResource", notFound, limitExceeded),
		operation[UntagResourceInput, UntagResourceOutput]("UntagResource", notFound),
		operation[UpdateHostInput, UpdateHostOutput]("UpdateHost", conflict, notFound, unavailable, unsupported),
		operation[UpdateRepositoryLinkInput, UpdateRepositoryLinkOutput]("UpdateRepositoryLink",
			accessDenied, conditional, internalServer, invalidInput, notFound, throttling, outOfSync),
		operation[UpdateSyncBlockerInput, UpdateSyncBlockerOutput]("UpdateSyncBlocker",
			accessDenied, internalServer, invalidInput, notFound, retryFailed, noSuchBlocker, throttling),
		operation[UpdateSyncConfigurationInput, UpdateSyncConfigurationOutput]("UpdateSyncConfiguration",
			accessDenied, concurrent, internalServer, invalidInput, notFound, throttling, outOfSync),
	}
}
