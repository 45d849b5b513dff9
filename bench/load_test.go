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

// better gives the faster of two runs: noise only ever slows down.
func (l load) better(o load) load {
	if o.rate > l.rate {
		return o
	}
	return l
}

// loadTime is how long each run lasts.
const loadTime = 4 * time.Second

// drive writes requests at random over a number of connections, each waiting
// for its answer, and times them.
func drive(b *testing.B, addr string, requests [][]byte, conns int) load {
	b.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var clients sync.WaitGroup
	end := time.Now().Add(loadTime)
	for range conns {
		clients.Go(func() {
			times, err := client(addr, requests, end)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				b.Error(err)
			}
			all = append(all, times...)
		})
	}
	clients.Wait()
	if len(all) == 0 {
		b.Fatal("nothing was answered")
	}
	slices.Sort(all)
	return load{rate: float64(len(all)) / loadTime.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}
}

func client(addr string, requests [][]byte, end time.Time) (times []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for began := time.Now(); began.Before(end); began = time.Now() {
		if _, err := conn.Write(requests[rand.IntN(len(requests))]); err != nil {
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
	}
	return times, nil
}
