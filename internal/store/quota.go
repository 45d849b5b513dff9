package store

import (
	"fmt"
	"hash/fnv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A Countable is a kind of resource that has a quota.
type Countable int

// The kinds of resources, counted in an account and region, or in the scope the
// name mentions.
const (
	CountHosts Countable = iota
	CountConnections
	CountLinks
	CountConfigurations
	CountConfigurationsOfLink
	CountConfigurationsOfBranch
	CountKeys // of the account, whatever the region
)

// A Scope limits what is counted.
type Scope struct {
	Account lockstep.AccountID
	Region  string
	LinkID  string // for counts of a link or a branch
	Branch  string // for counts of a branch
}

// maxConcurrentRequests is more than the number of concurrent transactions of all
// servers together.
const maxConcurrentRequests = 1000

// IsQuotaReached reports whether there are limit or more of what. It reads at most limit
// rows. Near the limit, concurrent transactions that ask the same wait for each
// other, because they do not see each other's inserts.
func IsQuotaReached(tx *db.Tx, what Countable, scope Scope, limit int) (bool, error) {
	total, err := count(tx, what, scope, limit)
	if err != nil || tx.Dialect == db.SQLite || total >= limit || total < limit-maxConcurrentRequests {
		return total >= limit, err
	}
	if err := lockQuota(tx, what, scope); err != nil {
		return false, err
	}
	total, err = count(tx, what, scope, limit)
	return total >= limit, err
}

func count(tx *db.Tx, what Countable, scope Scope, limit int) (int, error) {
	var query string
	args := []any{scope.Account, scope.Region}
	switch what {
	case CountHosts:
		query = `host WHERE account = $1 AND region = $2 LIMIT $3`
	case CountConnections:
		query = `connection WHERE account = $1 AND region = $2 LIMIT $3`
	case CountLinks:
		query = `repository_link WHERE account = $1 AND region = $2 LIMIT $3`
	case CountKeys:
		query, args = `access_key WHERE account = $1 LIMIT $2`, []any{scope.Account}
	case CountConfigurations:
		query = `sync_configuration WHERE account = $1 AND region = $2 LIMIT $3`
	case CountConfigurationsOfLink:
		query, args = `sync_configuration WHERE link_id = $1 LIMIT $2`, []any{scope.LinkID}
	case CountConfigurationsOfBranch:
		query = `sync_configuration WHERE link_id = $1 AND branch = $2 LIMIT $3`
		args = []any{scope.LinkID, scope.Branch}
	}

	var n int
	err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM `+query+`) AS counted`, append(args, limit)...).Scan(&n)
	return n, err
}

// lockQuota serializes counts on PostgreSQL. On SQLite, an Update has the whole
// database.
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

	hash := fnv.New64a()
	fmt.Fprintf(hash, "lockstep quota %d %q", what, scope)
	_, err := tx.Exec("SELECT pg_advisory_xact_lock($1)", int64(hash.Sum64()))

	return err
}
