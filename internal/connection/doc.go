// Package connection completes connections, probes their credentials and renews their
// access tokens.
//
// A connection is PENDING until it has a credential, AVAILABLE while the credential
// works, and ERROR, with a reason, while it does not.
//
//	BeginHandshake ──▶ Verify ──▶ Complete
//	  (transaction)    (network)  (transaction)
//
//	           ┌──────── accepted ────────┐
//	PENDING ───┤                          ▼
//	   ▲       └─ refused ─▶ ERROR ◀──▶ AVAILABLE
//	no answer                 [connection_check], [connection_renewal]
//
// Each [x] is a durable job, one per connection.
//
// # Handshake
//
// The host is called between two transactions, because a transaction must not wait for
// a network. [Handshake.Complete] refuses to store a credential if the host's endpoint
// has changed since it was verified.
//
//   - The host accepts the credential: the connection is AVAILABLE.
//   - The host refuses it: the caller gets the reason and nothing is stored. An earlier
//     credential stays.
//   - The host does not answer: the credential is stored and used, and the connection is
//     PENDING with the reason. The check is repeated after 15 s, doubling to 5 min.
//   - The driver is not a [provider.CredentialChecker], or the host has no API: the connection is
//     AVAILABLE, and probes of its repositories decide from then on.
//
// # Checks
//
// The recorder of a failed repository probe calls [Controller.RecordProbe] as the last
// statement of its transaction. The check then asks the host. If the host accepts the
// credential, only the repository is denied: the connection stays AVAILABLE and is not
// checked again for a minute. [Controller.RecordCall] starts the same check after a
// refused call of the host's API.
//
// Without a Checker, a connection is in ERROR if every probed repository was denied, and
// AVAILABLE as soon as one works, or none is denied any longer. A repository that was read
// also outweighs a check that the host did not answer. If the host's key or address was not trusted, the
// credential was not sent, and the reason says so.
//
// A connection in ERROR is checked again after 5 min, doubling to 1 h. When it is
// AVAILABLE again, its repositories are probed at once.
//
// # OAuth
//
// [Controller.StartAuthorization] returns the URL for a person's browser: the
// authorization code flow with PKCE (S256). State and verifier have 256 bits each, are
// sealed with the connection and the account, expire after 10 min and are used once. A
// wrong state consumes nothing, or a caller could end the handshakes of others. The
// state is consumed before the code, so if the host does not answer at that moment the
// person has to start again.
//
// A client with a secret authenticates with the Authorization header, which RFC 6749
// requires every host to support; a public client with the form. Nothing is tried twice,
// because the first try may have spent the code. Token requests use the server's own
// transport, follow no redirect, and for a self-managed host go only to its own origin.
//
// # Renewal
//
// An access token is renewed when a fifth of its lifetime is left, at most 5 min before
// it expires. The worker first commits a lease of two minutes, longer than a request may
// take, so that no other worker spends the same refresh token. The response is written,
// and the lease released, in one transaction, which is retried while the database is
// unavailable. A credential received meanwhile takes precedence.
//
// If the process is killed between the host's response and that commit, and the host
// rotates refresh tokens, the stored one is spent. The next renewal is refused, the
// connection is in ERROR and a person has to authorize Lockstep again. Single-use tokens
// do not allow better.
//
// An expired token is not sent to the host: [Controller.Credential] returns an
// Unavailable error until it is renewed, and RecordProbe wakes the renewal.
//
// # Locks
//
// The connection's row is locked first, then its links, then a job. RecordProbe locks no
// connection, because its caller holds the lock of a link.
//
// # Limits
//
// The package does not read repositories and does not decide who may complete a
// connection. Errors, reasons and logs contain no secret: a host's messages are redacted.
package connection
