package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/wire"
)

func TestTimeIsEpochSecondsWithMilliseconds(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(0, 0), "0.000"},
		{time.Unix(1700000000, 0), "1700000000.000"},
		{time.Unix(1700000000, 7_999_999), "1700000000.007"},
		{time.Unix(1700000000, 120_000_000), "1700000000.120"},
		{time.Unix(-2, 500_000_000), "-1.500"},
		{time.Date(2026, 11, 22, 1, 2, 3, 456_000_000, time.FixedZone("", 3600)), "1795305723.456"},
	} {
		got, err := json.Marshal(wire.Time{Time: c.at})
		if err != nil || string(got) != c.want {
			t.Errorf("%v = %s, %v; want %s", c.at, got, err, c.want)
		}

		var back wire.Time
		if err := json.Unmarshal(got, &back); err != nil || !back.Equal(c.at.Truncate(time.Millisecond)) {
			t.Errorf("%s read back as %v, %v", got, back, err)
		}

		if back.Location() != time.UTC {
			t.Errorf("%s read back in %v", got, back.Location())
		}
	}
}

func TestTimeRefusesInvalidNumbers(t *testing.T) {
	for _, in := range []string{`"2026-11-22T00:00:00Z"`, `true`, `{}`, `1e13`, `-1e300`} {
		var v wire.Time
		if err := json.Unmarshal([]byte(in), &v); err == nil {
			t.Errorf("%s was read as %v", in, v)
		}
	}
}

func TestAbsentMembersAreLeftOut(t *testing.T) {
	got, err := json.Marshal(wire.SyncBlocker{Id: "a", CreatedAt: wire.Time{Time: time.Unix(1, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Id":"a","Type":"","Status":"","CreatedReason":"","CreatedAt":1.000}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
