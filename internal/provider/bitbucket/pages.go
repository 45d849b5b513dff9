package bitbucket

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A page is a part of a list. Next is the whole URL of the next one, "" at the
// last.
type page[T any] struct {
	Values []T    `json:"values"`
	Next   string `json:"next"`
}

// list reads a list from its first page, at most limit of what is in it, in at
// most maxPages. Where a page points to another origin than the API's, that is an
// error, and nothing is asked there.
func list[T any](ctx context.Context, api *rest.Client, path string, limit int) ([]T, error) {
	const maxPages = 40
	var p page[T]
	if _, err := api.Do(ctx, http.MethodGet, path, nil, &p); err != nil {
		return nil, err
	}

	all := p.Values
	for n := 1; p.Next != "" && len(all) < limit && n < maxPages; n++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Next, nil)
		if err != nil {
			return nil, lockstep.Errorf(lockstep.Unavailable, "What Bitbucket names for the next page of a list is no URL.")
		}

		req.Header.Set("Accept", "application/json")
		p = page[T]{}
		if _, err := api.Send(req, &p); err != nil {
			return nil, err
		}

		all = append(all, p.Values...)
	}

	return all[:min(len(all), limit)], nil
}
