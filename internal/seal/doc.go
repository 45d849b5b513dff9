// Package seal encrypts secrets at rest: the credentials of connections and the secrets
// of access keys are stored only in sealed boxes.
//
// # Keys
//
// A [Key] is a Tink keyset (XChaCha20-Poly1305, whose random nonces need no counter) in a
// file in Tink's JSON format, readable only by its owner. The database and its backups
// are useless without that file, so keep them apart. A lost key file cannot be
// restored; the credentials must then be entered again.
//
// The file can be encrypted with a key of AWS KMS (see [KMS]). Instead of a file, the
// text of a key can be given (see [Parse]).
//
// # Boxes
//
// A [Box] is bound to a context that is not secret: the row that holds it. A box that is
// copied to another row does not open there.
//
// # MACs
//
// [Key.MAC] authenticates links to pages without a login: it is an HMAC with a key that
// is derived from the seal key.
//
// # Secrets in memory
//
// A [Secret] hides its text from logs, formatting and encoding. Only [Secret.Reveal]
// returns it.
//
// # Not here
//
// The package stores nothing in the database and does not rotate keys. It imports no
// other package of Lockstep, so that every package can hold a secret.
package seal
