package server

import (
	"context"
	"fmt"
	"strings"
)

// hello says how to reach what has just begun to answer.
func (u *up) hello() {
	url := loopback(u.server.listener.Addr())
	fmt.Fprintf(u.Out, "\nThe API answers at %s. In another terminal:\n\n", url)
	fmt.Fprintf(u.Out, "  export AWS_CONFIG_FILE=%s\n", quote(u.dir.file("config")))
	fmt.Fprintf(u.Out, "  export AWS_SHARED_CREDENTIALS_FILE=%s\n\n", quote(u.dir.file("credentials")))
}

// next says, once the first syncs have ended, what can be done now.
func (u *up) next(ctx context.Context) {
	url := loopback(u.server.listener.Addr())
	cfgs, err := u.configurations(ctx)
	if err != nil || len(cfgs) == 0 {
		return
	}
	name := cfgs[0].ResourceName
	fmt.Fprintf(u.Out, "\nAsk for the status of a stack:\n\n")
	fmt.Fprintf(u.Out, "  aws codeconnections get-resource-sync-status --resource-name %s --sync-type CFN_STACK_SYNC\n", name)
	if u.sandboxed() {
		fmt.Fprintf(u.Out, "  aws cloudformation describe-stacks --stack-name %s\n", name)
	}
	fmt.Fprintf(u.Out, "  python3 -c 'import boto3; print(boto3.client(\"codestar-connections\", endpoint_url=\"%s\").get_resource_sync_status(ResourceName=\"%s\", SyncType=\"CFN_STACK_SYNC\"))'\n", url, name)
	if at := u.sample(); at != "" {
		u.nextSample(at)
	}
	fmt.Fprintf(u.Out, "\nA new commit is noticed and synced. Ctrl-C stops.\n\n")
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
	for _, s := range u.sources {
		if strings.HasPrefix(s.root, u.dir.path) {
			return s.root
		}
	}
	return ""
}

func (u *up) sandboxed() bool { return u.server.sandbox != nil }
