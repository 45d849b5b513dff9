package config

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

// DefaultRegion is the region where the AWS configuration names none.
const DefaultRegion = "us-east-1"

// LoadAWS reads the AWS credential chain for calls to endpoint; "" is AWS. If the chain is empty and
// the endpoint is on this machine it returns placeholders, because such an endpoint seldom checks.
func LoadAWS(ctx context.Context, endpoint string) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithLogger(logging.Nop{})}
	if netaddr.IsLoopbackURL(endpoint) { // do not ask the network for an instance role
		options = append(options, awsconfig.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}

	cfg, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}

	if cfg.Region == "" {
		cfg.Region = DefaultRegion
	}

	if netaddr.IsLoopbackURL(endpoint) {
		if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
			cfg.Credentials = credentials.NewStaticCredentialsProvider("placeholder", "placeholder", "")
		}
	}

	return cfg, nil
}
