package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sample"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// UpOptions are what `lockstep up` was asked for.
type UpOptions struct {
	Repositories []string      // URLs and folders; none is the stored ones, or a sample
	Once         bool          // end after every stack's first sync
	Data         string        // the data directory
	Listen       string        // address of the API
	PlainHTTP    bool          // which may be another than loopback
	Branch       string        // to follow; "" is each repository's HEAD
	PollInterval time.Duration // 0 is 5 s for what is on this machine, 60 s for the rest
	Target       string        // sandbox, aws or a URL
	Only         string        // a pattern of the deployment files to sync
	// Names gives deployment files the names of their stacks.
	Names map[string]string
	Yes   bool // do not ask before a target other than the sandbox is touched
	// Log has the server's own log lines written to Err.
	Log bool
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// An Exit is an error that says with which code the program ends. A message of
// "" is one that was already said.
type Exit struct {
	Code    int
	Message string
}

// Error gives the message.
func (e *Exit) Error() string { return e.Message }

// usage makes an error that ends the program with code 2: what was asked for
// cannot be done as it was asked.
func usage(format string, args ...any) error {
	return &Exit{Code: 2, Message: fmt.Sprintf(format, args...)}
}

// An up is one run of `lockstep up`.
type up struct {
	UpOptions
	dir     *dataDir
	server  *server
	key     accessKey
	linker  linker
	sources []source
	feed    *feed
	unborn  []unborn // with Once, nobody waits for them
}

// An unborn is a branch that had no commit when `up` began.
type unborn struct{ linkID, branch string }

// Up runs everything in one process on a data directory, until ctx ends or,
// with Once, every stack's first sync has. Its error may be an [Exit].
func Up(ctx context.Context, o UpOptions) (err error) {
	o.Out, o.Err = screen{o.Out}, screen{o.Err}
	u := &up{UpOptions: o}
	for _, said := range o.Repositories {
		s, err := parseSource(said)
		if err != nil {
			return usage("%s", err)
		}

		u.sources = append(u.sources, s)
	}

	if err := u.check(); err != nil {
		return err
	}
	if u.dir, err = openDataDir(o.Data); err != nil {
		return usage("%s", err)
	}
	defer u.dir.close()

	listener, err := listen("listen", o.Listen)
	if err != nil {
		return usage("%s", err)
	}
	defer listener.Close()

	if !o.PlainHTTP && !onThisMachine(listener.Addr()) {
		return usage("%s", plainElsewhere(o.Listen, "use lockstep serve with a certificate, or say --plain-http"))
	}

	database := "sqlite:" + u.dir.file(databaseFile)
	d, err := db.Open(ctx, database, db.Schema())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	p := plan{db: d, listener: listener, connections: defaultConnections, workers: 20, exclusive: true, log: u.logger(),
		network: transport.NetworkOptions{AllowPrivate: true, AllowLoopback: true}}
	if p.key, err = seal.OpenOrCreate(defaultSealKeyFile(database)); err != nil {
		return err
	}

	if err := u.prepare(ctx, &p); err != nil {
		if ctx.Err() != nil {
			return &Exit{Code: 1, Message: "Interrupted before it was ready."}
		}
		return err
	}

	return u.run(ctx)
}

func (u *up) logger() *slog.Logger {
	if !u.Log {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(u.Err, nil))
}

// check refuses what can be seen to be wrong before anything is opened.
func (u *up) check() error {
	endpoint, err := parseTarget(u.Target)
	if err != nil {
		return usage("--target: %s", err)
	}

	u.Target = cmp.Or(endpoint, u.Target) // a directory is bound to it, not to how it was written
	if u.Branch != "" && !lockstep.ValidBranch(u.Branch) {
		return usage("--branch: %q is not the name of a branch", u.Branch)
	}
	if _, err := path.Match(u.Only, ""); err != nil {
		return usage("--only: %q is not a pattern of file names", u.Only)
	}

	return distinct(u.sources)
}

// distinct refuses a repository named twice: its files would ask for two names.
func distinct(sources []source) error {
	seen := map[string]string{}
	for _, s := range sources {
		id := s.endpoint + "/" + s.owner + "/" + s.name
		if before, ok := seen[id]; ok {
			return usage("%s and %s are one repository; name it once (--only narrows what is synced)", before, s.said)
		}
		seen[id] = s.said
	}
	return nil
}

// prepare puts the server together and links what it is to follow.
func (u *up) prepare(ctx context.Context, p *plan) error {
	if err := stillBound(ctx, p.db, u.Target); err != nil {
		return err
	}

	account, region, err := u.aim(ctx, p)
	if err != nil {
		return err
	}
	if u.key, err = ownKey(ctx, p.db, p.key, identity.CreateKeyInput{Account: account, Principal: "up", Role: identity.Admin}); err != nil {
		return err
	}

	if err := u.dir.writeProfiles(u.key, region, p.url(), p.sandboxFile != ""); err != nil {
		return fmt.Errorf("write the AWS profile: %w", err)
	}

	l := linker{account: lockstep.AccountID(account), region: region}
	if err := u.makeSample(ctx, p.db, l); err != nil {
		return err
	}
	if p.gitRoots, err = u.roots(ctx, p.db, l); err != nil {
		return err
	}

	p.poll = trigger.PollerOptions{IntervalsOf: u.intervals(p.db)}
	if u.server, err = assemble(ctx, *p); err != nil {
		return err
	}

	l.server = u.server
	u.linker = l
	u.feed = newFeed(u.server.db, l, u.Out)

	if err = u.feed.rewind(ctx); err == nil {
		err = u.follow(ctx)
	}

	if err != nil { // run, which would close it, will not be called
		return errors.Join(err, u.server.close())
	}

	return nil
}

// makeSample makes the sample repository where there is nothing else to sync.
func (u *up) makeSample(ctx context.Context, d *db.DB, l linker) error {
	if len(u.sources) > 0 {
		return nil
	}

	var stored []lockstep.RepositoryLink
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		stored, err = l.all(tx)
		return err
	})
	if err != nil || len(stored) > 0 {
		return err
	}

	at := u.dir.file("sample")
	if _, err := os.Stat(at); errors.Is(err, os.ErrNotExist) {
		if err := sample.Create(at, time.Now()); err != nil {
			return fmt.Errorf("make the sample repository: %w", err)
		}
		fmt.Fprintf(u.Out, "Made a sample repository with two stacks: %s\n", at)
	}

	s, err := parseSource(at)
	u.sources = []source{s}
	return err
}

// roots gives the local folders that reading is allowed in: those of the
// repositories that were named now or before, and nothing else.
func (u *up) roots(ctx context.Context, d *db.DB, l linker) ([]string, error) {
	var roots []string
	for _, s := range u.sources {
		roots = append(roots, s.roots...)
	}

	err := d.View(ctx, func(tx *db.Tx) error {
		links, err := l.all(tx)
		if err != nil {
			return err
		}

		for _, link := range links {
			conn, err := store.ConnectionByARN(tx, link.ConnectionARN)
			if err != nil {
				return err
			}

			host, err := store.HostByARN(tx, conn.HostARN)
			if err != nil {
				return err
			}

			folder, local := strings.CutPrefix(host.Endpoint, "file://")
			if folder, err = url.PathUnescape(folder); err != nil || !local {
				continue
			}

			if at, err := localrepo.Find(folder + "/" + link.Path()); err == nil {
				roots = append(roots, at.Root, at.CommonDir)
			}
		}

		return nil
	})

	return roots, err
}

// intervals gives how often a repository is looked at: what was asked for, else
// often where looking costs nothing.
func (u *up) intervals(d *db.DB) func(lockstep.RepositoryLink) (time.Duration, time.Duration) {
	return func(link lockstep.RepositoryLink) (time.Duration, time.Duration) {
		if u.PollInterval > 0 {
			return u.PollInterval, u.PollInterval
		}
		if u.linker.isNear(d, link) {
			return 5 * time.Second, 5 * time.Second
		}
		return time.Minute, time.Minute
	}
}
