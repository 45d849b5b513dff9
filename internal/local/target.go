package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/server"
)

// resolveTarget fills in the target, and the account and region that everything is in. No role is
// assumed: the developer who runs `lockstep up` deploys.
func (u *up) resolveTarget(ctx context.Context) error {
	endpoint, err := config.TargetEndpoint(u.Target)
	if err != nil {
		return usageErrorf("--target: %s", err)
	}

	u.options.Target = server.Target{Name: u.Target, Endpoint: endpoint}
	if u.Target == "sandbox" {
		return u.resolveSandbox(ctx)
	}

	cfg, err := config.LoadAWS(ctx, endpoint)
	if err != nil {
		return err
	}

	u.region = cfg.Region
	u.options.Target.Credentials = cfg.Credentials
	u.account, err = callerAccount(ctx, cfg, endpoint)
	return err
}

func (u *up) resolveSandbox(ctx context.Context) error {
	key, err := server.EnsureKey(ctx, u.options.DB, u.options.SealKey,
		identity.CreateKeyInput{Account: server.SandboxAccount, Principal: principal, Role: identity.Admin})

	u.account, u.region = server.SandboxAccount, config.DefaultRegion
	u.options.SandboxFile = u.dir.file("sandbox.db")
	u.options.Target.Endpoint = u.options.Listeners.SandboxURL()
	u.options.Target.Credentials = credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.Secret.Reveal(), "")
	return err
}

// usesSandbox reports whether the stacks are in the server's own sandbox.
func (u *up) usesSandbox() bool { return u.options.SandboxFile != "" }

// callerAccount returns the account of the credentials, which the stacks will be in. It asks STS at
// the target, whatever AWS_ENDPOINT_URL is.
func callerAccount(ctx context.Context, cfg aws.Config, endpoint string) (string, error) {
	plain := aws.Config{Region: cfg.Region, Credentials: cfg.Credentials, HTTPClient: cfg.HTTPClient}
	subject := "AWS"
	client := sts.NewFromConfig(plain, func(o *sts.Options) {
		if endpoint != "" {
			subject = endpoint
			o.BaseEndpoint = aws.String(endpoint)
		}
	})

	identity, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("get the caller identity from %s: %w", subject, err)
	}

	return aws.ToString(identity.Account), nil
}

// A firstSync is what the first sync of a deployment file would do.
type firstSync struct {
	action string // create or update
	stack  string
	file   string
}

// confirm shows what would be done to a target other than the sandbox, and asks. It refuses names that
// collide.
func (u *up) confirm(ctx context.Context, found []discovered) error {
	if u.usesSandbox() {
		return nil
	}

	syncs, err := u.firstSyncs(ctx, found)
	if err != nil || len(syncs) == 0 {
		return err
	}

	fmt.Fprintf(u.Out, "Target %s, account %s, region %s:\n", u.Target, u.account, u.region)
	for _, sync := range syncs {
		fmt.Fprintf(u.Out, "  %-6s stack %s from %s\n", sync.action, sync.stack, lockstep.SanitizeLine(sync.file))
	}

	if u.Yes || u.Target != "aws" {
		return nil
	}

	fmt.Fprint(u.Out, "Continue? [y/N] ")
	line, _ := bufio.NewReader(u.In).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return usageErrorf("Nothing was changed. To continue without a question, use --yes.")
}

// firstSyncs returns what would be done for the deployment files that are not synced yet.
func (u *up) firstSyncs(ctx context.Context, found []discovered) ([]firstSync, error) {
	stored, err := u.client.resourceSyncs(ctx)
	if err != nil {
		return nil, err
	}

	fileOf, isSynced := map[string]string{}, map[string]bool{}
	for _, resource := range stored {
		fileOf[resource.ResourceName] = resource.ConfigFile
		isSynced[resource.RepositoryLinkId+" "+resource.ConfigFile] = true
	}

	var syncs []firstSync
	for _, repository := range found {
		for _, file := range repository.files.Files {
			if isSynced[repository.link.RepositoryLinkId+" "+file.Path] {
				continue
			}
			if other, taken := fileOf[file.Name]; taken {
				return nil, usageErrorf("%s and %s both ask for the name %s. Rename one of them with --name %s=NAME.",
					other, file.Path, file.Name, file.Path)
			}

			fileOf[file.Name] = file.Path
			action, err := u.actionFor(ctx, file.Name)
			if err != nil {
				return nil, err
			}

			syncs = append(syncs, firstSync{action: action, stack: file.Name, file: file.Path})
		}
	}

	return syncs, nil
}

// actionFor returns whether the first sync would create or update a stack.
func (u *up) actionFor(ctx context.Context, stack string) (string, error) {
	target := u.options.Target
	client := cloudformation.NewFromConfig(
		aws.Config{Region: u.region, Credentials: target.Credentials},
		func(o *cloudformation.Options) {
			if target.Endpoint != "" {
				o.BaseEndpoint = aws.String(target.Endpoint)
			}
		})

	_, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if apiErr, ok := errors.AsType[smithy.APIError](err); ok && apiErr.ErrorCode() == "ValidationError" {
		return "create", nil
	}
	if err != nil {
		return "", fmt.Errorf("describe stack %s: %w", stack, err)
	}

	return "update", nil
}

// checkTargetBinding refuses a data directory that is bound to another target.
func (u *up) checkTargetBinding(ctx context.Context) error {
	err := server.CheckTargetBinding(ctx, u.options.DB, u.Target)
	if lockstep.KindOf(err) == lockstep.Invalid {
		return usageErrorf("%s Choose another folder with --data.", lockstep.Shown(err))
	}
	return err
}
