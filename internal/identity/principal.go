package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/policy"
)

// A Role is a built-in answer to what a principal may do. Policies of its
// account add to it and take from it.
type Role string

// The roles. What each permits is said in package policy.
const (
	Admin    Role = "admin"    // everything in its account
	Operator Role = "operator" // reads, starts syncs, resolves blockers
	Reader   Role = "reader"   // reads
	None     Role = "none"     // nothing: policies alone speak for it
)

func (r Role) valid() bool {
	switch r {
	case Admin, Operator, Reader, None:
		return true
	}
	return false
}

// A Principal is who calls. Everything it can see or touch lies in its account.
// The zero Principal is nobody and may do nothing.
type Principal struct {
	AccessKeyID string
	Account     string // twelve digits, as an AWS account id
	// Name is that of a key's owner; of a session it is the session's.
	Name string
	Role Role
	// AssumedRole is the web identity role that a session came by, "" for a key.
	AssumedRole string
	// Expires is when a session ends. It is zero for a key, also for one that
	// will end.
	Expires time.Time
}

// ARN names p as AWS names a user or the session of a role. The partition is
// that of the region which was called, such as aws.
func (p Principal) ARN(partition string) string {
	if p.AssumedRole != "" {
		return "arn:" + partition + ":sts::" + p.Account + ":assumed-role/" + p.AssumedRole + "/" + p.Name
	}
	return "arn:" + partition + ":iam::" + p.Account + ":user/" + p.Name
}

// UserID gives an id that is the same for all keys of a user, or for a role and
// session, in AWS's form: a role's id and the session's name with a colon
// between. It is made of the names, and its prefixes are not AWS's.
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

// PolicyPrincipal gives p as policies speak of it.
func (p Principal) PolicyPrincipal() policy.Principal {
	role := p.Role
	if role == None {
		role = ""
	}
	return policy.Principal{Account: p.Account, Name: p.Name, AssumedRole: p.AssumedRole, Role: string(role)}
}

// LogValue gives what a log should say of a caller.
func (p Principal) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("key", p.AccessKeyID), slog.String("account", p.Account), slog.String("name", p.Name)}
	if p.AssumedRole != "" {
		attrs = append(attrs, slog.String("assumed", p.AssumedRole))
	}
	return slog.GroupValue(attrs...)
}

// reservedPrefix begins the names that are the server's own, in any case of
// letters.
const reservedPrefix = "lockstep."

// isReservedName says whether a name is one that only the server itself may have.
func isReservedName(name string) bool {
	return len(name) >= len(reservedPrefix) && strings.EqualFold(name[:len(reservedPrefix)], reservedPrefix)
}
