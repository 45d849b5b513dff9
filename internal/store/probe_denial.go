package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ProbeDenial is what a probe of a repository found out about the connection's
// credential.
type ProbeDenial int

// The denials. They are stored as numbers.
const (
	NotDenied         ProbeDenial = iota
	DeniedByHost                  // the host rejected the credential
	CredentialNotSent             // the host has an unexpected identity or address
)

// SetProbeDenial records what the last probe of a link found out about the credential.
func SetProbeDenial(tx *db.Tx, linkID string, denial ProbeDenial) error {
	_, err := tx.Exec(`UPDATE repository_link SET probe_denial = $2 WHERE id = $1 AND probe_denial <> $2`,
		linkID, int(denial))
	return err
}

// A ProbeSummary counts the results of the last probe of each of a connection's
// repositories.
type ProbeSummary struct {
	Succeeded         int64
	DeniedByHost      int64
	CredentialNotSent int64
	Cause             string // the message of one denial
}

// SummarizeProbes returns the probe summary of a connection, over the repositories
// that are polled and were probed.
func SummarizeProbes(tx *db.Tx, connection lockstep.ARN) (summary ProbeSummary, err error) {
	count := func(condition string) string {
		return `CAST(coalesce(sum(CASE WHEN ` + condition + ` THEN 1 ELSE 0 END), 0) AS bigint)`
	}

	err = tx.QueryRow(`SELECT `+count(`probe_denial = 0 AND outage = '' AND poll_interval > 0`)+`,
			`+count(`probe_denial = 1`)+`, `+count(`probe_denial = 2`)+`,
			coalesce(max(CASE WHEN probe_denial = 1 THEN outage END),
			max(CASE WHEN probe_denial = 2 THEN outage END), '')
		FROM repository_link WHERE connection_arn = $1 AND next_poll_at IS NOT NULL`, connection).
		Scan(&summary.Succeeded, &summary.DeniedByHost, &summary.CredentialNotSent, &summary.Cause)
	return summary, err
}

// ClearProbeDenials forgets what probes found out about a connection's credential. Use
// it when the credential is replaced.
func ClearProbeDenials(tx *db.Tx, connection lockstep.ARN) error {
	_, err := tx.Exec(`UPDATE repository_link SET probe_denial = 0 WHERE connection_arn = $1 AND probe_denial <> 0`,
		connection)
	return err
}
