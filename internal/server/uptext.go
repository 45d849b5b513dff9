package server

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// hello says how to reach what has just begun to answer.
func (u *up) hello() {
	url := u.server.url()
	fmt.Fprintf(u.Out, "\nThe API answers at %s. In another terminal:\n\n", url)
	fmt.Fprintf(u.Out, "  export AWS_CONFIG_FILE=%s\n", quote(u.dir.file("config")))
	fmt.Fprintf(u.Out, "  export AWS_SHARED_CREDENTIALS_FILE=%s\n\n", quote(u.dir.file("credentials")))
}

// next says, once the first syncs have ended, how they ended and what can be
// done now.
func (u *up) next(ctx context.Context) error {
	cfgs, err := u.configurations(ctx)
	if err != nil || len(cfgs) == 0 {
		return err
	}
	if err := u.summary(ctx, cfgs); err != nil {
		return err
	}

	name := cfgs[0].ResourceName
	at := u.sample()
	if at != "" {
		name = "web"
	}

	fmt.Fprintf(u.Out, "\nAsk for the status of a stack:\n\n")
	fmt.Fprintf(u.Out, "  aws codeconnections get-resource-sync-status --resource-name %s --sync-type CFN_STACK_SYNC\n", name)
	if u.sandboxed() {
		fmt.Fprintf(u.Out, "  aws cloudformation describe-stacks --stack-name %s\n", name)
	}

	fmt.Fprintf(u.Out, "  python3 -c 'import boto3; print(boto3.client(\"codestar-connections\", endpoint_url=\"%s\", region_name=\"%s\").get_resource_sync_status(ResourceName=\"%s\", SyncType=\"CFN_STACK_SYNC\"))'\n",
		u.server.url(), u.linker.region, name)
	if at != "" {
		u.nextSample(at)
	}

	fmt.Fprintf(u.Out, "\nA new commit is noticed and synced. Ctrl-C stops.\n\n")
	return nil
}

// summary writes a line per stack.
func (u *up) summary(ctx context.Context, cfgs []lockstep.SyncConfiguration) error {
	fmt.Fprintln(u.Out)
	return u.server.db.View(ctx, func(tx *db.Tx) error {
		for _, cfg := range cfgs {
			s, err := syncstate.ResourceByName(tx, cfg.Resource())
			if err != nil {
				return err
			}

			a, ok, err := syncstate.LatestAttempt(tx, s)
			if err != nil {
				return err
			}

			if ok {
				fmt.Fprintf(u.Out, "%-24s %-10s %s@%s\n", cfg.ResourceName, a.Status, cfg.Branch, a.TargetRevision.SHA.Short())
			}
		}

		return nil
	})
}

// nextSample gives two commits to try on the sample.
func (u *up) nextSample(at string) {
	git := "git -C " + quote(at)
	fmt.Fprintf(u.Out, "\nChange a parameter and commit:\n\n")
	fmt.Fprintf(u.Out, "  sed -i.bak 's/\"4\"/\"7\"/' %s && %s commit -qam 'Keep messages for a week'\n", quote(at+"/deployments/web.yaml"), git)
	fmt.Fprintf(u.Out, "\nCommit a resource that fails, and see why:\n\n")
	fmt.Fprintf(u.Out, "  printf '  Broken:\\n    Type: AWS::SQS::Queue\\n    Metadata: {\"Lockstep::Sandbox\": {Fail: \"The queue is on strike\"}}\\n' >> %s && %s commit -qam 'Add a broken queue'\n",
		quote(at+"/templates/web.yaml"), git)
}

// sample gives the folder of the sample, if that is what is synced.
func (u *up) sample() string {
	at, err := filepath.EvalSymlinks(u.dir.file("sample"))
	if err != nil {
		return ""
	}
	for _, s := range u.sources {
		if s.root == at {
			return at
		}
	}
	return ""
}

func (u *up) sandboxed() bool { return u.server.sandbox != nil }
