package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/store"
)

// addSlowHost adds a Git host that answers no request for files, and returns links to
// repositories of it.
func addSlowHost(w *enginetest.World, count int) (links []string) {
	w.T.Helper()
	const endpoint = "https://slow.example.com"
	w.Host.SlowDown(endpoint)
	w.Update(func(tx *db.Tx) error {
		host := lockstep.Host{
			ARN:          "arn:aws:codeconnections:us-east-1:123456789012:host/slow",
			Account:      w.Link.Account,
			Region:       w.Link.Region,
			Name:         "slow",
			ProviderType: "Git",
			Endpoint:     endpoint,
			Status:       lockstep.HostAvailable,
		}
		if err := store.InsertHost(tx, &host); err != nil {
			return err
		}

		connection := lockstep.Connection{
			ARN:          "arn:aws:codeconnections:us-east-1:123456789012:connection/slow",
			Account:      w.Link.Account,
			Region:       w.Link.Region,
			Name:         "slow",
			ProviderType: "Git",
			HostARN:      host.ARN,
			Status:       lockstep.ConnectionAvailable,
		}
		if err := store.InsertConnection(tx, &connection); err != nil {
			return err
		}

		for i := range count {
			link := w.Link
			link.ID, link.ARN = fmt.Sprint("slow", i), lockstep.ARN(fmt.Sprint("arn:slow", i))
			link.ConnectionARN, link.RepositoryName = connection.ARN, fmt.Sprint("slow", i)
			if err := store.InsertLink(tx, &link); err != nil {
				return err
			}
			links = append(links, link.ID)
		}
		return nil
	})
	return links
}

func TestAttack10ASlowHostDoesNotTakeAllWorkers(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Stop()
		w.JobsPerHost = 2
		w.Start()

		cfg := w.CreateConfiguration("web")
		first := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)

		// There are ten workers.
		for _, link := range addSlowHost(w, 30) {
			w.Update(func(tx *db.Tx) error { return w.Engine.RequestSync(tx, link, "main") })
		}
		w.WaitUntil("the slow host is used", func() bool { return w.Host.MaxWaiting() > 0 })

		began := time.Now()
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		if took := time.Since(began); took > 10*time.Second {
			w.T.Errorf("a sync of another host took %s", took)
		}
		if got := w.Host.MaxWaiting(); got != 2 {
			w.T.Errorf("%d jobs used the slow host at once, want 2", got)
		}
	})
}

func TestEveryRepositoryOfASlowHostGetsItsTurn(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Stop()
		w.JobsPerHost = 2
		w.Start()

		w.Push(map[string]string{"web.yaml": "1"})
		links := addSlowHost(w, 5)
		for _, link := range links {
			w.Update(func(tx *db.Tx) error { return w.Engine.RequestSync(tx, link, "main") })
		}

		tried := func() int {
			return w.Count(`SELECT count(DISTINCT link_id) FROM repository_sync_attempt WHERE tries > 0`)
		}
		for began := time.Now(); tried() < len(links) && time.Since(began) < time.Hour; {
			time.Sleep(time.Minute)
		}
		if got := tried(); got != len(links) {
			w.T.Errorf("%d of %d repositories were tried within an hour", got, len(links))
		}
	})
}
