package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
)

// A sighting is a repository that was looked at before anything is changed.
type sighting struct {
	source
	link      lockstep.RepositoryLink
	discovery lockstep.Discovery
	sha       lockstep.SHA // "" where the branch waits for its first commit
	found     target.Discovered
}

// follow looks at every repository that was named and lets the engine follow
// it. Nothing to sync at all is a usage error, which shows what there is.
func (u *up) follow(ctx context.Context) error {
	looker, err := u.looker()
	if err != nil {
		return err
	}

	var seen []sighting
	for _, s := range u.sources {
		at, err := u.look(ctx, looker, s)
		if err != nil {
			return unreadable(s.said, err)
		}

		seen = append(seen, at)
	}

	if err := u.anything(ctx, seen); err != nil {
		return err
	}
	if err := u.agree(ctx, seen); err != nil {
		return err
	}

	for _, at := range seen {
		if err := u.begin(ctx, at); err != nil {
			return err
		}
	}

	if u.Once { // else the poller does it, in its own time
		return u.resume(ctx, seen)
	}

	return nil
}

// unreadable says which repository an error is about.
func unreadable(said string, err error) error {
	if e, ok := errors.AsType[*Exit](err); ok {
		return &Exit{Code: e.Code, Message: fmt.Sprintf("%s: %s", said, e.Message)}
	}
	return &Exit{Code: 1, Message: fmt.Sprintf("%s: %s", said, describe(err))}
}

// resume looks at the repositories that were named before and are not now, so
// that what moved since is synced before the end.
func (u *up) resume(ctx context.Context, seen []sighting) error {
	var links []lockstep.RepositoryLink
	err := u.server.db.View(ctx, func(tx *db.Tx) (err error) {
		links, err = u.linker.all(tx)
		return err
	})
	if err != nil {
		return err
	}

	for _, link := range links {
		if slices.ContainsFunc(seen, func(at sighting) bool { return at.link.ID == link.ID }) {
			continue
		}
		if err := u.resumeLink(ctx, link); err != nil {
			return unreadable(link.Path(), err)
		}
	}

	return nil
}

func (u *up) resumeLink(ctx context.Context, link lockstep.RepositoryLink) error {
	var branches []string
	err := u.server.db.View(ctx, func(tx *db.Tx) (err error) {
		branches, err = store.TrackedBranches(tx, link.ID)
		return err
	})
	if err != nil || len(branches) == 0 {
		return err
	}

	client, release, err := u.server.engine.Open(ctx, link.ID)
	if err != nil {
		return err
	}
	defer release()

	heads, err := client.Heads(ctx, branches)
	if err != nil {
		return err
	}

	return u.server.db.Update(ctx, func(tx *db.Tx) error {
		before, err := syncstate.PolledHeads(tx, link.ID)
		if err != nil {
			return err
		}

		for _, branch := range branches {
			switch sha, there := heads[branch]; {
			case there:
				err = u.server.engine.RecordHead(tx, link.ID, branch, sha)
			case before[branch] != "":
				err = u.server.engine.RecordMissingBranch(tx, link.ID, branch)
			default:
				u.unborn = append(u.unborn, unborn{link.ID, branch})
			}

			if err != nil {
				return err
			}
		}

		return nil
	})
}

// describe says what went wrong without the chain of rooms it came through.
func describe(err error) string {
	if _, ok := errors.AsType[*lockstep.Error](err); ok {
		return lockstep.Shown(err)
	}
	return err.Error()
}

func (u *up) looker() (target.Discoverer, error) {
	drivers, err := targets(u.server.target, u.server.credentials, u.server.in.ID, u.server.log)
	if err != nil {
		return nil, err
	}
	for _, d := range drivers {
		if l, ok := d.(target.Discoverer); ok {
			return l, nil
		}
	}
	return nil, errors.New("no sync type finds its own files")
}

// look resolves a repository's branch once and finds the deployment files of
// its head.
func (u *up) look(ctx context.Context, looker target.Discoverer, s source) (at sighting, err error) {
	at.source = s
	if at.link, err = u.linker.link(ctx, s); err != nil {
		return at, err
	}

	client, release, err := u.server.engine.Open(ctx, at.link.ID)
	if err != nil {
		return at, err
	}
	defer release()

	if at.discovery, at.sha, err = u.choose(ctx, client, at.link, s); err != nil || at.sha == "" {
		return at, err
	}

	files, err := client.Files(ctx, at.sha)
	if err != nil {
		return at, err
	}
	if at.found, err = looker.Discover(ctx, files, at.discovery); err != nil {
		return at, err
	}

	u.warnUncommitted(ctx, looker, at, files)
	return at, nil
}

// choose says what of a repository is followed. What was chosen before stays
// unless it is said anew.
func (u *up) choose(ctx context.Context, client provider.Client, link lockstep.RepositoryLink, s source) (lockstep.Discovery, lockstep.SHA, error) {
	d := lockstep.Discovery{Rename: u.Target == "sandbox", RoleARN: u.roleARN()}
	if link.Discovery != nil {
		d = *link.Discovery
	}

	d.Folder = s.folder
	d.Only = u.Only
	if len(u.Names) > 0 {
		d.Names = u.Names
	}

	branch := u.Branch
	if branch == "" {
		branch = d.Branch
	}

	if branch == "" {
		b, ok := client.(provider.Brancher)
		if !ok {
			return d, "", errors.New("its default branch is not known; name one with --branch")
		}

		var err error
		if branch, _, err = b.DefaultBranch(ctx); err != nil {
			return d, "", err
		}
	}

	if !lockstep.ValidBranch(branch) {
		return d, "", fmt.Errorf("%q is not the name of a branch", branch)
	}

	d.Branch = branch
	heads, err := client.Heads(ctx, []string{branch})
	if err == nil && heads[branch] == "" && u.Branch != "" {
		err = misnamed(ctx, client, branch)
	}

	return d, heads[branch], err
}

// misnamed is the error of a branch that is named and not there, although the
// repository has others. An empty repository waits for its first commit.
func misnamed(ctx context.Context, client provider.Client, branch string) error {
	b, ok := client.(provider.Brancher)
	if !ok {
		return nil
	}
	head, sha, err := b.DefaultBranch(ctx)
	if err != nil || sha == "" {
		return nil
	}
	return usage("there is no branch %s (--branch); HEAD is %s", branch, head)
}

// roleARN is what a configuration of ours says of its role. No role is assumed
// by `up`, but the API wants one shown.
func (u *up) roleARN() string {
	return fmt.Sprintf("arn:%s:iam::%s:role/lockstep", lockstep.Partition(u.linker.region), u.linker.account)
}

// anything names the repositories that have nothing to sync, with the way out.
// Where that leaves nothing to do it is an error.
func (u *up) anything(ctx context.Context, seen []sighting) error {
	var b strings.Builder
	found, waiting := false, false
	for _, at := range seen {
		found = found || len(at.found.Files) > 0
		waiting = waiting || at.sha == ""
		b.WriteString(nothing(at))
	}

	stored, err := u.configurations(ctx)
	if err != nil {
		return err
	}

	if found || len(stored) > 0 || waiting && !u.Once {
		fmt.Fprint(u.Out, b.String())
		return nil
	}

	if len(seen) == 0 {
		b.WriteString("The data directory holds no repository with a deployment file.\n")
	}

	return usage("%s", strings.TrimRight(b.String(), "\n"))
}

// nothing says what a repository has where it has no deployment file, "" where
// it has one.
func nothing(at sighting) string {
	var b strings.Builder
	switch {
	case at.sha == "":
		fmt.Fprintf(&b, "%s: branch %s has no commit yet.\n", at.said, at.discovery.Branch)
	case len(at.found.Files) == 0:
		fmt.Fprintf(&b, "%s: no deployment file at %s@%s: a YAML or JSON file with template-file-path.\n", at.said, at.discovery.Branch, at.sha.Short())
		for _, name := range at.found.Candidates {
			fmt.Fprintf(&b, "  %s is a template. To sync it: %slockstep init %s, then commit.\n", lockstep.SanitizeLine(name), enter(at), lockstep.SanitizeLine(quote(noOption(name))))
		}
	}
	return b.String()
}

func enter(at sighting) string {
	if at.work == "" {
		return ""
	}
	return "cd " + quote(at.work) + " && "
}

// noOption gives a path that no command takes for an option.
func noOption(path string) string {
	if strings.HasPrefix(path, "-") {
		return "./" + path
	}
	return path
}

// quote makes a word of a path for a shell.
func quote(path string) string {
	if path != "" && strings.IndexFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+,:@%", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// begin lets the engine follow a repository from now on.
func (u *up) begin(ctx context.Context, at sighting) error {
	if at.sha == "" {
		u.unborn = append(u.unborn, unborn{at.link.ID, at.discovery.Branch})
	}

	return u.server.db.Update(ctx, func(tx *db.Tx) error {
		if err := store.SetDiscovery(tx, at.link.ID, &at.discovery); err != nil {
			return err
		}
		if at.sha == "" {
			return store.RequestPoll(tx, at.link.ID)
		}

		return u.server.engine.TrackBranch(tx, at.link.ID, at.discovery.Branch, at.sha)
	})
}

// configurations reads every configuration of ours.
func (u *up) configurations(ctx context.Context) (all []lockstep.SyncConfiguration, err error) {
	err = u.server.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		links, err := u.linker.all(tx)
		if err != nil {
			return err
		}

		for _, link := range links {
			page := db.Page{Limit: 1000}
			for more := true; more; {
				f := store.ConfigurationFilter{SyncType: cfnstack.Type, LinkID: link.ID}
				list, next, err := store.Configurations(tx, link.Account, link.Region, f, page)
				if err != nil {
					return err
				}

				all = append(all, list...)
				page.After, more = next, next != (db.Cursor{})
			}
		}

		return nil
	})

	return all, err
}

// warnUncommitted names the files of a working copy that say something else
// than its commit: only commits are synced.
func (u *up) warnUncommitted(ctx context.Context, looker target.Discoverer, at sighting, files lockstep.Tree) {
	if at.work == "" {
		return
	}

	work := workTree{os.DirFS(at.work)}
	inWork, err := looker.Discover(ctx, work, at.discovery)
	if err != nil {
		return
	}

	names := map[string]bool{}
	planner, _ := looker.(target.Driver)
	for tree, list := range map[lockstep.Tree][]target.DeploymentFile{files: at.found.Files, work: inWork.Files} {
		for _, f := range list {
			inputs, _ := planner.ReadInputs(ctx, lockstep.SyncConfiguration{ConfigFile: f.Path}, tree)
			for name := range inputs {
				names[name] = true
			}
		}
	}

	var changed []string
	for name := range names {
		committed, err1 := files.ObjectID(name)
		here, err2 := work.ObjectID(name)
		if committed != here && (err1 == nil || errors.Is(err1, fs.ErrNotExist)) && (err2 == nil || errors.Is(err2, fs.ErrNotExist)) {
			changed = append(changed, name)
		}
	}

	slices.Sort(changed)
	for _, name := range changed {
		fmt.Fprintf(u.Out, "Not committed, and so not synced: %s\n", lockstep.SanitizeLine(name))
	}
}
