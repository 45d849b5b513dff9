package bench

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// A load is what a server did under one.
type load struct {
	rate     float64 // answers a second
	p50, p99 time.Duration
}

// String gives the figures.
func (l load) String() string {
	return fmt.Sprintf("%.0f/s (p50 %s, p99 %s)", l.rate, l.p50.Round(time.Microsecond), l.p99.Round(time.Microsecond))
}

const (
	// turnTime is how long a server is driven before it is the other's turn.
	turnTime = 1500 * time.Millisecond
	// turns is how often each has its turn. It is odd, for the median's sake.
	turns = 7
)

// A site is a server with requests for it.
type site struct {
	addr     string
	requests [][]byte
}

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
		rates, p99s = append(rates, o.rate/t.rate), append(p99s, float64(o.p99)/float64(t.p99))
	}
	return contest{ours: typicalOf(us), theirs: typicalOf(them), rate: median(rates), p99: median(p99s)}
}

func typicalOf(loads []load) load {
	var rates []float64
	var p50s, p99s []time.Duration
	for _, l := range loads {
		rates, p50s, p99s = append(rates, l.rate), append(p50s, l.p50), append(p99s, l.p99)
	}
	return load{rate: median(rates), p50: median(p50s), p99: median(p99s)}
}

func median[T float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

// drive writes requests at random over a number of connections, each waiting
// for its answer, and times them.
func drive(b *testing.B, s site, conns int) load {
	b.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var clients sync.WaitGroup
	began := time.Now()
	for range conns {
		clients.Go(func() {
			times, err := client(s, began.Add(turnTime))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				b.Error(err)
			}
			all = append(all, times...)
		})
	}
	clients.Wait()
	took := time.Since(began) // the last answers come after the end
	if len(all) == 0 {
		b.Fatal("nothing was answered")
	}
	slices.Sort(all)
	return load{rate: float64(len(all)) / took.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}
}

// client keeps its connection if the server does.
func client(s site, end time.Time) (times []time.Duration, err error) {
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	in := bufio.NewReader(nil)
	for began := time.Now(); began.Before(end); began = time.Now() {
		if conn == nil {
			if conn, err = net.Dial("tcp", s.addr); err != nil {
				return times, err
			}
			in.Reset(conn)
		}
		if _, err := conn.Write(s.requests[rand.IntN(len(s.requests))]); err != nil {
			return times, err
		}
		resp, err := http.ReadResponse(in, nil)
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
