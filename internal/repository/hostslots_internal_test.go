package repository

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

func TestAHostHasSlotsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := hostSlots{perHost: 2, byHost: map[string]*hostUse{}}
		var releases []func()
		for range 2 {
			release, err := slots.acquire("slow", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}

		_, err := slots.acquire("slow", time.Now())
		if kind := lockstep.KindOf(err); kind != lockstep.Unavailable {
			t.Errorf("the error without a free slot is of kind %s, want unavailable", kind)
		}
		at, isBusy := RetryAt(err)
		if !isBusy {
			t.Fatalf("the error is %v, want that of a busy host", err)
		}
		if wait := time.Until(at); wait < minDeferral || wait > maxDeferral {
			t.Errorf("the job waits %s", wait)
		}

		other, err := slots.acquire("other", time.Now())
		if err != nil {
			t.Fatalf("another host has no slot: %v", err)
		}
		other()

		time.Sleep(2 * maxDeferral)
		for _, release := range releases {
			release()
			release() // has no effect
		}
		if got := len(slots.byHost); got != 0 {
			t.Errorf("%d hosts are remembered, want none", got)
		}
	})
}

func TestJobsOfASlowHostWaitLongerTheMoreThereAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := hostSlots{perHost: 1, byHost: map[string]*hostUse{}}
		release, err := slots.acquire("slow", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		slots.byHost["slow"].averageDuration = 10 * time.Second

		var before time.Time
		for i := range 4 {
			_, err := slots.acquire("slow", time.Now())
			at, _ := RetryAt(err)
			if i > 0 && at.Sub(before) != 10*time.Second {
				t.Errorf("job %d waits %s longer than the one before it, want 10s", i, at.Sub(before))
			}
			before = at
		}

		for range 1000 {
			_, err := slots.acquire("slow", time.Now())
			if at, _ := RetryAt(err); time.Until(at) > maxDeferral {
				t.Fatalf("a job waits %s", time.Until(at))
			}
		}
	})
}

func TestHostsAreNamedByTheirOrigin(t *testing.T) {
	installed := func(endpoint string) provider.Repository {
		return provider.Repository{Access: provider.Access{Host: &lockstep.Host{Endpoint: endpoint}}}
	}
	cloud := provider.Repository{Link: lockstep.RepositoryLink{ProviderType: "GitHub"}}
	for want, described := range map[string]provider.Repository{
		"GitHub":                       cloud,
		"https://git.example.com:8443": installed("https://Git.example.com:8443/path"),
		"file:///srv/git":              installed("file:///srv/git"),
	} {
		if got := hostOf(described); got != want {
			t.Errorf("the host is %q, want %q", got, want)
		}
	}
}
