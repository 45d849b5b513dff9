// Package bench measures the performance that the product promises. Each benchmark
// compares Lockstep with a peer or a limit in the same run, and prints a table of ratios
// and their budgets. Run it with `make bench`.
//
// The benchmarks are not tests: a test that requires a certain time fails when another
// process uses the machine.
//
// # Method
//
// Measurements that are compared alternate. CPU time is what the kernel charges to the
// process and its children; servers run in processes of their own, so that the client's
// time is separate. Bytes are counted at the server's sockets, including TLS handshakes.
package bench
