package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/wire"
)

// A branch is a branch of a repository link.
type branch struct {
	linkID string
	name   string
}

// A discovered is a repository that was read before anything is changed.
type discovered struct {
	source
	link      wire.RepositoryLinkInfo
	discovery lockstep.Discovery
	head      lockstep.SHA // "" if the branch has no commit yet
	files     target.Discovered
}

// track reads every repository that was named and has the engine track it. It is a usage error if
// there is nothing to sync at all; the error names what the repositories hold.
func (u *up) track(ctx context.Context) error {
	var found []discovered
	for _, s := range u.sources {
		repository, err := u.readWithRetries(ctx, s)
		if err != nil {
			return repositoryError(s.argument, err)
		}
		found = append(found, repository)
	}

	if err := u.requireDeploymentFiles(ctx, found); err != nil {
		return err
	}
	if err := u.confirm(ctx, found); err != nil {
		return err
	}

	for _, repository := range found {
		if repository.head == "" {
			u.unborn = append(u.unborn, branch{repository.link.RepositoryLinkId, repository.discovery.Branch})
		}

		err := u.server.Engine().StartDiscovery(
			ctx,
			repository.link.RepositoryLinkId,
			repository.discovery,
			repository.head,
		)
		if err != nil {
			return err
		}
	}

	if u.Once { // otherwise the poller probes them in time
		return u.probeOthers(ctx, found)
	}
	return nil
}

// repositoryError adds the repository to an error.
func repositoryError(repository string, err error) error {
	if exit, ok := errors.AsType[*Exit](err); ok {
		return &Exit{Code: exit.Code, Message: repository + ": " + exit.Message}
	}

	message := err.Error()
	if _, ok := errors.AsType[*lockstep.Error](err); ok {
		message = lockstep.Shown(err) // without the packages it went through
	}
	if !strings.HasPrefix(message, repository) {
		message = repository + ": " + message
	}
	return &Exit{Code: exitFailure, Message: message}
}

// probeOthers probes the repositories that earlier runs have linked and that are not named now, so
// that their new commits are synced before the end.
func (u *up) probeOthers(ctx context.Context, found []discovered) error {
	links, err := u.client.links(ctx)
	if err != nil {
		return err
	}

	for _, link := range links {
		isNamed := slices.ContainsFunc(found, func(repository discovered) bool {
			return repository.link.RepositoryLinkId == link.RepositoryLinkId
		})
		if isNamed {
			continue
		}

		unborn, err := u.server.Engine().Probe(ctx, link.RepositoryLinkId)
		if err != nil {
			return repositoryError(pathOf(link), err)
		}
		for _, name := range unborn {
			u.unborn = append(u.unborn, branch{link.RepositoryLinkId, name})
		}
	}

	return nil
}

// discoverer returns the driver that finds deployment files.
func (u *up) discoverer() (target.Driver, target.Discoverer, error) {
	driver, err := u.server.Engine().TargetDriver(cfnstack.Type)
	if err != nil {
		return nil, nil, err
	}

	discoverer, ok := driver.(target.Discoverer)
	if !ok {
		return nil, nil, fmt.Errorf("sync type %s does not find deployment files", cfnstack.Type)
	}

	return driver, discoverer, nil
}

// maxReads is how often up tries to read a repository whose host is not available: with the delays
// between, for about six seconds.
const maxReads = 4

// readWithRetries is read, again after a delay while the Git host is not available.
func (u *up) readWithRetries(ctx context.Context, s source) (repository discovered, err error) {
	for tries := 1; ; tries++ {
		repository, err = u.read(ctx, s)
		if lockstep.KindOf(err) != lockstep.Unavailable || tries == maxReads {
			return repository, err
		}

		fmt.Fprintf(u.Out, "%s Trying again.\n", repositoryError(lockstep.SanitizeLine(s.argument), err))
		select {
		case <-ctx.Done():
			return repository, ctx.Err()
		case <-time.After(time.Duration(tries) * time.Second):
		}
	}
}

// read links a repository, resolves its branch once and finds the deployment files at its head.
func (u *up) read(ctx context.Context, s source) (repository discovered, err error) {
	repository.source = s
	if repository.link, err = u.client.link(ctx, s); err != nil {
		return repository, err
	}

	opened, err := u.server.Repositories().Open(ctx, repository.link.RepositoryLinkId)
	if err != nil {
		return repository, err
	}
	defer opened.Release()

	if repository.discovery, err = u.discoveryFor(ctx, repository, opened.DefaultBranch); err != nil {
		return repository, err
	}
	repository.head, err = u.head(ctx, opened.Client, repository.discovery.Branch)
	if err != nil || repository.head == "" {
		return repository, err
	}

	files, err := opened.Tree(ctx, repository.head)
	if err != nil {
		return repository, err
	}

	driver, discoverer, err := u.discoverer()
	if err != nil {
		return repository, err
	}
	if repository.files, err = discoverer.Discover(ctx, files, repository.discovery); err != nil {
		return repository, err
	}

	u.warnUncommitted(ctx, driver, discoverer, repository, files)
	return repository, nil
}

// discoveryFor returns what of a repository is tracked: as before, except for what the arguments
// change.
func (u *up) discoveryFor(
	ctx context.Context, repository discovered, defaultBranch func(context.Context) (string, error),
) (lockstep.Discovery, error) {
	stored, err := u.server.Engine().Discovery(ctx, repository.link.RepositoryLinkId)
	if err != nil {
		return lockstep.Discovery{}, err
	}

	discovery := lockstep.Discovery{RoleARN: u.roleARN()}
	if stored != nil {
		discovery = *stored
	}

	discovery.Folder = repository.folder
	discovery.Only = u.Only
	if len(u.Names) > 0 {
		discovery.Names = u.Names
	}
	if u.Branch != "" {
		discovery.Branch = u.Branch
	}

	if discovery.Branch == "" {
		if discovery.Branch, err = defaultBranch(ctx); err != nil {
			return discovery, err
		}
	}

	if !lockstep.ValidBranch(discovery.Branch) {
		return discovery, fmt.Errorf("%q is not a valid branch name", discovery.Branch)
	}
	return discovery, nil
}

// head returns the head of a branch, or "" if the branch waits for its first commit. A branch that was
// named, in a repository that has others, must exist.
func (u *up) head(ctx context.Context, client provider.Client, name string) (lockstep.SHA, error) {
	heads, err := client.Heads(ctx, []string{name})
	if err != nil || heads[name] != "" || u.Branch == "" {
		return heads[name], err
	}

	brancher, ok := client.(provider.Brancher)
	if !ok {
		return "", nil
	}
	other, sha, err := brancher.DefaultBranch(ctx)
	if err != nil || sha == "" {
		return "", nil // the repository is empty
	}
	return "", usageErrorf("there is no branch %s (--branch); HEAD is %s", name, other)
}

// roleARN returns the role in sync configurations. `lockstep up` assumes no role, but the API shows
// one.
func (u *up) roleARN() string {
	return fmt.Sprintf("arn:%s:iam::%s:role/lockstep", lockstep.Partition(u.region), u.account)
}
