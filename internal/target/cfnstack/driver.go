package cfnstack

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
)

// Type is the sync type of CloudFormation stacks.
const Type lockstep.SyncType = "CFN_STACK_SYNC"

// Options say which CloudFormation a driver speaks to, and as whom.
type Options struct {
	// Target is the URL of an endpoint that serves CloudFormation; "" is AWS.
	// AWS_ENDPOINT_URL and its sisters are ignored.
	Target string
	// STSEndpoint is where roles are assumed. Defaults to Target.
	STSEndpoint string
	// BaseCredentials sign every call, or only AssumeRole where AssumeRoles is
	// set. Without them every attempt is denied.
	BaseCredentials aws.CredentialsProvider
	// AssumeRoles lets each configuration's role do the work.
	AssumeRoles bool
	// ExternalID gives the external id by which roles of an account are
	// assumed, "" for none. Defaults to none.
	ExternalID func(lockstep.AccountID) string
	// Poll says how often AWS is asked while it works. Defaults to 2 s growing
	// to 10 s, and to 100 ms growing to 1 s for a Target on loopback.
	Poll Schedule
	// AwaitExports is how long an attempt waits for an export that its template
	// imports and that is not there: another stack of the same commit may be
	// about to make it. Defaults to 5 minutes, and to 10 s for a Target on
	// loopback.
	AwaitExports time.Duration
	// Instance names this installation in change sets' descriptions.
	Instance string
	// Log receives what is worth knowing and no attempt's owner can act on.
	// Defaults to nowhere.
	Log *slog.Logger
}

// A Schedule is a pause that grows by half each time, from First to Most.
type Schedule struct {
	First, Max time.Duration
}

// delay gives the pause after n others.
func (s Schedule) delay(n int) time.Duration {
	pause := s.First
	for range n {
		if pause += pause / 2; pause >= s.Max {
			return s.Max
		}
	}
	return min(pause, s.Max)
}

// httpTimeout bounds one request. Some endpoints execute a whole change set
// inside the call.
const httpTimeout = 20 * time.Second

// A Driver syncs CloudFormation stacks. It is safe for concurrent use.
type Driver struct {
	deploymentfile.Discoverer
	deploymentfile.Encoder

	options Options
	http    *awshttp.BuildableClient

	mu       sync.Mutex
	clients  map[string]*cloudformation.Client // by region
	roles    map[roleKey]aws.CredentialsProvider
	retryers map[accountKey]aws.RetryerV2
}

var (
	_ target.Driver     = (*Driver)(nil)
	_ target.Discoverer = (*Driver)(nil)
	_ target.Encoder    = (*Driver)(nil)
)

// New makes a driver. It calls nobody; its only errors are Invalid URLs.
func New(options Options) (*Driver, error) {
	if options.STSEndpoint == "" {
		options.STSEndpoint = options.Target
	}

	for _, endpoint := range []string{options.Target, options.STSEndpoint} {
		if err := checkEndpoint(endpoint); err != nil {
			return nil, err
		}
	}

	if options.AwaitExports == 0 {
		options.AwaitExports = 5 * time.Minute
		if netaddr.IsLoopbackURL(options.Target) {
			options.AwaitExports = 10 * time.Second
		}
	}

	if options.Poll == (Schedule{}) {
		options.Poll = Schedule{2 * time.Second, 10 * time.Second}
		if netaddr.IsLoopbackURL(options.Target) {
			options.Poll = Schedule{100 * time.Millisecond, time.Second}
		}
	}

	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}

	return &Driver{
		options:  options,
		http:     awshttp.NewBuildableClient().WithTimeout(httpTimeout),
		clients:  make(map[string]*cloudformation.Client),
		roles:    make(map[roleKey]aws.CredentialsProvider),
		retryers: make(map[accountKey]aws.RetryerV2),
	}, nil
}

// Type is CFN_STACK_SYNC.
func (d *Driver) Type() lockstep.SyncType { return Type }

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return lockstep.Errorf(lockstep.Invalid, "A target is the URL of a CloudFormation endpoint, http://HOST:PORT or https://HOST, without user name.")
	}
	return nil
}

// endpointName names the target in messages.
func (d *Driver) endpointName() string {
	parsed, err := url.Parse(d.options.Target)
	if err != nil || parsed.Host == "" {
		return "AWS"
	}
	if host, port, err := net.SplitHostPort(parsed.Host); err == nil {
		return net.JoinHostPort(host, port)
	}
	return parsed.Host
}

// ReadInputs reads the deployment file and the template it names. The kinds of
// its errors are Invalid, NotFound, Limit and those of the tree.
func (d *Driver) ReadInputs(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (target.Inputs, error) {
	_, inputs, err := deploymentfile.Read(ctx, cfg, files)
	return inputs, err
}

// Advance takes an attempt one step further. Beside Failed ends its errors are
// Unavailable, Denied, Invalid, NotFound, Limit and Blocked.
func (d *Driver) Advance(ctx context.Context, a target.Attempt) (target.Step, error) {
	w, err := d.newRunner(a)
	if err != nil {
		return target.Step{}, err
	}
	step, err := w.advance(ctx)
	return w.finish(ctx, step, err)
}

// Discard deletes a change set that was proposed and not executed, and the
// empty stack that proposing it has made.
func (d *Driver) Discard(ctx context.Context, attempt target.Attempt) error {
	w, err := d.newRunner(attempt)
	if err != nil {
		return err
	}
	if w.checkpoint.ChangeSetName == "" && w.checkpoint.StaleChangeSet == "" && w.checkpoint.CreatedStack == "" { // nothing was proposed
		return nil
	}

	if w.session, err = d.newSession(ctx, attempt.Configuration); err != nil {
		return err
	}

	_, err = w.finish(ctx, target.Step{}, w.deleteProposal(ctx))
	return err
}
