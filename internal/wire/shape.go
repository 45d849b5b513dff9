package wire

import "maps"

// ProviderGit is the one value that Lockstep adds to AWS's shapes: the provider
// type of any Git server.
const ProviderGit = "Git"

// A Shape says what a value must satisfy. Nothing is demanded by what is zero.
type Shape struct {
	// Bounded says that Min and Max hold, both inclusive: of a string's length
	// in characters, of a list's length, or of an integer's value.
	Bounded  bool
	Min, Max int
	// Pattern is a regular expression in AWS's (Java's) syntax. The whole value
	// must match, whether or not the pattern has anchors.
	Pattern string
	Enum    []string
	// Member names the shape of a list's elements when they are no structures.
	Member string
	// Sensitive values are never shown, in no message and no log.
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

// namedShapes are the names, identifiers and tokens that both AWS services have.
func namedShapes() map[string]Shape {
	return map[string]Shape{
		"AccountId":          text(12, 12, `[0-9]{12}`),
		"AmazonResourceName": text(1, 1011, `arn:aws(-[\w]+)*:.+:.+:[0-9]{12}:.+`),
		"BranchName":         text(1, 255, `^.*$`),
		"ConnectionArn":      text(0, 256, `arn:aws(-[\w]+)*:.+:.+:[0-9]{12}:.+`),
		"ConnectionName":     text(1, 32, `[\s\S]*`),
		"HostName":           text(1, 64, `.*`),
		"HostStatus":         text(1, 64, `.*`),
		"IamRoleArn":         text(1, 1024, `arn:aws(-[\w]+)*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+`),
		"Id":                 text(1, 50, ""),
		"KmsKeyArn":          text(1, 1024, `arn:aws(-[\w]+)*:kms:[a-z\-0-9]+:\d{12}:key/[a-zA-Z0-9\-]+`),
		"NextToken":          text(1, 1024, `^.*$`),
		"OwnerId":            text(1, 255, `^.*$`),
		"RepositoryLinkId":   {Pattern: `^[0-9a-fA-F]{8}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{12}$`},
		"RepositoryName":     text(1, 128, `^.*$`),
		"ResolvedReason":     text(1, 250, ""),
		"ResourceName":       text(1, 100, `^[0-9A-Za-z]+[0-9A-Za-z_\\-]*$`),
		"SHA":                text(1, 255, ""),
		"SecurityGroupId":    text(11, 20, `sg-\w{8}(\w{9})?`),
		"SharpNextToken":     text(1, 2048, `^.*$`),
		"SubnetId":           text(15, 24, `subnet-\w{8}(\w{9})?`),
		"TagKey":             text(1, 128, `.*`),
		"TagValue":           text(0, 256, `.*`),
		"TlsCertificate":     text(1, 16384, `[\s\S]*`),
		"Url":                text(1, 512, `.*`),
		"VpcId":              text(12, 21, `vpc-\w{8}(\w{9})?`),
	}
}

// otherShapes are the enumerations, the bounded numbers and lists, and what has
// no constraint, as both AWS services have them.
func otherShapes() map[string]Shape {
	shapes := map[string]Shape{
		"BlockerStatus":           enum("ACTIVE", "RESOLVED"),
		"BlockerType":             enum("AUTOMATED"),
		"ConnectionStatus":        enum("PENDING", "AVAILABLE", "ERROR"),
		"PublishDeploymentStatus": enum("ENABLED", "DISABLED"),
		"RepositorySyncStatus":    enum("FAILED", "INITIATED", "IN_PROGRESS", "SUCCEEDED", "QUEUED"),
		"ResourceSyncStatus":      enum("FAILED", "INITIATED", "IN_PROGRESS", "SUCCEEDED"),
		"SyncConfigurationType":   enum("CFN_STACK_SYNC"),
		"TriggerResourceUpdateOn": enum("ANY_CHANGE", "FILE_CHANGE"),

		"MaxResults":       {Bounded: true, Min: 0, Max: 100},
		"SecurityGroupIds": {Bounded: true, Min: 1, Max: 10, Member: "SecurityGroupId"},
		"SubnetIds":        {Bounded: true, Min: 1, Max: 10, Member: "SubnetId"},
		"TagKeyList":       {Bounded: true, Min: 0, Max: 200, Member: "TagKey"},
		"TagList":          {Bounded: true, Min: 0, Max: 200},
	}
	for _, free := range []string{
		"ConnectionList", "CreatedReason", "DeploymentFilePath", "Directory", "Event", "ExternalId", "HostList",
		"HostStatusMessage", "LatestSyncBlockerList", "Parent", "RepositoryLinkList", "RepositorySyncDefinitionList",
		"RepositorySyncEventList", "ResourceSyncEventList", "SyncBlockerContextKey", "SyncBlockerContextList",
		"SyncBlockerContextValue", "SyncConfigurationList", "Target", "Timestamp", "Type",
	} {
		shapes[free] = Shape{}
	}

	return shapes
}

func codeConnectionsShapes() map[string]Shape {
	return merge(namedShapes(), otherShapes(), map[string]Shape{
		"HostArn":            text(0, 256, `arn:aws(-[\w]+)*:(codestar-connections|codeconnections):.+:[0-9]{12}:host\/.+`),
		"ProviderType":       enum("Bitbucket", "GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged", "AzureDevOps", ProviderGit),
		"PullRequestComment": enum("ENABLED", "DISABLED"),
		"RepositoryLinkArn":  {Pattern: `^arn:aws(?:-[a-z]+)*:(codestar-connections|codeconnections):[a-z\-0-9]+:\d{12}:repository-link\/[a-zA-Z0-9\-:/]+`},
	})
}

func codeStarShapes() map[string]Shape {
	return merge(namedShapes(), otherShapes(), map[string]Shape{
		"HostArn":           text(0, 256, `arn:aws(-[\w]+)*:codestar-connections:.+:[0-9]{12}:host\/.+`),
		"ProviderType":      enum("Bitbucket", "GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged", ProviderGit),
		"RepositoryLinkArn": {Pattern: `^arn:aws(?:-[a-z]+)*:codestar-connections:[a-z\-0-9]+:\d{12}:repository-link\/[a-zA-Z0-9\-:/]+`},
	})
}
