// Package netaddr answers two questions about hosts and URLs before a request is
// sent: is this the machine itself, and is this where a credential belongs. Of a
// client it answers which network its address is in.
//
// It resolves no names. Which addresses may be dialled is decided when they are
// dialled, in internal/gitwire.
package netaddr
