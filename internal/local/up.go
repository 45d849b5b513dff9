package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sample"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// UpOptions are the arguments of `lockstep up`.
type UpOptions struct {
	Repositories []string      // URLs and folders; none is the stored ones, or a sample
	Once         bool          // end after the first sync of every stack
	Data         string        // the data directory
	Listen       string        // address of the API
	PlainHTTP    bool          // which may be reachable from other machines
	Branch       string        // to track; "" is each repository's default branch
	PollInterval time.Duration // 0 is 5 s for repositories on this machine, 60 s for others
	Target       string        // sandbox, aws or a URL
	Only         string        // a pattern of the deployment files to sync
	// Names maps the paths of deployment files to the names of their stacks.
	Names map[string]string
	Yes   bool // change a target other than the sandbox without asking
	Log   bool // write the server's own log to Err
	In    io.Reader
	Out   io.Writer
	Err   io.Writer
}

// upWorkers is how many jobs run at once.
const upWorkers = 20

// principal is the principal of the access key that `lockstep up` creates and uses.
const principal = "up"

// An up is one run of `lockstep up`.
type up struct {
	UpOptions
	sources   []source
	dir       *dataDir
	options   server.Options // of the server
	account   string
	region    string
	key       identity.AccessKey
	directory *identity.Directory
	server    *server.Server
	client    client
	events    *eventPrinter
	// unborn are the branches that had no commit at the start. Once does not wait for them.
	unborn []branch
}

// Up runs everything in one process on a data directory, until ctx ends or, with Once, until the
// first sync of every stack has ended. Its error may be an [Exit].
func Up(ctx context.Context, options UpOptions) (err error) {
	options.Out, options.Err = screen{options.Out}, screen{options.Err}
	u := &up{UpOptions: options}
	if err := u.parse(); err != nil {
		return err
	}

	if u.dir, err = openDataDir(options.Data); err != nil {
		return usageErrorf("%s", err)
	}
	defer u.dir.close()

	listener, err := u.listen()
	if err != nil {
		return err
	}
	defer listener.Close()

	databaseURL := "sqlite:" + u.dir.file(databaseFile)
	database, err := db.Open(ctx, databaseURL, db.Schema())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()

	u.options = server.Options{
		DB:        database,
		Listeners: server.Listeners{API: listener},
		Network:   transport.NetworkOptions{AllowPrivate: true, AllowLoopback: true},
		Workers:   upWorkers,
		Exclusive: true,
		Log:       u.logger(),
	}
	source := config.SealKeySource{DB: databaseURL, File: config.DefaultSealKeyFile(databaseURL)}
	if u.options.SealKey, err = server.OpenSealKey(ctx, database, &source); err != nil {
		return err
	}

	if err := u.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return &Exit{Code: exitFailure, Message: "Interrupted before it was ready."}
		}
		return err
	}

	return u.run(ctx)
}

// parse checks the arguments before anything is opened.
func (u *up) parse() error {
	for _, argument := range u.Repositories {
		src, err := parseSource(argument)
		if err != nil {
			return usageErrorf("%s", err)
		}
		u.sources = append(u.sources, src)
	}

	endpoint, err := config.TargetEndpoint(u.Target)
	if err != nil {
		return usageErrorf("--target: %s", err)
	}
	u.Target = cmp.Or(endpoint, u.Target) // the data directory is bound to it, not to how it was written

	if u.Branch != "" && !lockstep.ValidBranch(u.Branch) {
		return usageErrorf("--branch: %q is not a valid branch name", u.Branch)
	}
	if _, err := path.Match(u.Only, ""); err != nil {
		return usageErrorf("--only: %q is not a valid file name pattern", u.Only)
	}

	return checkDistinct(u.sources)
}

func (u *up) listen() (net.Listener, error) {
	listener, err := httpserver.Listen("listen", u.Listen)
	if err != nil {
		return nil, usageErrorf("%s", err)
	}

	if !u.PlainHTTP && !httpserver.IsLoopback(listener.Addr()) {
		listener.Close()
		return nil, usageErrorf(
			"%s: use lockstep serve with a certificate, or --plain-http",
			server.PlainHTTPError(u.Listen),
		)
	}

	return listener, nil
}

func (u *up) logger() *slog.Logger {
	if !u.Log {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(u.Err, nil))
}

// prepare creates the server and has it track the repositories.
func (u *up) prepare(ctx context.Context) (err error) {
	if err := u.checkTargetBinding(ctx); err != nil {
		return err
	}
	if err := u.resolveTarget(ctx); err != nil {
		return err
	}

	u.key, err = server.EnsureKey(ctx, u.options.DB, u.options.SealKey,
		identity.CreateKeyInput{Account: u.account, Principal: principal, Role: identity.Admin})
	if err != nil {
		return err
	}

	if u.directory, err = identity.NewDirectory(identity.Options{
		DB:  u.options.DB,
		Key: u.options.SealKey,
	}); err != nil {
		return err
	}

	err = u.dir.writeProfiles(u.key, u.region, u.options.Listeners.URL(), u.usesSandbox())
	if err != nil {
		return fmt.Errorf("write the AWS profile: %w", err)
	}

	if err := u.addStored(ctx); err != nil {
		return err
	}

	u.options.Polling = trigger.PollerOptions{IntervalsOf: u.pollInterval}
	if u.server, err = server.New(ctx, u.options); err != nil {
		return err
	}

	if err := u.trackAll(ctx); err != nil { // run, which would close it, is not called
		return errors.Join(err, u.server.Close())
	}
	return nil
}

// trackAll prints from now on what happens, and tracks the repositories.
func (u *up) trackAll(ctx context.Context) (err error) {
	if u.client, err = u.newClient(ctx, u.server.API()); err != nil {
		return err
	}

	u.events = &eventPrinter{client: u.client, out: u.Out}
	if err := u.events.skipPast(ctx); err != nil {
		return err
	}

	return u.track(ctx)
}

// newClient returns a client of a service as the administrator of the account.
func (u *up) newClient(ctx context.Context, service *api.Service) (client, error) {
	admin, _, err := u.directory.Lookup(ctx, u.key.AccessKeyID, "")
	if err != nil {
		return client{}, err
	}

	caller, err := service.NewCaller(ctx, admin, u.region, "codeconnections")
	return client{service: service, caller: caller}, err
}

// addStored adds what earlier runs have stored: the local folders of the linked repositories, which
// the server may read. If there is nothing to sync at all it creates the sample repository.
func (u *up) addStored(ctx context.Context) error {
	// The server needs the folders before it exists; lists need no more than this.
	service := api.New(api.Options{DB: u.options.DB, Directory: u.directory, Seal: u.options.SealKey})
	stored, err := u.newClient(ctx, service)
	if err != nil {
		return err
	}
	links, err := stored.links(ctx)
	if err != nil {
		return err
	}

	if len(u.sources) == 0 && len(links) == 0 {
		if err := u.createSample(); err != nil {
			return err
		}
	}

	for _, s := range u.sources {
		u.options.GitRoots = append(u.options.GitRoots, s.roots...)
	}
	for _, link := range links {
		endpoint, err := stored.endpoint(ctx, link.ConnectionArn)
		if err != nil {
			return err
		}

		folder, isLocal := strings.CutPrefix(endpoint, "file://")
		if folder, err = url.PathUnescape(folder); err != nil || !isLocal {
			continue
		}
		if repository, err := localrepo.Find(folder + "/" + pathOf(link)); err == nil {
			u.options.GitRoots = append(u.options.GitRoots, repository.Root, repository.CommonDir)
		}
	}

	return nil
}

// createSample makes the sample repository the only source. It creates a missing one.
func (u *up) createSample() error {
	folder := u.dir.file("sample")
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		if err := sample.Create(folder, time.Now()); err != nil {
			return fmt.Errorf("create the sample repository: %w", err)
		}
		fmt.Fprintf(u.Out, "Made a sample repository with two stacks: %s\n", folder)
	}

	s, err := parseSource(folder)
	u.sources = []source{s}
	return err
}

// pollInterval returns the time between two probes of a repository, which does not grow: short where
// a probe costs nothing.
func (u *up) pollInterval(link lockstep.RepositoryLink) (interval, longest time.Duration) {
	switch {
	case u.PollInterval > 0:
		interval = u.PollInterval
	case u.client.isNear(context.Background(), string(link.ConnectionARN)):
		interval = 5 * time.Second
	default:
		interval = time.Minute
	}
	return interval, interval
}
