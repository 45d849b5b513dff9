package store

import (
	"fmt"
	"hash/fnv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A Countable is what an account can have only so many of.
type Countable int

// What is counted, in an account and region, or in the link that is named.
const (
	CountHosts Countable = iota
	CountConnections
	CountLinks
	CountConfigurations
	CountConfigurationsOfLink
	CountConfigurationsOfBranch
	CountKeys // of the account, whatever the region
)

// A Scope says where to count.
type Scope struct {
	Account lockstep.AccountID
	Region  string
	LinkID  string // for those of a link and of a branch
	Branch  string // for those of a branch
}

// maxConcurrentRequests is more than all nodes together have transactions under way.
const maxConcurrentRequests = 1000

// IsQuotaReached says whether there are limit or more of what. It looks at no more rows
// than that. Near the limit others that ask the same wait until the transaction
// ends: nobody sees what the others are about to make.
func IsQuotaReached(tx *db.Tx, what Countable, scope Scope, limit int) (bool, error) {
	n, err := count(tx, what, scope, limit)
	if err != nil || tx.Dialect == db.SQLite || n >= limit || n < limit-maxConcurrentRequests {
		return n >= limit, err
	}
	if err := lockQuota(tx, what, scope); err != nil {
		return false, err
	}
	n, err = count(tx, what, scope, limit)
	return n >= limit, err
}

func count(tx *db.Tx, what Countable, scope Scope, limit int) (int, error) {
	var q string
	args := []any{scope.Account, scope.Region}
	switch what {
	case CountHosts:
		q = `host WHERE account = $1 AND region = $2 LIMIT $3`
	case CountConnections:
		q = `connection WHERE account = $1 AND region = $2 LIMIT $3`
	case CountLinks:
		q = `repository_link WHERE account = $1 AND region = $2 LIMIT $3`
	case CountKeys:
		q, args = `access_key WHERE account = $1 LIMIT $2`, []any{scope.Account}
	case CountConfigurations:
		q = `sync_configuration WHERE account = $1 AND region = $2 LIMIT $3`
	case CountConfigurationsOfLink:
		q, args = `sync_configuration WHERE link_id = $1 LIMIT $2`, []any{scope.LinkID}
	case CountConfigurationsOfBranch:
		q, args = `sync_configuration WHERE link_id = $1 AND branch = $2 LIMIT $3`, []any{scope.LinkID, scope.Branch}
	}

	var n int
	err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM `+q+`) AS counted`, append(args, limit)...).Scan(&n)
	return n, err
}

// lockQuota is for PostgreSQL: an Update of SQLite has the whole database.
func lockQuota(tx *db.Tx, what Countable, scope Scope) error {
	switch what {
	case CountKeys:
		scope = Scope{Account: scope.Account}
	case CountConfigurationsOfLink:
		scope.Branch = ""
	case CountConfigurationsOfBranch:
	default:
		scope.LinkID, scope.Branch = "", ""
	}

	h := fnv.New64a()
	fmt.Fprintf(h, "lockstep quota %d %q", what, scope)
	_, err := tx.Exec("SELECT pg_advisory_xact_lock($1)", int64(h.Sum64()))

	return err
}
