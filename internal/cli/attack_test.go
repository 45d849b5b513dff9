package cli_test

import (
	"context"
	"strings"
	"testing"
	"unicode"

	"github.com/lockstephq/lockstep/internal/wire"
)

func TestAttack05APathToPasteIsNoOption(t *testing.T) {
	root := workingCopy(t, map[string]string{"t.yaml": plainTemplate})
	t.Chdir(root)
	out := run(t, nil, "init", "t.yaml", "--file", "--force.yaml").ok(t).stdout
	if !strings.Contains(out, "git add ./--force.yaml && ") {
		t.Errorf("it says:\n%s", out)
	}
}

func TestAttack28WatchShowsNothingThatCommandsATerminal(t *testing.T) {
	t.Parallel()
	const bad = "a\x1b[2J\u009b2J\x7f\u202e\u2066\r\n09:00:00  forged"
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	own(f, "ListSyncEvents", func(in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
		if in.After != "" {
			cancel()
			return &wire.ListSyncEventsOutput{NextCursor: in.After}, nil
		}
		return &wire.ListSyncEventsOutput{NextCursor: "1", Events: []wire.SyncEvent{
			{Time: clock(4, 1), Event: bad, Type: bad, ResourceName: bad, Branch: bad, Sha: sha1, AttemptId: "a", Status: "IN_PROGRESS"}}}, nil
	})

	got := runWith(t, ctx, f.env(), "", "watch").ok(t).stdout
	line, rest, _ := strings.Cut(got, "\n")
	if rest != "" || strings.Count(line, "forged") != 3 ||
		strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		t.Errorf("%q", got)
	}
}
