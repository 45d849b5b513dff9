package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/store"
)

// defaultPage is how many rows a list has when the caller does not say, as at
// AWS; zero says nothing either.
const defaultPage = 50

// A listing is a list that is read page by page: what is listed, and for whom.
// A token made for one listing is refused by every other.
type listing []any

func (c Caller) listing(what string, filters ...any) listing {
	return append(listing{what, c.Account, c.Region}, filters...)
}

const markBytes = 8

// mark tells listings apart. It keeps mistakes out, not attackers: whoever
// forges a token still reads his own account's rows only.
func (l listing) mark() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any(l)))
	return sum[:markBytes]
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
func (l listing) token(c store.Cursor) string {
	if c == (store.Cursor{}) {
		return ""
	}
	b := binary.AppendVarint(l.mark(), c.Number)
	return base64.RawURLEncoding.EncodeToString(append(b, c.Text...))
}

func (l listing) cursor(token string) (store.Cursor, bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) <= markBytes || !bytes.Equal(b[:markBytes], l.mark()) {
		return store.Cursor{}, false
	}
	number, n := binary.Varint(b[markBytes:])
	if n <= 0 {
		return store.Cursor{}, false
	}
	text := string(b[markBytes+n:])
	// PostgreSQL takes neither as text.
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return store.Cursor{}, false
	}
	return store.Cursor{Number: number, Text: text}, true
}
