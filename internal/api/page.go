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
type List struct {
	key  *seal.Key
	name []byte
}

func (s *Service) listing(c Caller, what string, filters ...any) List {
	who := KeyOf(c.Principal)
	name := []any{what, who.account, c.Region, who.assumed, who.name}
	return List{s.o.Seal, fmt.Appendf(nil, "list %q", append(name, filters...))}
}

// A holder is whom a page token or a bucket of the throttle belongs to: a user,
// whichever of its keys it signs with, or a role, whatever its sessions are
// called. Sessions get a new name whenever an SDK renews them, and any that their
// owner likes.
type PrincipalKey struct{ account, assumed, name string }

func KeyOf(principal identity.Principal) PrincipalKey {
	if principal.AssumedRole != "" {
		return PrincipalKey{account: principal.Account, assumed: principal.AssumedRole}
	}
	return PrincipalKey{account: principal.Account, name: principal.Name}
}

// page reads what a caller asks for. The error is Invalid when the token is
// not one that this listing gave.
func (l List) page(maxResults *int, token string) (store.Page, error) {
	page := store.Page{Limit: defaultPage}
	if maxResults != nil && *maxResults > 0 {
		page.Limit = *maxResults
	}

	if token == "" {
		return page, nil
	}

	var ok bool
	if page.After, ok = l.cursor(token); !ok {
		return page, lockstep.Errorf(lockstep.Invalid, "The NextToken is not one that this listing gave.")
	}

	return page, nil
}

// Token gives what a caller sends back to go on after a cursor; "" at the end.
// Numbers are written at full length, so that a token's own tells nothing of them.
func (l List) Token(cursor store.Cursor) (string, error) {
	if cursor == (store.Cursor{}) {
		return "", nil
	}
	box, err := l.key.Seal(append(binary.BigEndian.AppendUint64(nil, uint64(cursor.Number)), cursor.Text...), l.name)
	return base64.RawURLEncoding.EncodeToString(box), err
}

func (l List) cursor(token string) (store.Cursor, bool) {
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
