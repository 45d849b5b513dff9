package console

import (
	"cmp"
	"context"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

const (
	// stacksAPage is how many stacks a page has.
	stacksAPage = 50
	// eventsAStack and eventsAPage are how many events it has, the last ones of each
	// stack, and of the stacks that come first.
	eventsAStack = 200
	eventsAPage  = 2000
	// maxName is the longest name that is shown whole, in bytes.
	maxName = 300
)

// A commitPage is all that is seen of a commit in an environment.
type commitPage struct {
	Repository  string
	Branch      string
	SHA, Short  string
	Environment string
	State       provider.CommitState
	StateWord   string
	Summary     string
	At          moment

	Stacks      []stackPart
	First, Last int // of Total, numbered from one
	Total       int
	Number      int // of the page, from one
	Pages       int
	Key         string
}

// Previous is the number of the page before this one, 0 for none.
func (p commitPage) Previous() int { return p.Number - 1 }

// Next is the number of the page after this one, 0 for none.
func (p commitPage) Next() int {
	if p.Number < p.Pages {
		return p.Number + 1
	}
	return 0
}

// A stackPart is one stack.
type stackPart struct {
	Name           string
	State          commitstatus.StackState
	StateWord      string
	Blocked        string // why it is not attempted, "" where it may be
	Started, Ended moment
	Events         []eventRow
	Earlier        bool // there are events before those
}

// An eventRow is one event.
type eventRow struct {
	At            moment
	Type, Message string
}

// readCommit reads a page. NotFound where there is nothing to show: no link, no
// report, no stack that is published, or not so many pages.
func (c *Console) readCommit(ctx context.Context, at place, number int) (page commitPage, err error) {
	err = c.o.DB.View(ctx, func(tx *db.Tx) error {
		link, err := store.LinkByID(tx, at.link)
		if err != nil {
			return err
		}

		report, err := syncstate.StatusReportOf(tx, at.link, at.environment, at.sha)
		if err != nil {
			return err
		}

		status, err := commitstatus.Read(tx, at.link, at.environment, at.sha)
		if err != nil {
			return err
		}

		page = commitPage{
			Repository: plain(link.Path(), maxName), Branch: plain(report.Branch, maxName),
			SHA: string(at.sha), Short: at.sha.Short(), Environment: plain(at.environment, maxName),
			State: status.State, StateWord: commitWords[status.State], Summary: plain(status.Summary, lockstep.MaxMessage),
			At: moment(tx.Now), Number: number, Total: len(status.Stacks),
		}

		return page.fill(tx, status.Stacks)
	})

	return page, err
}

// fill reads the stacks that are on this page.
func (p *commitPage) fill(tx *db.Tx, all []commitstatus.Stack) error {
	p.Pages = (len(all) + stacksAPage - 1) / stacksAPage
	if p.Number > p.Pages {
		return lockstep.Errorf(lockstep.NotFound, "Could not find page %d of %d.", p.Number, p.Pages)
	}

	slices.SortStableFunc(all, func(a, b commitstatus.Stack) int {
		return cmp.Compare(slices.Index(stackOrder, a.State), slices.Index(stackOrder, b.State))
	})
	first := (p.Number - 1) * stacksAPage
	here := all[first:min(first+stacksAPage, len(all))]
	p.First, p.Last = first+1, first+len(here)
	room := eventsAPage
	for _, k := range here {
		part, err := readStack(tx, k, min(eventsAStack, room))
		if err != nil {
			return err
		}

		room -= len(part.Events)
		p.Stacks = append(p.Stacks, part)
	}

	return nil
}

// readStack reads one stack with its last events.
func readStack(tx *db.Tx, k commitstatus.Stack, most int) (stackPart, error) {
	part := stackPart{
		Name: plain(k.Configuration.ResourceName, maxName), State: k.State, StateWord: stackWords[k.State],
		Started: moment(k.StartedAt), Ended: moment(k.EndedAt),
	}
	if k.IsPending && k.Blocked != "" {
		part.StateWord, part.Blocked = "blocked", plain(k.Blocked, lockstep.MaxMessage)
	}

	if k.AttemptID == "" {
		return part, nil
	}

	events, err := syncstate.LastResourceEvents(tx, k.AttemptID, most+1)
	if len(events) > most {
		part.Earlier, events = true, events[1:]
	}

	for _, ev := range events {
		part.Events = append(part.Events, eventRow{moment(ev.Time), plain(ev.Type, maxName), plain(ev.Message, lockstep.MaxMessage)})
	}

	return part, err
}

// stackOrder is the order of the stacks on a page, those first that somebody came
// for.
var stackOrder = []commitstatus.StackState{commitstatus.StackFailed, commitstatus.StackRunning, commitstatus.StackPending, commitstatus.StackSuperseded, commitstatus.StackSucceeded}

// What the states are called.
var (
	commitWords = map[provider.CommitState]string{
		provider.CommitPending: "Pending", provider.CommitRunning: "Running",
		provider.CommitSucceeded: "Succeeded", provider.CommitFailed: "Failed",
	}
	stackWords = map[commitstatus.StackState]string{
		commitstatus.StackPending: "pending", commitstatus.StackRunning: "running", commitstatus.StackSucceeded: "succeeded",
		commitstatus.StackFailed: "failed", commitstatus.StackSuperseded: "superseded by another commit",
	}
)
