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

// Options are the endpoint and the credentials of a driver.
type Options struct {
	// Target is the URL of an endpoint that serves CloudFormation; "" is AWS.
	// AWS_ENDPOINT_URL and its variants are ignored.
	Target string
	// STSEndpoint is where roles are assumed. Defaults to Target.
	STSEndpoint string
	// BaseCredentials sign every call, or only AssumeRole if AssumeRoles is set.
	// Without them every attempt is denied.
	BaseCredentials aws.CredentialsProvider
	// AssumeRoles signs the calls with the role of each sync configuration.
	AssumeRoles bool
	// ExternalID returns the external id for the roles of an account, "" for none.
	// Defaults to none.
	ExternalID func(lockstep.AccountID) string
	// Poll is the pause between two polls. Defaults to 2 s growing to 10 s, and to
	// 100 ms growing to 1 s for a Target on loopback.
	Poll Schedule
	// AwaitExports is how long an attempt waits for a missing export that its
	// template imports, since another stack of the same commit may be about to
	// create it. Defaults to 5 minutes, and to 10 s for a Target on loopback.
	AwaitExports time.Duration
	// RetryPlain is how long an attempt retries after an answer that is not
	// CloudFormation's and that endpoints give to what they do not support: HTTP 500,
	// 404 and the like. Defaults to 5 minutes, and to 10 s for a Target on loopback.
	RetryPlain time.Duration
	// Instance names this installation in the descriptions of change sets.
	Instance string
	// Log receives what an attempt's owner cannot act on. Defaults to discarding it.
	Log *slog.Logger
}

// A Schedule is a pause that grows by half each time, from First to Max.
type Schedule struct {
	First, Max time.Duration
}

// delay returns the pause after n others.
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
// within the call.
const httpTimeout = 20 * time.Second

// A Driver syncs CloudFormation stacks. It is safe for concurrent use.
type Driver struct {
	// Discover, Encode and Equal.
	deploymentfile.Discoverer
	deploymentfile.Encoder

	options Options
	http    *awshttp.BuildableClient

	mu       sync.Mutex
	clients  map[string]*cloudformation.Client // by region
	roles    map[roleKey]aws.CredentialsProvider
	retryers map[accountKey]aws.RetryerV2
	// renewedAt is when the credentials of a role were last renewed early.
	renewedAt map[roleKey]time.Time
}

var (
	_ target.Driver     = (*Driver)(nil)
	_ target.Discoverer = (*Driver)(nil)
	_ target.Encoder    = (*Driver)(nil)
)

// New returns a driver. It makes no calls. Its only errors are Invalid URLs.
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

	if options.RetryPlain == 0 {
		options.RetryPlain = 5 * time.Minute
		if netaddr.IsLoopbackURL(options.Target) {
			options.RetryPlain = 10 * time.Second
		}
	}

	if options.Poll == (Schedule{}) {
		options.Poll = Schedule{First: 2 * time.Second, Max: 10 * time.Second}
		if netaddr.IsLoopbackURL(options.Target) {
			options.Poll = Schedule{First: 100 * time.Millisecond, Max: time.Second}
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

		renewedAt: make(map[roleKey]time.Time),
	}, nil
}

// Type returns CFN_STACK_SYNC.
func (d *Driver) Type() lockstep.SyncType { return Type }

// ValidateName returns an Invalid error if no stack can have the name.
func (d *Driver) ValidateName(name string) error { return deploymentfile.ValidateStackName(name) }

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}

	parsed, err := url.Parse(endpoint)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" ||
		parsed.Hostname() == "" || parsed.User != nil {
		return lockstep.Errorf(lockstep.Invalid,
			"A target is the URL of a CloudFormation endpoint, http://HOST:PORT or https://HOST, without user name.")
	}

	return nil
}

// endpointName returns the name of the target for messages.
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
func (d *Driver) ReadInputs(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (target.Inputs,
	error) {
	_, inputs, err := deploymentfile.Read(ctx, cfg, files)
	return inputs, err
}

// Advance takes an attempt one step further. The kinds of its errors are
// Unavailable, Denied, Invalid, NotFound, Limit and Blocked.
func (d *Driver) Advance(ctx context.Context, attempt target.Attempt) (target.Step, error) {
	r, err := d.newRunner(attempt)
	if err != nil {
		return target.Step{}, err
	}

	step, err := r.advance(ctx)
	return r.finish(ctx, step, err)
}

// Discard deletes a change set that was created and not executed, and the empty
// stack that was created with it.
func (d *Driver) Discard(ctx context.Context, attempt target.Attempt) error {
	r, err := d.newRunner(attempt)
	if err != nil {
		return err
	}

	state := r.checkpoint
	if state.ChangeSetName == "" && state.StaleChangeSet == "" {
		return nil // nothing was created
	}

	if r.session, err = d.newSession(ctx, attempt.Configuration); err != nil {
		return err
	}

	_, err = r.finish(ctx, target.Step{}, cleanup{r}.deleteProposal(ctx))
	return err
}
