package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
)

// aim fills in which CloudFormation the stacks are in, and gives the account
// and region that everything is in. No role is assumed: whoever runs `up` on a
// laptop is who deploys.
func (u *up) aim(ctx context.Context, p *plan) (account, region string, err error) {
	endpoint, err := parseTarget(u.Target)
	if err != nil {
		return "", "", usage("--target: %s", err)
	}

	p.target = stackTarget{name: u.Target, endpoint: endpoint}
	if u.Target == "sandbox" {
		p.target.endpoint = p.sandboxURL()
		p.sandboxFile = u.dir.file("sandbox.db")
		k, err := ownKey(ctx, p.db, p.key, identity.CreateKeyInput{Account: sandboxAccount, Principal: "up", Role: identity.Admin})
		p.credentials = credentials.NewStaticCredentialsProvider(k.id, k.secret, "")

		return sandboxAccount, defaultRegion, err
	}

	cfg, err := callerConfig(ctx, endpoint)
	if err != nil {
		return "", "", err
	}

	p.credentials = cfg.Credentials
	account, err = callerAccount(ctx, cfg, endpoint)
	return account, cfg.Region, err
}

// intended is what the first sync of a deployment file would do.
type intended struct{ stack, file, action string }

// agree shows what will be done to a target that is not ours, and asks. Names
// that clash are told before anything is done.
func (u *up) agree(ctx context.Context, seen []sighting) error {
	if u.sandboxed() {
		return nil
	}

	list, err := u.intentions(ctx, seen)
	if err != nil || len(list) == 0 {
		return err
	}

	fmt.Fprintf(u.Out, "Target %s, account %s, region %s:\n", u.Target, u.linker.account, u.linker.region)
	for _, a := range list {
		fmt.Fprintf(u.Out, "  %-6s stack %s from %s\n", a.action, a.stack, lockstep.SanitizeLine(a.file))
	}

	if u.Yes || u.Target != "aws" {
		return nil
	}

	fmt.Fprint(u.Out, "Go on? [y/N] ")
	answer, _ := bufio.NewReader(u.In).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return usage("Nothing was changed. --yes goes on without asking.")
	}

	return nil
}

// intentions lists the stacks that are not synced yet.
func (u *up) intentions(ctx context.Context, seen []sighting) ([]intended, error) {
	stored, err := u.configurations(ctx)
	if err != nil {
		return nil, err
	}

	byName, byFile := map[string]string{}, map[string]bool{}
	for _, cfg := range stored {
		byName[cfg.ResourceName] = cfg.ConfigFile
		byFile[cfg.LinkID+" "+cfg.ConfigFile] = true
	}

	var list []intended
	for _, at := range seen {
		for _, f := range at.found.Files {
			if byFile[at.link.ID+" "+f.Path] {
				continue
			}
			if other, taken := byName[f.Name]; taken {
				return nil, usage("%s and %s both ask for the name %s. Give one another with --name %s=NAME.", other, f.Path, f.Name, f.Path)
			}

			byName[f.Name] = f.Path
			action, err := u.action(ctx, f.Name)
			if err != nil {
				return nil, err
			}

			list = append(list, intended{stack: f.Name, file: f.Path, action: action})
		}
	}

	return list, nil
}

// action says whether a stack would be created or updated.
func (u *up) action(ctx context.Context, stack string) (string, error) {
	client := cloudformation.NewFromConfig(aws.Config{Region: u.linker.region, Credentials: u.server.credentials}, func(o *cloudformation.Options) {
		if u.server.target.endpoint != "" {
			o.BaseEndpoint = aws.String(u.server.target.endpoint)
		}
	})

	_, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "ValidationError" {
		return "create", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for stack %s: %w", stack, err)
	}

	return "update", nil
}

// errBinding undoes a binding that was tried.
var errBinding = errors.New("it can be bound")

// stillBound is asked before a data directory is used: what it remembers of
// stacks is about one target. It is not bound yet: a target that cannot be
// reached is likely a slip of the pen.
func stillBound(ctx context.Context, d *db.DB, target string) error {
	err := d.Update(ctx, func(tx *db.Tx) error {
		if _, err := store.BindTarget(tx, target); err != nil {
			return err
		}
		return errBinding
	})
	switch {
	case errors.Is(err, errBinding):
		return nil
	case lockstep.KindOf(err) == lockstep.Invalid:
		return usage("%s Use --data for another folder.", lockstep.Shown(err))
	}

	return err
}
