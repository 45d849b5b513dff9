package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/policy"
)

// A Role is a built-in role of a principal. Policies of its account extend and
// restrict it.
type Role string

// The built-in roles; package policy defines what each permits.
const (
	Admin    Role = "admin"    // everything in its account
	Operator Role = "operator" // reads, starts syncs, resolves blockers
	Reader   Role = "reader"   // reads
	None     Role = "none"     // nothing: only policies grant access
)

func (r Role) valid() bool {
	switch r {
	case Admin, Operator, Reader, None:
		return true
	}
	return false
}

// A Principal is a caller. It can access resources of its account only. Everything
// is denied to the zero Principal.
type Principal struct {
	AccessKeyID string
	Account     string // twelve digits, as an AWS account id
	// Name is the name of a key's owner or of a session.
	Name string
	Role Role
	// AssumedRole is the web identity role of a session, "" for a key.
	AssumedRole string
	// Expires is when a session expires. It is zero for a key, even for one that
	// expires.
	Expires time.Time
}

// ARN returns the ARN of a user or of an assumed role's session. The partition is
// that of the called region, such as aws.
func (p Principal) ARN(partition string) string {
	if p.AssumedRole != "" {
		return "arn:" + partition + ":sts::" + p.Account + ":assumed-role/" + p.AssumedRole + "/" + p.Name
	}
	return "arn:" + partition + ":iam::" + p.Account + ":user/" + p.Name
}

// UserID returns an id in AWS's form: the same for all keys of a user, and a role's
// id and the session's name, separated by a colon, for a session. It is derived
// from the names; its prefixes are not AWS's.
func (p Principal) UserID() string {
	if p.AssumedRole != "" {
		return derivedID("LSRO", p.Account, p.AssumedRole) + ":" + p.Name
	}
	return derivedID("LSUS", p.Account, p.Name)
}

func derivedID(prefix, account, name string) string {
	sum := sha256.Sum256([]byte(prefix + " " + account + " " + name))
	return prefix + base32.StdEncoding.EncodeToString(sum[:idBytes])
}

// PolicyPrincipal returns p for policy decisions.
func (p Principal) PolicyPrincipal() policy.Principal {
	role := p.Role
	if role == None {
		role = ""
	}
	return policy.Principal{
		Account:     p.Account,
		Name:        p.Name,
		AssumedRole: p.AssumedRole,
		Role:        string(role),
	}
}

// LogValue returns the attributes of a caller for a log.
func (p Principal) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("key", p.AccessKeyID),
		slog.String("account", p.Account),
		slog.String("name", p.Name),
	}
	if p.AssumedRole != "" {
		attrs = append(attrs, slog.String("assumed", p.AssumedRole))
	}
	return slog.GroupValue(attrs...)
}

// reservedPrefix begins the names of the server's own principals, in any case.
const reservedPrefix = "lockstep."

// isReservedName reports whether only the server itself may have a name.
func isReservedName(name string) bool {
	return len(name) >= len(reservedPrefix) && strings.EqualFold(name[:len(reservedPrefix)], reservedPrefix)
}
