package server

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

// aim fills in which CloudFormation the plan's stacks are in and who calls it.
// A server lets each configuration's role do the work.
func (p *plan) aim(ctx context.Context, c Config) error {
	endpoint, err := parseTarget(c.Target)
	if err != nil {
		return fmt.Errorf("--target: %w", err)
	}

	p.target = stackTarget{name: c.Target, endpoint: endpoint, assumeRoles: true}
	if c.Target == "sandbox" {
		p.target.endpoint = p.sandboxURL()
		p.sandboxFile = c.SandboxFile
		p.credentials, err = sandboxCaller(ctx, p.db, p.key)

		return err
	}

	cfg, err := callerConfig(ctx, endpoint)
	p.credentials = cfg.Credentials
	return err
}

// callerConfig reads the AWS credential chain. Where it finds nothing and the
// endpoint is on this machine, placeholders do: it will hardly ask.
func callerConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithLogger(logging.Nop{})}
	if netaddr.IsLoopbackURL(endpoint) { // no use in asking the network who this machine is
		options = append(options, awsconfig.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}

	cfg, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}

	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}

	if netaddr.IsLoopbackURL(endpoint) {
		if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
			cfg.Credentials = credentials.NewStaticCredentialsProvider("placeholder", "placeholder", "")
		}
	}

	return cfg, nil
}

const defaultRegion = "us-east-1"

// callerAccount asks STS whose credentials these are: that of the target, which
// the stacks will be in, whatever AWS_ENDPOINT_URL says.
func callerAccount(ctx context.Context, cfg aws.Config, endpoint string) (string, error) {
	plain := aws.Config{Region: cfg.Region, Credentials: cfg.Credentials, HTTPClient: cfg.HTTPClient}
	client := sts.NewFromConfig(plain, func(o *sts.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("ask %s whose credentials these are: %w", orAWS(endpoint), err)
	}
	return aws.ToString(who.Account), nil
}

func orAWS(endpoint string) string {
	if endpoint == "" {
		return "AWS"
	}
	return endpoint
}
