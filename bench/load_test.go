package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// A load is what a server did under one.
type load struct {
	Rate     float64 // answers a second
	P50, P99 time.Duration
}

// String returns the figures.
func (l load) String() string {
	return fmt.Sprintf("%.0f/s (p50 %s, p99 %s)", l.Rate, l.P50.Round(time.Microsecond), l.P99.Round(time.Microsecond))
}

const (
	// turnTime is how long a server is driven before it is the other's turn.
	turnTime = 1500 * time.Millisecond
	// turns is how often each has its turn. It is odd, for the median's sake.
	turns = 7
)

// A contest is what two servers did in turns. The figures of each are the
// medians of its turns; the ratios are the medians of the ratios of turns that
// followed each other, which a busy moment of the machine has hit alike.
type contest struct {
	ours, theirs load
	rate, p99    float64 // ours to theirs
}

func compete(b *testing.B, ours, theirs site, conns int) contest {
	b.Helper()
	var us, them []load
	var rates, p99s []float64
	for range turns {
		t, o := drive(b, theirs, conns), drive(b, ours, conns)
		us, them = append(us, o), append(them, t)
		rates, p99s = append(rates, o.Rate/t.Rate), append(p99s, float64(o.P99)/float64(t.P99))
	}
	return contest{ours: typicalOf(us), theirs: typicalOf(them), rate: median(rates), p99: median(p99s)}
}

func typicalOf(loads []load) load {
	var rates []float64
	var p50s, p99s []time.Duration
	for _, l := range loads {
		rates, p50s, p99s = append(rates, l.Rate), append(p50s, l.P50), append(p99s, l.P99)
	}
	return load{Rate: median(rates), P50: median(p50s), P99: median(p99s)}
}

func median[T float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

// A site is a server with requests for it.
type site struct {
	Addr     string
	Requests [][]byte
}

// A task is what a process of clients is to do: write requests at random over a
// number of connections, each waiting for its answer, and time them.
type task struct {
	Site  site
	Conns int
}

// runClients is the variable that makes this binary a process of clients.
const runClients = "LOCKSTEP_BENCH_CLIENTS"

// clients is the program of such a process. Clients are never where the server
// is: in one process a handler that does not wait is handed its client's
// request by the scheduler, with neither of them asleep, which no server has whose
// clients are elsewhere. One that asks a database has to sleep and to be woken all
// the same.
func clients() error {
	var t task
	if err := json.NewDecoder(os.Stdin).Decode(&t); err != nil {
		return err
	}
	load, err := t.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(load)
}

// drive has a process of its own do a task.
func drive(b *testing.B, site site, conns int) (load load) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), turnTime+30*time.Second)
	defer cancel()

	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}

	input, err := json.Marshal(task{site, conns})
	if err != nil {
		b.Fatal(err)
	}

	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), runClients+"=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &load)
	}

	if err != nil {
		b.Fatal(err)
	}

	return load
}

func (t task) run() (load, error) {
	var mu sync.Mutex
	var all []time.Duration
	var errs []error
	var clients sync.WaitGroup
	began := time.Now()
	for range t.Conns {
		clients.Go(func() {
			times, err := client(t.Site, began.Add(turnTime))
			mu.Lock()
			defer mu.Unlock()

			errs = append(errs, err)
			all = append(all, times...)
		})
	}

	clients.Wait()
	took := time.Since(began) // the last answers come after the end
	if err := errors.Join(errs...); err != nil || len(all) == 0 {
		return load{}, errors.Join(err, fmt.Errorf("%d answers", len(all)))
	}

	slices.Sort(all)
	return load{Rate: float64(len(all)) / took.Seconds(), P50: all[len(all)/2], P99: all[len(all)*99/100]}, nil
}

// client keeps its connection if the server does.
func client(site site, end time.Time) (times []time.Duration, err error) {
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()

	input := bufio.NewReader(nil)
	for began := time.Now(); began.Before(end); began = time.Now() {
		if conn == nil {
			if conn, err = net.Dial("tcp", site.Addr); err != nil {
				return times, err
			}
			input.Reset(conn)
		}

		if _, err := conn.Write(site.Requests[rand.IntN(len(site.Requests))]); err != nil {
			return times, err
		}

		resp, err := http.ReadResponse(input, nil)
		if err != nil {
			return times, err
		}

		if resp.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(resp.Body)
			return times, fmt.Errorf("status %d: %s", resp.StatusCode, text)
		}

		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return times, err
		}

		times = append(times, time.Since(began))
		if resp.Close {
			conn.Close()
			conn = nil
		}
	}

	return times, nil
}
