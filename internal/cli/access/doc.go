// Package access has the commands that decide who may do what: key, role and
// policy.
//
// They ask the server. With --db, some of them open the server's database
// instead, whether or not the server runs: to create the first access key, and to
// delete a policy that locks everybody out.
//
// Only `lockstep key create` and `lockstep key rotate` print a secret.
package access
