package ratelimit_test

import (
	"fmt"
	"time"

	"github.com/lockstephq/lockstep/internal/ratelimit"
)

func Example() {
	limiter := ratelimit.New(1, 2) // one request a second, two at once
	now := time.Now()

	for range 3 {
		fmt.Println(limiter.Allow("[2001:db8::1]:40000", now))
	}
	fmt.Println(limiter.Allow("[2001:db8::2]:40000", now)) // the same /64 network
	fmt.Println(limiter.Allow("192.0.2.1:40000", now))

	// Output:
	// true
	// true
	// false
	// false
	// true
}
