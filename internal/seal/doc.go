// Package seal keeps secrets at rest: the credentials of connections and the
// secrets of access keys lie in the database only as boxes.
//
// A Key is a Tink keyset (XChaCha20-Poly1305, so that random nonces need no
// counting) in a file of Tink's own JSON format, readable by its owner alone.
// The database without that file is worth nothing, and so are its backups:
// keep the two apart. A lost key file cannot be made again; the credentials
// must then be given anew.
//
// Where a file must not be enough, it is encrypted under a key of AWS KMS (see
// [KMS]); where there is no place for a file, its text is given (see [Parse]).
//
// A Box is bound to its context, which is no secret: the name of the row it
// lies in. A box that somebody copies into another row does not open there.
//
// A stamp (see [Key.Stamp]) is for what is to be shown to those who were given the
// way to it: an HMAC under a key that is derived from the seal key for nothing
// else.
//
// A Secret is an opened text on its way to where it is used. It hides itself
// from logs, formatting and encoding; only Reveal tells it.
//
// The package imports nothing of ours, so that every room may hold a secret.
package seal
