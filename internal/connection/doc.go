// Package connection keeps a connection's status true: PENDING until it holds a
// credential that works, then AVAILABLE, and ERROR with a reason while it does not
// work. It gives connections their credentials, asks hosts whether these work,
// lets applications in by OAuth 2 and renews their tokens.
//
// # A credential is given
//
// [Handshake.Receive], [Offer.Try], [Offer.Accept]: the first and the last in a
// transaction, the call of the host between them, for a transaction must not wait
// for a network. Accept refuses where the host has moved meanwhile, so that
// nothing is stored for another origin than it was tried at.
//
//   - The host says that it works: AVAILABLE.
//   - The host refuses it: the caller is told why and nothing is stored. An
//     earlier credential stays.
//   - Nobody knows, the host is away: it is stored and used, and the connection
//     is PENDING with the reason, as at AWS while a handshake is not done. A job
//     asks again, from 15 s to 5 min apart, until it is known.
//   - The driver has no [provider.Checker], or the host no API: AVAILABLE. Looks
//     at repositories tell.
//
// # It stops working
//
// Whoever records that a look at a repository was denied calls [Handshake.Met] in
// that transaction, as its last statement: the job of the connection that it
// wakes is locked until then, and whoever waits for it holds nothing of ours.
// The job connection_check, one per connection whatever happens, asks the host. A
// host that accepts the credential denies the repository alone: the connection
// stays AVAILABLE, and is not asked again within a minute.
//
// Without a Checker the looks themselves are the answer. ERROR needs that every
// repository that was looked at was denied; one that works is AVAILABLE. A host
// whose key or address is not accepted was not shown the credential, and the
// reason says so.
//
// A connection in ERROR is checked again after 5 min, doubling to 1 h, and is
// AVAILABLE when it works; its repositories are looked at then.
//
// # OAuth
//
// [Handshake.Start] gives the URL for a person's browser: the authorisation code
// with PKCE (S256), with a state and a verifier of 256 bits each. They are sealed
// with the connection and the account, end after 10 min, and are taken by the
// first who shows the state; a wrong state takes nothing, or any caller could end
// the handshakes of others. The state is spent before the code is, so a host that
// is away at that moment costs the person a second round.
//
// A client with a secret shows it as RFC 6749 has every host accept it, in the
// header Authorization, one without in the form: nothing is tried twice, for the
// first try may have spent the code. Tokens are asked for over the server's
// own transport, without redirects, and of a self-managed host at its own origin
// alone.
//
// # Renewal
//
// The job connection_renewal renews an access token when a fifth of its life is
// left, or 5 min where that is less. Before it asks it takes the connection's lease
// of two minutes, longer than a request may take, and commits that: a second node,
// or a second run, finds the lease and waits, so that a refresh token is not spent
// twice. Whatever the host answers is written with the end of the lease in one
// transaction, which is tried again while the database is away. A credential that
// was given meanwhile wins.
//
// What remains is a process that is killed between the host's answer and that
// commit. If the host rotates refresh tokens the one that we hold is spent then:
// the next renewal is refused, the connection becomes ERROR, and a person has to
// let Lockstep in again. There is no way around that with a token that may be used
// once.
//
// A token that has ended is not shown to the host: [Handshake.Credential] is
// Unavailable until it is renewed, and Met wakes the renewal.
//
// # Locks
//
// The connection's row first, then its links', then a job. Met locks no
// connection, since it is called under the lock of a link.
//
// No secret is in an error, a reason or a log: hosts' words are repeated without
// what they were shown.
package connection
