package enginetest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A StatusRecorder is the part of a Git host that shows commit statuses.
type StatusRecorder struct {
	Mu         sync.Mutex
	Accepted   []provider.CommitStatus // in order
	Calls      []time.Time
	answer     func(ctx context.Context, s provider.CommitStatus) error // the error of every call, if not nil
	busy       map[string]int                                           // running calls by environment
	Violations []string                                                 // of what the reporter promises to drivers
}

type statusClient struct {
	*gitClient
	*StatusRecorder
}

// ReportStatus accepts a status. Its driver state counts the accepted statuses of the commit.
func (s *StatusRecorder) ReportStatus(
	ctx context.Context, status provider.CommitStatus, driverState []byte,
) ([]byte, error) {
	s.Mu.Lock()
	s.Calls = append(s.Calls, time.Now())
	if s.busy[status.Environment]++; s.busy[status.Environment] > 1 {
		s.Violations = append(s.Violations, "two calls at once for "+status.Environment)
	}

	accepted, _ := strconv.Atoi(string(driverState))
	if n := len(s.AcceptedOf(status.SHA, status.Environment)); n != accepted {
		violation := fmt.Sprintf("%d statuses of %s were accepted, the driver state counts %d", n, status.SHA.Short(),
			accepted)
		s.Violations = append(s.Violations, violation)
	}

	answer := s.answer
	s.Mu.Unlock()
	var err error
	defer func() {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.busy[status.Environment]--
	}()

	if answer != nil {
		err = answer(ctx, status)
	}

	s.Mu.Lock()
	defer s.Mu.Unlock()

	if err != nil {
		return driverState, err
	}

	s.Accepted = append(s.Accepted, status)
	return []byte(strconv.Itoa(accepted + 1)), nil
}

// AcceptedOf returns the accepted statuses of a commit in an environment. The caller holds
// the lock.
func (s *StatusRecorder) AcceptedOf(sha lockstep.SHA, environment string) []provider.CommitStatus {
	var list []provider.CommitStatus
	for _, one := range s.Accepted {
		if one.SHA == sha && one.Environment == environment {
			list = append(list, one)
		}
	}
	return list
}

// SetAnswer sets a function that returns the error of each call. If it is nil, all calls
// succeed.
func (s *StatusRecorder) SetAnswer(f func(ctx context.Context, s provider.CommitStatus) error) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.answer = f
}

// FailWith makes every call fail with err, or succeed again if it is nil.
func (s *StatusRecorder) FailWith(err error) {
	s.SetAnswer(func(context.Context, provider.CommitStatus) error { return err })
}

// CallCount returns how many calls there were.
func (s *StatusRecorder) CallCount() int {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return len(s.Calls)
}
