package access

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// DefaultPageSize is the number of items of a page if the caller gives no
// MaxResults, or zero, as at AWS.
const DefaultPageSize = 50

// A List makes and checks the page tokens of one list. Tokens are sealed in the
// name of the list, its filters and the principal, and valid for nothing else.
type List struct {
	key  *seal.Key
	name []byte
}

// NewList returns the list of caller with a name and filters. Filters are
// formatted with %q.
func NewList(key *seal.Key, caller Caller, name string, filters ...any) List {
	owner := keyOf(caller.Principal)
	parts := []any{name, owner.account, caller.Region, owner.role, owner.user}
	return List{key, fmt.Appendf(nil, "list %q", append(parts, filters...))}
}

// Page returns the page that a caller asks for. The error is Invalid if the token
// is not one of this list.
func (l List) Page(maxResults *int, token string) (db.Page, error) {
	page := db.Page{Limit: PageSize(maxResults)}
	if token == "" {
		return page, nil
	}

	var ok bool
	if page.After, ok = l.Cursor(token); !ok {
		return page, lockstep.Errorf(lockstep.Invalid, "The NextToken is not one that this list returned.")
	}

	return page, nil
}

// PageSize returns the number of items that a caller asks for.
func PageSize(maxResults *int) int {
	if maxResults != nil && *maxResults > 0 {
		return *maxResults
	}
	return DefaultPageSize
}

// Token returns the token with which a caller continues after cursor, or "" for
// the zero cursor, the end of the list. The length of a token does not depend on
// the cursor's number.
func (l List) Token(cursor db.Cursor) (string, error) {
	if cursor == (db.Cursor{}) {
		return "", nil
	}
	text := append(binary.BigEndian.AppendUint64(nil, uint64(cursor.Number)), cursor.Text...)
	box, err := l.key.Seal(text, l.name)
	return base64.RawURLEncoding.EncodeToString(box), err
}

// Cursor returns the cursor of a token, and reports whether the token is one of
// this list.
func (l List) Cursor(token string) (cursor db.Cursor, ok bool) {
	box, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodeToString(box) != token { // not the canonical encoding
		return db.Cursor{}, false
	}

	text, err := l.key.Open(box, l.name)
	if err != nil || len(text) < 8 {
		return db.Cursor{}, false
	}

	return db.Cursor{Number: int64(binary.BigEndian.Uint64(text)), Text: string(text[8:])}, true
}
