package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// sizes reads the sizes of items by their names, in one statement.
func sizes(tx *db.Tx, names []string) (map[string]int, error) {
	args := make([]any, len(names))
	marks := make([]string, len(names))
	for i, name := range names {
		args[i], marks[i] = name, fmt.Sprint("$", i+1)
	}

	rows, err := tx.Query("SELECT name, size FROM item WHERE name IN ("+strings.Join(marks, ", ")+")", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	found := map[string]int{}
	for rows.Next() {
		var name string
		var size int
		if err := rows.Scan(&name, &size); err != nil {
			return nil, err
		}

		found[name] = size
	}

	return found, rows.Err()
}

// newBatcher makes a Batcher that reads one key as it reads many.
func newBatcher(
	database *db.DB,
	many func(tx *db.Tx, names []string) (map[string]int, error),
) *db.Batcher[string, int] {
	one := func(tx *db.Tx, name string) (int, error) {
		found, err := many(tx, []string{name})
		if size, ok := found[name]; ok || err != nil {
			return size, err
		}
		return 0, db.ErrNoRows
	}
	return db.NewBatcher(database, one, many)
}

// fillItems makes the items n0, n1 … with the sizes 0, 1 ….
func fillItems(t *testing.T, d *db.DB, n int) {
	t.Helper()
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		for i := range n {
			if _, err := tx.Exec("INSERT INTO item (id, name, size) VALUES ($1, $2, $3)", i,
				fmt.Sprint("n", i), i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBatcherReturnsEachKeyItsValue(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, d *db.DB) {
		const there = 30
		fillItems(t, d, there)
		batcher := newBatcher(d, sizes)
		var readers sync.WaitGroup
		for r := range 40 {
			readers.Go(func() {
				for i := range 25 {
					n := (r*7 + i*3) % (there + 10)
					size, err := batcher.Get(t.Context(), fmt.Sprint("n", n))
					if n < there && (err != nil || size != n) || n >= there && !errors.Is(err, db.ErrNoRows) {
						t.Errorf("n%d: %d, %v", n, size, err)
					}
				}
			})
		}

		readers.Wait()
	})
}

// A jam is a Batcher on PostgreSQL whose statements block until open is called, so that
// reads wait together. It needs a synctest bubble.
type jam struct {
	*db.Batcher[string, int]
	open func()

	mu    sync.Mutex
	turns [][]string // the keys of each batch after the jam
	held  sync.WaitGroup
}

// newJam returns a jam that blocks statements after they have read. Reads return what
// sizes returns, or the error of fails.
func newJam(t *testing.T, database *db.DB, fails func(names []string) error) *jam {
	t.Helper()
	gate := make(chan struct{})
	j := &jam{open: sync.OnceFunc(func() { close(gate) })}
	j.Batcher = newBatcher(database, func(tx *db.Tx, names []string) (map[string]int, error) {
		found, err := sizes(tx, names)
		if strings.HasPrefix(names[0], "held") {
			<-gate
			return found, err
		}

		j.mu.Lock()
		j.turns = append(j.turns, names)
		j.mu.Unlock()

		if err == nil {
			err = fails(names)
		}

		return found, err
	})

	for i := range 2 {
		j.held.Go(func() { _, _ = j.Get(t.Context(), fmt.Sprint("held", i)) })
	}

	synctest.Wait()
	return j
}

func never([]string) error { return nil }

// ask reads a name and calls tell with the result.
func (j *jam) ask(ctx context.Context, name string, tell func(size int, err error)) {
	j.held.Go(func() { tell(j.Get(ctx, name)) })
	synctest.Wait()
}

func (j *jam) end() {
	j.open()
	j.held.Wait()
}

// inJam runs a test in a bubble with a database of five items.
func inJam(t *testing.T, f func(t *testing.T, database *db.DB)) {
	t.Helper()
	dbtest.URL(t, db.Postgres) // starts the server, outside of the bubble, or skips
	synctest.Test(t, func(t *testing.T) {
		database := dbtest.OpenOn(t, db.Postgres, schema(items))
		fillItems(t, database, 5)
		f(t, database)
	})
}

func TestReadsThatWaitGoTogether(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		j := newJam(t, d, never)
		for _, n := range []int{1, 2, 1, 3} {
			j.ask(t.Context(), fmt.Sprint("n", n), func(size int, err error) {
				if err != nil || size != n {
					t.Errorf("n%d: %d, %v", n, size, err)
				}
			})
		}

		j.end()
		if diff := cmp.Diff([][]string{{"n1", "n2", "n3"}}, j.turns); diff != "" {
			t.Errorf("turns: %s", diff)
		}
	})
}

func TestATurnIsBoundedAndTheRestGoNext(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		j := newJam(t, d, never)
		for i := range 150 {
			j.ask(t.Context(), fmt.Sprintf("m%03d", i), func(_ int, err error) {
				if !errors.Is(err, db.ErrNoRows) {
					t.Errorf("m%03d: %v", i, err)
				}
			})
		}

		j.end()
		got := map[string]int{}
		for _, turn := range j.turns {
			got[turn[0]] = len(turn)
		}

		if diff := cmp.Diff(map[string]int{"m000": 64, "m064": 64, "m128": 22}, got); diff != "" {
			t.Errorf("turns by their first keys: %s", diff)
		}
	})
}

func TestAReadSeesWhatWasCommittedBeforeIt(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		j := newJam(t, d, never)
		// A turn that has read this very key is still under way.
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO item (id, name, size) VALUES (99, 'held0', 7)")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		j.ask(t.Context(), "held0", func(size int, err error) {
			if err != nil || size != 7 {
				t.Errorf("%d, %v: older than the question", size, err)
			}
		})

		j.end()
	})
}

func TestWhoLeavesIsNotWaitedForAndLeavesTheOthers(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		j := newJam(t, d, never)
		ctx, leave := context.WithCancel(t.Context())
		left := false
		j.ask(ctx, "n1", func(_ int, err error) { left = errors.Is(err, context.Canceled) })
		served := false
		j.ask(t.Context(), "n2", func(size int, err error) { served = err == nil && size == 2 })
		leave()
		synctest.Wait()

		if !left {
			t.Error("a canceled caller still waits")
		}

		j.end()
		if !served {
			t.Error("the other one was not served")
		}
	})
}

func TestAnErrorIsOfItsTurnAlone(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		broken := errors.New("broken")
		j := newJam(t, d, func(names []string) error {
			if names[0] == "n1" {
				return broken
			}
			return nil
		})

		var got []error
		var mu sync.Mutex
		for _, name := range []string{"n1", "n2"} {
			j.ask(t.Context(), name, func(_ int, err error) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, err)
			})
		}

		j.end()
		if len(got) != 2 || !errors.Is(got[0], broken) || !errors.Is(got[1], broken) {
			t.Errorf("got %v, want the error twice", got)
		}

		if size, err := j.Get(t.Context(), "n3"); err != nil || size != 3 {
			t.Errorf("n3: %d, %v", size, err)
		}
	})
}

func TestAKeyThatIsRefusedFailsAlone(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		j := newJam(t, d, never)
		j.ask(t.Context(), "n\x00", func(_ int, err error) {
			if err == nil || errors.Is(err, db.ErrNoRows) {
				t.Errorf("text with a NUL: %v", err)
			}
		})
		j.ask(t.Context(), "n4", func(size int, err error) {
			if err != nil || size != 4 {
				t.Errorf("n4: %d, %v", size, err)
			}
		})

		j.end()
	})
}

func TestAPanicReachesThoseItConcernsAndNobodyElse(t *testing.T) {
	inJam(t, func(t *testing.T, d *db.DB) {
		j := newJam(t, d, func(names []string) error {
			if names[0] == "n1" {
				panic("as it was told")
			}
			return nil
		})

		var seen any
		j.held.Go(func() {
			defer func() { seen = recover() }()
			_, _ = j.Get(t.Context(), "n1")
		})
		synctest.Wait()
		j.end()

		if text, ok := seen.(string); !ok || !strings.HasPrefix(text, "as it was told\n") {
			t.Errorf("recovered %v", seen)
		}

		for range 3 { // more than may be under way at once: each has ended
			if size, err := j.Get(t.Context(), "n2"); err != nil || size != 2 {
				t.Errorf("n2: %d, %v", size, err)
			}
		}
	})
}
