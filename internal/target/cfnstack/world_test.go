package cfnstack_test

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
)

// plainTemplate has a default for each parameter.
const plainTemplate = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Size: {Type: Number, Default: 1}
  Names: {Type: CommaDelimitedList, Default: a}
  Password: {Type: String, NoEcho: true, Default: none}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Size}
`

// configuration is a sync configuration of a stack, with the file web.yaml.
func configuration(stackName string) lockstep.SyncConfiguration {
	return lockstep.SyncConfiguration{
		ID:             1,
		Account:        "111122223333",
		Region:         "eu-west-1",
		SyncType:       cfnstack.Type,
		ResourceName:   stackName,
		Branch:         "main",
		ConfigFile:     "web.yaml",
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		RoleARN:        "arn:aws:iam::444455556666:role/sync",
	}
}
