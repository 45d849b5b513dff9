package client_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	firstPage  = `{"Policies":[{"Name":"a"},{"Name":"b"}],"NextToken":"more"}`
	secondPage = `{"Policies":[{"Name":"c"}]}`
)

// servePages returns the client of a server with these pages, and the bodies of its requests.
func servePages(t testing.TB, answers ...string) (*client.Client, *[]string) {
	asked := new([]string)
	var handlers []http.HandlerFunc
	for _, answer := range answers {
		handlers = append(handlers, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			*asked = append(*asked, string(body))
			respondWith(200, answer)(w, r)
		})
	}
	c, _ := serve(t, handlers...)
	return c, asked
}

func TestAListIsReadToItsEnd(t *testing.T) {
	c, asked := servePages(t, firstPage, secondPage)
	all, err := client.All(c.Policies(t.Context()))
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]wire.Policy{{Name: "a"}, {Name: "b"}, {Name: "c"}}, all); diff != "" {
		t.Error(diff)
	}

	if diff := cmp.Diff([]string{`{"MaxResults":100}`, `{"NextToken":"more","MaxResults":100}`}, *asked); diff != "" {
		t.Error(diff)
	}

	if all, err := client.All(must(servePages(t, `{"Policies":[]}`)).Policies(t.Context())); all == nil || err != nil {
		t.Errorf("an empty list is %v, %v", all, err)
	}
}

func must(c *client.Client, _ *[]string) *client.Client { return c }

func TestStoppingEarlyRequestsNoMorePages(t *testing.T) {
	c, asked := servePages(t, firstPage)
	for policy, err := range c.Policies(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if policy.Name == "b" {
			break
		}
	}

	if len(*asked) != 1 {
		t.Errorf("asked %v", *asked)
	}
}

func TestAServerThatGoesInACircleEndsTheWalk(t *testing.T) {
	c, _ := servePages(t, firstPage, firstPage)
	if all, err := client.All(c.Policies(t.Context())); err == nil {
		t.Errorf("got %v", all)
	}
}

func TestCountsComeWithTheList(t *testing.T) {
	c, _ := servePages(t, `{"ResourceSyncs":[{"ResourceName":"web"}],"Counts":{"Total":1,"Failed":1}}`)
	var counts wire.ResourceSyncCounts
	include := true
	all, err := client.All(c.ResourceSyncs(t.Context(), wire.ListResourceSyncsInput{IncludeCounts: &include}, &counts))
	if err != nil || len(all) != 1 {
		t.Fatalf("got %v, %v", all, err)
	}
	if diff := cmp.Diff(wire.ResourceSyncCounts{Total: 1, Failed: 1}, counts); diff != "" {
		t.Error(diff)
	}
}
