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
	// stacksPerPage is the number of stacks of a page.
	stacksPerPage = 50
	// eventsPerStack and eventsPerPage bound the events of a page: the last events
	// of each stack, and of the first stacks.
	eventsPerStack = 200
	eventsPerPage  = 2000
	// maxName is the maximum length of a name, in bytes. Longer names are truncated.
	maxName = 300
)

// A commitPage is the data of the page of a commit in an environment.
type commitPage struct {
	Repository  string
	Branch      string
	SHA, Short  string
	Environment string
	State       provider.CommitState
	StateLabel  string
	Summary     string
	At          timestamp

	Stacks      []stackSection
	First, Last int // of Total, starting at 1
	Total       int
	Number      int // of the page, starting at 1
	Pages       int
	Key         string
}

// Previous returns the number of the previous page, or 0.
func (p commitPage) Previous() int { return p.Number - 1 }

// Next returns the number of the next page, or 0.
func (p commitPage) Next() int {
	if p.Number < p.Pages {
		return p.Number + 1
	}
	return 0
}

// A stackSection is one stack of a page.
type stackSection struct {
	Name           string
	State          commitstatus.StackState
	StateLabel     string
	Blocked        string // the reason of the blocker, or ""
	Unreadable     string // that the repository cannot be read, or ""
	Started, Ended timestamp
	Events         []eventRow
	Earlier        bool // there are earlier events
}

// An eventRow is one event of a page.
type eventRow struct {
	At            timestamp
	Type, Message string
}

// readCommit reads a page. It returns NotFound if there is no link, no status
// report, no published stack, or no page of that number.
func (c *Console) readCommit(ctx context.Context, at commitAddress, number int) (page commitPage, err error) {
	err = c.options.DB.View(ctx, func(tx *db.Tx) error {
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
			Repository:  sanitize(link.Path(), maxName),
			Branch:      sanitize(report.Branch, maxName),
			SHA:         string(at.sha),
			Short:       at.sha.Short(),
			Environment: sanitize(at.environment, maxName),
			State:       status.State,
			StateLabel:  commitLabels[status.State],
			Summary:     sanitize(status.Summary, lockstep.MaxMessage),
			At:          timestamp(tx.Now),
			Number:      number,
			Total:       len(status.Stacks),
		}

		return page.readStacks(tx, status.Stacks)
	})

	return page, err
}

// readStacks reads the stacks of this page.
func (p *commitPage) readStacks(tx *db.Tx, all []commitstatus.Stack) error {
	p.Pages = (len(all) + stacksPerPage - 1) / stacksPerPage
	if p.Number > p.Pages {
		return lockstep.Errorf(lockstep.NotFound, "Could not find page %d of %d.", p.Number, p.Pages)
	}

	slices.SortStableFunc(all, func(a, b commitstatus.Stack) int {
		return cmp.Compare(slices.Index(stackOrder, a.State), slices.Index(stackOrder, b.State))
	})
	first := (p.Number - 1) * stacksPerPage
	here := all[first:min(first+stacksPerPage, len(all))]
	p.First, p.Last = first+1, first+len(here)
	remaining := eventsPerPage
	for _, stack := range here {
		section, err := readStack(tx, stack, min(eventsPerStack, remaining))
		if err != nil {
			return err
		}

		remaining -= len(section.Events)
		p.Stacks = append(p.Stacks, section)
	}

	return nil
}

// readStack reads a stack with its last events, at most most.
func readStack(tx *db.Tx, stack commitstatus.Stack, most int) (stackSection, error) {
	section := stackSection{
		Name:       sanitize(stack.Configuration.ResourceName, maxName),
		State:      stack.State,
		StateLabel: stackLabels[stack.State],
		Started:    timestamp(stack.StartedAt),
		Ended:      timestamp(stack.EndedAt),
	}
	section.Unreadable = sanitize(stack.Unreadable, lockstep.MaxMessage)
	if stack.IsDesired && stack.State == commitstatus.StackFailed && stack.Blocked != "" {
		section.StateLabel, section.Blocked = "blocked", sanitize(stack.Blocked, lockstep.MaxMessage)
	}

	if stack.AttemptID == "" {
		return section, nil
	}

	events, err := syncstate.LastResourceEvents(tx, stack.AttemptID, most+1)
	if len(events) > most {
		section.Earlier, events = true, events[1:]
	}

	for _, event := range events {
		section.Events = append(section.Events, eventRow{
			At:      timestamp(event.Time),
			Type:    sanitize(event.Type, maxName),
			Message: sanitize(event.Message, lockstep.MaxMessage),
		})
	}

	return section, err
}

// stackOrder is the order of the stacks of a page: those that need attention first.
var stackOrder = []commitstatus.StackState{
	commitstatus.StackFailed,
	commitstatus.StackRunning,
	commitstatus.StackPending,
	commitstatus.StackSuperseded,
	commitstatus.StackSucceeded,
}

// The labels of states.
var (
	commitLabels = map[provider.CommitState]string{
		provider.CommitPending: "Pending", provider.CommitRunning: "Running",
		provider.CommitSucceeded: "Succeeded", provider.CommitFailed: "Failed",
	}
	stackLabels = map[commitstatus.StackState]string{
		commitstatus.StackPending:    "pending",
		commitstatus.StackRunning:    "running",
		commitstatus.StackSucceeded:  "succeeded",
		commitstatus.StackFailed:     "failed",
		commitstatus.StackSuperseded: "superseded by another commit",
	}
)
