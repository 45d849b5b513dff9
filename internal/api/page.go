package api

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

// defaultPage is how many rows a list has when the caller does not say, as at
// AWS; zero says nothing either.
const defaultPage = 50

// A listing is a list that is read page by page: what is listed, and for whom.
// A token made for one listing is refused by every other, those of other
// principals included: it is a box that is sealed in the listing's name.
type listing struct {
	key  *seal.Key
	name []byte
}

func (s *Service) listing(c Caller, what string, filters ...any) listing {
	who := holderOf(c.Principal)
	name := []any{what, who.account, c.Region, who.assumed, who.name}
	return listing{s.o.Seal, fmt.Appendf(nil, "list %q", append(name, filters...))}
}

// A holder is whom a page token or a bucket of the throttle belongs to: a user,
// whichever of its keys it signs with, or a role, whatever its sessions are
// called. Sessions get a new name whenever an SDK renews them, and any that their
// owner likes.
type holder struct{ account, assumed, name string }

func holderOf(p identity.Principal) holder {
	if p.Assumed != "" {
		return holder{account: p.Account, assumed: p.Assumed}
	}
	return holder{account: p.Account, name: p.Name}
}

// page reads what a caller asks for. The error is Invalid when the token is
// not one that this listing gave.
func (l listing) page(maxResults *int, token string) (store.Page, error) {
	p := store.Page{Limit: defaultPage}
	if maxResults != nil && *maxResults > 0 {
		p.Limit = *maxResults
	}

	if token == "" {
		return p, nil
	}

	var ok bool
	if p.After, ok = l.cursor(token); !ok {
		return p, lockstep.Errorf(lockstep.Invalid, "The NextToken is not one that this listing gave.")
	}

	return p, nil
}

// token gives what a caller sends back to go on after a cursor; "" at the end.
// Numbers are written at full length, so that a token's own tells nothing of them.
func (l listing) token(c store.Cursor) (string, error) {
	if c == (store.Cursor{}) {
		return "", nil
	}
	box, err := l.key.Seal(append(binary.BigEndian.AppendUint64(nil, uint64(c.Number)), c.Text...), l.name)
	return base64.RawURLEncoding.EncodeToString(box), err
}

func (l listing) cursor(token string) (store.Cursor, bool) {
	box, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodeToString(box) != token { // there are other ways to write it
		return store.Cursor{}, false
	}

	b, err := l.key.Open(box, l.name)
	if err != nil {
		return store.Cursor{}, false
	}
	if len(b) < 8 {
		return store.Cursor{}, false
	}

	return store.Cursor{Number: int64(binary.BigEndian.Uint64(b)), Text: string(b[8:])}, true
}
