// Package bench measures what the product claims to be fast at, each against a
// peer or a limit in the same run, and prints a table of ratios to the budgets.
// `make bench` runs it. Nothing here is a test: machines are shared and noisy,
// and a time that a test demands is a test that fails for somebody else's load.
//
// What is measured twice is measured in turns. CPU is what the kernel charges
// the process, children included; servers run in processes of their own, so
// that a client's figure is the client's. Bytes are counted at the server's
// sockets, handshake included.
package bench
