// Package signature verifies that a commit is signed by an allowed signer.
//
// # What is verified
//
// [AllowedSigners.Verify] takes the raw bytes of the commit whose id is deployed. Git signs
// the commit object without its signature header, byte for byte. A commit with a second
// signature header is refused, because no signature covers that header.
//
// # Allowed signers
//
// SSH signatures are checked against a file in OpenSSH's allowed_signers format, in the
// namespace git; OpenPGP signatures against public keys in ASCII armor. Only the key counts:
// names and addresses in the commit prove nothing.
//
// A key must be valid both at the commit's date, which its author chose, and now. Removing a
// key therefore also invalidates the commits that it signed in the past.
//
// # Errors
//
// Errors are [*lockstep.Error]: Invalid, with the line, if a list of signers is malformed,
// and Denied, with the reason, if a commit is refused.
//
// # Limits
//
// The package reads no repository and no key server, supports no SSH certificates, and does
// not decide which sync configurations require a signature.
package signature
