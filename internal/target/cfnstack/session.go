package cfnstack

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep"
)

const (
	// maxTries bounds the retries of the SDK within one call. The engine retries the
	// step.
	maxTries = 3
	// expiryWindow is how long before their expiry credentials are renewed.
	expiryWindow = 5 * time.Minute
	// renewalPause is the time between two renewals of credentials that an endpoint
	// calls expired.
	renewalPause = time.Minute
	// maxRoles bounds the cached credentials.
	maxRoles = 10_000
	// imdsService is the SDK's name of the instance metadata service, which it asks
	// last.
	imdsService = "ec2imds"
)

// ownPrincipal is the name of the base credentials in messages.
const ownPrincipal = "the server's own credentials"

// A roleKey is the key of cached role credentials. It has the resource because the
// role session is named after it.
type roleKey struct {
	account      lockstep.AccountID
	role, region string
	resource     string
}

// An accountKey is the scope of CloudFormation's throttling.
type accountKey struct{ account, region string }

// A session makes the calls of one sync configuration.
type session struct {
	driver      *Driver
	cfg         lockstep.SyncConfiguration
	client      *cloudformation.Client
	callOptions func(*cloudformation.Options)
	principal   string // the principal, for messages
	// isPatient is set in the first time of an attempt. An answer that is not
	// CloudFormation's then counts as temporary.
	isPatient bool
}

// newSession returns a session. It retrieves credentials at once, so that a role that
// cannot be assumed is not mistaken for a denied call.
func (d *Driver) newSession(ctx context.Context, cfg lockstep.SyncConfiguration) (*session, error) {
	session := &session{driver: d, cfg: cfg, principal: ownPrincipal}
	credentials := d.options.BaseCredentials
	account := string(cfg.Account)

	if credentials == nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The server has no AWS credentials.")
	}

	if d.options.AssumeRoles {
		if cfg.RoleARN == "" {
			return nil, lockstep.Errorf(lockstep.Invalid, "The sync configuration has no role to assume.")
		}

		// Without these the call of STS would fail as if STS could not be reached.
		if _, err := credentials.Retrieve(ctx); err != nil {
			return nil, baseCredentialsError(err)
		}

		session.principal, account = cfg.RoleARN, lockstep.ARN(cfg.RoleARN).Account()
		credentials = d.roleCredentials(cfg)
	}

	if _, err := credentials.Retrieve(ctx); err != nil {
		return nil, session.credentialsError(err)
	}

	retryer := d.retryer(accountKey{account, cfg.Region})
	session.client = d.client(cfg.Region)
	session.callOptions = func(o *cloudformation.Options) {
		o.Credentials = credentials
		o.Retryer = retryer
	}

	return session, nil
}

// withoutRetries stops the SDK from repeating a call whose response was lost, since
// not every endpoint recognizes a repeated request token. The attempt checks first
// and then repeats the call.
func withoutRetries(o *cloudformation.Options) { o.RetryMaxAttempts = 1 }

// credentialsError explains why there are no credentials.
func (s *session) credentialsError(err error) error {
	if !s.driver.options.AssumeRoles {
		return baseCredentialsError(err)
	}

	fault := s.toError("AssumeRole", err)
	if kind := lockstep.KindOf(fault); kind != lockstep.Denied && kind != lockstep.Invalid {
		return fault
	}

	lockstepErr := lockstep.Wrapf(lockstep.Denied, err,
		"The role %s cannot be assumed: %s Check that it exists, that its trust policy names the "+
			"principal this server runs as%s, and that this principal may call sts:AssumeRole on it.",
		s.cfg.RoleARN, lockstep.Shown(fault), s.driver.externalIDHint(s.cfg.Account))
	lockstepErr.Contexts = []lockstep.Context{{Key: "RoleArn", Value: s.cfg.RoleARN}}
	return lockstepErr
}

// baseCredentialsError explains why the server has no credentials of its own. It is
// temporary, unless a service denies them: a person adds them, or the instance's role
// is there again. The text of other errors may have the output of a program that
// provides credentials, so that only the log has it.
func baseCredentialsError(err error) error {
	kind, reason := lockstep.Unavailable, "The server's log has the reason."
	var operation *smithy.OperationError
	if code, message := apiError(err); code != "" {
		reason = asSentence(message, code)
		if errorKinds[normalizeCode(code)] == lockstep.Denied {
			kind = lockstep.Denied
		}
	} else if errors.As(err, &operation) && operation.Service() == imdsService {
		reason = "Neither its environment nor its AWS configuration has any, and it has no instance role."
	}

	return lockstep.Wrapf(kind, err, "The server has no AWS credentials. %s Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "+
		"AWS_SECRET_ACCESS_KEY, or give the server an instance or task role.", reason)
}

// externalID returns the external id for the roles of an account, "" for none.
func (d *Driver) externalID(account lockstep.AccountID) string {
	if d.options.ExternalID == nil {
		return ""
	}
	return d.options.ExternalID(account)
}

func (d *Driver) externalIDHint(account lockstep.AccountID) string {
	if id := d.externalID(account); id != "" {
		return " and, if it asks for an external id, " + id
	}
	return ""
}

// client returns the client of a region. Each call brings its credentials.
func (d *Driver) client(region string) *cloudformation.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	client := d.clients[region]
	if client == nil {
		client = cloudformation.New(cloudformation.Options{
			Region:       region,
			HTTPClient:   d.http,
			BaseEndpoint: baseEndpoint(d.options.Target),
		})
		d.clients[region] = client
	}
	return client
}

func baseEndpoint(url string) *string {
	if url == "" {
		return nil
	}
	return aws.String(url)
}

// retryer returns the retryer of an account and region. It is shared, since
// CloudFormation throttles the account as a whole.
func (d *Driver) retryer(key accountKey) aws.RetryerV2 {
	d.mu.Lock()
	defer d.mu.Unlock()
	retryer := d.retryers[key]
	if retryer == nil {
		retryer = d.newRetryer()
		d.retryers[key] = retryer
	}
	return retryer
}

func (d *Driver) newRetryer() aws.RetryerV2 {
	return retry.NewAdaptiveMode(func(options *retry.AdaptiveModeOptions) {
		options.StandardOptions = append(options.StandardOptions, func(options *retry.StandardOptions) {
			options.MaxAttempts = maxTries
			options.MaxBackoff = min(2*time.Second, d.options.Poll.Max)
			final := retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				plain500 := isPlain(err) && httpStatus(err) == http.StatusInternalServerError
				if plain500 || hasCode(err, "LimitExceeded") { // a quota of stacks, not a rate of calls
					return aws.FalseTernary
				}
				return aws.UnknownTernary
			})

			options.Retryables = append([]retry.IsErrorRetryable{final}, options.Retryables...)
		})
	})
}

// roleCredentials returns the credentials of a configuration's role.
func (d *Driver) roleCredentials(cfg lockstep.SyncConfiguration) aws.CredentialsProvider {
	key := roleKey{cfg.Account, cfg.RoleARN, cfg.Region, cfg.ResourceName}
	d.mu.Lock()
	defer d.mu.Unlock()

	if p := d.roles[key]; p != nil {
		return p
	}

	if len(d.roles) >= maxRoles {
		clear(d.roles)
	}

	client := sts.New(sts.Options{
		Region:       cfg.Region,
		HTTPClient:   d.http,
		BaseEndpoint: baseEndpoint(d.options.STSEndpoint),
		Credentials:  d.options.BaseCredentials,
		Retryer:      d.newRetryer(),
	})
	provider := stscreds.NewAssumeRoleProvider(client, cfg.RoleARN, func(options *stscreds.AssumeRoleOptions) {
		options.RoleSessionName = roleSessionName(cfg.ResourceName)
		options.Duration = time.Hour
		if id := d.externalID(cfg.Account); id != "" {
			options.ExternalID = aws.String(id)
		}
	})

	d.roles[key] = aws.NewCredentialsCache(provider,
		func(options *aws.CredentialsCacheOptions) { options.ExpiryWindow = expiryWindow })
	return d.roles[key]
}

// renewRole makes the next session request new credentials for a configuration's role.
// It reports false if it has done so within the last minute: the new ones have expired
// too.
func (d *Driver) renewRole(cfg lockstep.SyncConfiguration) bool {
	key := roleKey{cfg.Account, cfg.RoleARN, cfg.Region, cfg.ResourceName}
	d.mu.Lock()
	defer d.mu.Unlock()

	cached, ok := d.roles[key].(*aws.CredentialsCache)
	if now := time.Now(); !ok || now.Sub(d.renewedAt[key]) < renewalPause {
		return false
	} else if len(d.renewedAt) < maxRoles {
		d.renewedAt[key] = now
	}

	cached.Invalidate()
	return true
}

// roleSessionName returns the name under which CloudTrail shows a resource's calls.
func roleSessionName(resource string) string {
	name := "lockstep-" + resource
	return name[:min(len(name), 64)]
}
