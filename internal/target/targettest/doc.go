// Package targettest is the conformance suite of the target contract.
//
// [Test] runs a driver through the contract. [Drive] runs an attempt as the engine
// does, or as an engine that crashes after every step. The suite compares what the
// outside system has seen.
//
// It does not check what a driver writes in events, plans and errors.
package targettest
