package wire

import "maps"

// ProviderGit is the provider type of any Git server. It is the only value that
// Lockstep adds to AWS's shapes.
const ProviderGit = "Git"

// A Shape is the constraints of a value. Zero fields do not constrain.
type Shape struct {
	// Bounded reports whether Min and Max apply, both inclusive: to a string's
	// length in characters, a list's length, or an integer's value.
	Bounded  bool
	Min, Max int
	// Pattern is a regular expression in AWS's syntax, which is Java's. The whole
	// value must match, with or without anchors.
	Pattern string
	Enum    []string
	// Member is the shape of a list's elements, unless they are structures.
	Member string
	// Sensitive values never appear in messages or logs.
	Sensitive bool
}

func text(minimum, maximum int, pattern string) Shape {
	return Shape{Bounded: true, Min: minimum, Max: maximum, Pattern: pattern}
}

func enum(values ...string) Shape { return Shape{Enum: values} }

func merge(tables ...map[string]Shape) map[string]Shape {
	all := map[string]Shape{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// namedShapes are the names, ids and tokens of both AWS services.
func namedShapes() map[string]Shape {
	return map[string]Shape{
		// The account id, twelve digits.
		"AccountId": text(12, 12, `[0-9]{12}`),
		// The Amazon Resource Name (ARN) of the resource.
		"AmazonResourceName": text(1, 1011, `arn:aws(-[\w]+)*:.+:.+:[0-9]{12}:.+`),
		// The name of the branch.
		"BranchName": text(1, 255, `^.*$`),
		// The Amazon Resource Name (ARN) of the connection.
		"ConnectionArn": text(0, 256, `arn:aws(-[\w]+)*:.+:.+:[0-9]{12}:.+`),
		// The name of the connection.
		"ConnectionName": text(1, 32, `[\s\S]*`),
		// The name of the host.
		"HostName": text(1, 64, `.*`),
		// The status of the host.
		"HostStatus": text(1, 64, `.*`),
		// The ARN of the IAM role.
		"IamRoleArn": text(1, 1024, `arn:aws(-[\w]+)*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+`),
		// The id.
		"Id": text(1, 50, ""),
		// The ARN of the KMS key. It is stored and returned, and not used.
		"KmsKeyArn": text(1, 1024, `arn:aws(-[\w]+)*:kms:[a-z\-0-9]+:\d{12}:key/[a-zA-Z0-9\-]+`),
		// The token of the next page.
		"NextToken": text(1, 1024, `^.*$`),
		// The owner of the repository: an account or an organization, with subgroups.
		"OwnerId": text(1, 255, `^.*$`),
		// The id of the repository link.
		"RepositoryLinkId": {Pattern: `^[0-9a-fA-F]{8}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{12}$`},
		// The name of the repository.
		"RepositoryName": text(1, 128, `^.*$`),
		// The reason for resolving the blocker.
		"ResolvedReason": text(1, 250, ""),
		// The name of the resource, such as a stack.
		"ResourceName": text(1, 100, `^[0-9A-Za-z]+[0-9A-Za-z_\\-]*$`),
		// The commit id.
		"SHA": text(1, 255, ""),
		// The id of a security group.
		"SecurityGroupId": text(11, 20, `sg-\w{8}(\w{9})?`),
		// The token of the next page.
		"SharpNextToken": text(1, 2048, `^.*$`),
		// The id of a subnet.
		"SubnetId": text(15, 24, `subnet-\w{8}(\w{9})?`),
		// The key of the tag.
		"TagKey": text(1, 128, `.*`),
		// The value of the tag.
		"TagValue": text(0, 256, `.*`),
		// The TLS certificates, in PEM format.
		"TlsCertificate": text(1, 16384, `[\s\S]*`),
		// The endpoint of the host, as a URL.
		"Url": text(1, 512, `.*`),
		// The id of the VPC.
		"VpcId": text(12, 21, `vpc-\w{8}(\w{9})?`),
	}
}

// otherShapes are the enumerations, numbers, lists and unconstrained shapes of both
// AWS services.
func otherShapes() map[string]Shape {
	return map[string]Shape{
		// The status of the blocker.
		"BlockerStatus": enum("ACTIVE", "RESOLVED"),
		// The type of the blocker.
		"BlockerType": enum("AUTOMATED"),
		// The status of the connection.
		"ConnectionStatus": enum("PENDING", "AVAILABLE", "ERROR"),
		// Whether the Git host shows the status of deployments.
		"PublishDeploymentStatus": enum("ENABLED", "DISABLED"),
		// The status of the attempt.
		"RepositorySyncStatus": enum("FAILED", "INITIATED", "IN_PROGRESS", "SUCCEEDED", "QUEUED"),
		// The status of the attempt.
		"ResourceSyncStatus": enum("FAILED", "INITIATED", "IN_PROGRESS", "SUCCEEDED"),
		// The sync type.
		"SyncConfigurationType": enum("CFN_STACK_SYNC"),
		// Whether any commit, or only a change of the files, starts a resource sync.
		"TriggerResourceUpdateOn": enum("ANY_CHANGE", "FILE_CHANGE"),

		// The maximum number of items of the page.
		"MaxResults": {Bounded: true, Min: 0, Max: 100},
		// The ids of the security groups.
		"SecurityGroupIds": {Bounded: true, Min: 1, Max: 10, Member: "SecurityGroupId"},
		// The ids of the subnets.
		"SubnetIds": {Bounded: true, Min: 1, Max: 10, Member: "SubnetId"},
		// The keys of the tags.
		"TagKeyList": {Bounded: true, Min: 0, Max: 200, Member: "TagKey"},
		// The tags.
		"TagList": {Bounded: true, Min: 0, Max: 200},

		// The connections.
		"ConnectionList": {},
		// The reason why the sync is blocked.
		"CreatedReason": {},
		// The path of the deployment file in the repository.
		"DeploymentFilePath": {},
		// The path of the deployment file.
		"Directory": {},
		// The message of the event.
		"Event": {},
		// The id of the event in another system, such as the ARN of a change set.
		"ExternalId": {},
		// The hosts.
		"HostList": {},
		// More about the status of the host.
		"HostStatusMessage": {},
		// The latest blockers.
		"LatestSyncBlockerList": {},
		// The parent resource.
		"Parent": {},
		// The repository links.
		"RepositoryLinkList": {},
		// The sync definitions.
		"RepositorySyncDefinitionList": {},
		// The events of the attempt.
		"RepositorySyncEventList": {},
		// The events of the attempt.
		"ResourceSyncEventList": {},
		// The key.
		"SyncBlockerContextKey": {},
		// What the blocker is about, such as a stack.
		"SyncBlockerContextList": {},
		// The value.
		"SyncBlockerContextValue": {},
		// The sync configurations.
		"SyncConfigurationList": {},
		// The target of the sync, such as a stack.
		"Target": {},
		// The time.
		"Timestamp": {},
		// The type of the event.
		"Type": {},
	}
}

func codeConnectionsShapes() map[string]Shape {
	return merge(namedShapes(), otherShapes(), map[string]Shape{
		// The Amazon Resource Name (ARN) of the host.
		"HostArn": text(0, 256, `arn:aws(-[\w]+)*:(codestar-connections|codeconnections):.+:[0-9]{12}:host\/.+`),
		// The provider type of the Git host.
		"ProviderType": enum("Bitbucket", "GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged", "AzureDevOps", ProviderGit),
		// Whether pull requests get a comment with the changes that merging would make.
		"PullRequestComment": enum("ENABLED", "DISABLED"),
		// The Amazon Resource Name (ARN) of the repository link.
		"RepositoryLinkArn": {Pattern: `^arn:aws(?:-[a-z]+)*:(codestar-connections|codeconnections):[a-z\-0-9]+:\d{12}:repository-link\/[a-zA-Z0-9\-:/]+`},
	})
}

func codeStarShapes() map[string]Shape {
	return merge(namedShapes(), otherShapes(), map[string]Shape{
		// The Amazon Resource Name (ARN) of the host.
		"HostArn": text(0, 256, `arn:aws(-[\w]+)*:codestar-connections:.+:[0-9]{12}:host\/.+`),
		// The provider type of the Git host.
		"ProviderType": enum("Bitbucket", "GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged", ProviderGit),
		// The Amazon Resource Name (ARN) of the repository link.
		"RepositoryLinkArn": {Pattern: `^arn:aws(?:-[a-z]+)*:codestar-connections:[a-z\-0-9]+:\d{12}:repository-link\/[a-zA-Z0-9\-:/]+`},
	})
}
