package api_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// runConcurrently calls f n times side by side.
func runConcurrently(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func TestConcurrentTagsAreCountedTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for round := range 5 {
			host := w.createHost(fmt.Sprintf("h%d", round))
			runConcurrently(20, func(i int) {
				var tags []string
				for n := range 10 {
					tags = append(tags, fmt.Sprintf("k%d-%d=v", i, n))
				}

				if err := w.tag(host, tags...); err != nil {
					apitest.ExpectError(t, err, "LimitExceededException", "at most 50 tags")
				}
			})
			if got := apitest.Must[[]string](t)(w.tags(host)); len(got) != 50 {
				t.Errorf("there are %d tags", len(got))
			}
		}
	})
}

func TestConcurrentTagsDoNotDeadlock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		var keys []string
		for n := range 40 {
			keys = append(keys, fmt.Sprintf("k%02d=v", n))
		}

		runConcurrently(40, func(i int) {
			if err := w.tag(host, slices.Concat(keys[i:], keys[:i])...); err != nil {
				t.Error(err)
			}
		})
		if got := apitest.Must[[]string](t)(w.tags(host)); !slices.Equal(got, keys) {
			t.Errorf("it has %v", got)
		}
	})
}

func TestTagsAreDeletedWithTheirResource(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var hosts []string
		for n := range 10 {
			hosts = append(hosts, w.createHost(fmt.Sprintf("h%d", n)))
		}

		runConcurrently(20, func(i int) {
			host := hosts[i/2]
			if i%2 == 0 {
				if err := w.tag(host, "a=1"); err != nil {
					apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find resource: "+host)
				}
				return
			}

			if _, err := w.SDK().DeleteHost(t.Context(), &codeconnections.DeleteHostInput{HostArn: &host}); err != nil {
				t.Error(err)
			}
		})

		var n int
		w.Update(func(tx *db.Tx) error { return tx.QueryRow(`SELECT count(*) FROM tag`).Scan(&n) })
		if n != 0 {
			t.Errorf("%d tags are left", n)
		}
	})
}

func TestConcurrentCreationsAreCountedTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(o *options) {
			o.Quotas = access.Quotas{
				Hosts:                  3,
				Connections:            3,
				Links:                  3,
				Configurations:         3,
				ConfigurationsOfLink:   3,
				ConfigurationsOfBranch: 3,
			}
		})
		var host, connection, link string
		for _, tc := range []struct {
			table string
			make  func(i int) error
		}{
			{"host", func(int) error { return w.createTaggedHost(nil) }},
			{"connection", func(int) error {
				_, err := w.SDK().CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
					ConnectionName: aws.String("c"),
					HostArn:        &host,
				})
				return err
			}},
			{"repository_link", func(i int) error {
				_, err := w.SDK().CreateRepositoryLink(t.Context(), &codeconnections.CreateRepositoryLinkInput{
					ConnectionArn:  &connection,
					OwnerId:        aws.String("acme"),
					RepositoryName: aws.String(fmt.Sprintf("r%d", i)),
				})
				return err
			}},
			{"sync_configuration", func(i int) error {
				_, err := w.SDK().CreateSyncConfiguration(t.Context(), newConfiguration(fmt.Sprintf("r%d", i), link))
				return err
			}},
		} {
			switch tc.table {
			case "host":
				host = w.createHost("h")
			case "connection":
				connection = w.createConnection("c", host)
			case "repository_link":
				link = w.createRepositoryLink(connection, "infra")
			}

			runConcurrently(20, func(i int) {
				if err := tc.make(i); err != nil {
					apitest.ExpectError(t, err, "LimitExceededException", "which is the limit")
				}
			})

			var n int
			w.Update(func(tx *db.Tx) error { return tx.QueryRow(`SELECT count(*) FROM ` + tc.table).Scan(&n) })
			if n != 3 {
				t.Errorf("%d in %s", n, tc.table)
			}
		}
	})
}
