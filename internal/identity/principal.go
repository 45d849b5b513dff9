package identity

import (
	"context"
	"log/slog"
	"strings"
)

// A Role says what a principal may do.
type Role string

// The roles.
const (
	Admin  Role = "admin"  // every operation
	Reader Role = "reader" // operations that only read
)

// A Principal is who calls. Everything it can see or touch lies in its account.
// The zero Principal is nobody and may do nothing.
type Principal struct {
	AccessKeyID string
	Account     string // twelve digits, as an AWS account id
	Name        string
	Role        Role
}

// LogValue gives what a log should say of a caller.
func (p Principal) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("key", p.AccessKeyID), slog.String("account", p.Account), slog.String("name", p.Name))
}

// Allow says whether p may call an operation, named as on the wire. An
// operation that only reads is one whose verb is Get or List; what is not known
// to be allowed is denied.
func Allow(p Principal, operation string) bool {
	if p.AccessKeyID == "" || p.Account == "" {
		return false
	}
	switch p.Role {
	case Admin:
		return operation != ""
	case Reader:
		return hasVerb(operation, "Get") || hasVerb(operation, "List")
	}
	return false
}

// hasVerb tells GetHost from Getaway: a noun with a capital follows the verb.
func hasVerb(operation, verb string) bool {
	noun, found := strings.CutPrefix(operation, verb)
	return found && noun != "" && noun[0] >= 'A' && noun[0] <= 'Z'
}

type contextKey struct{}

// NewContext gives a context that carries who calls.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext gives who calls, or false where nobody was put into ctx.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}
